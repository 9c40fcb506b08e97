package index

import "github.com/inferprof/inferprof/trace"

// StepWindows says when each step of a trace takes place on the CPU: from the start of its mark to the start of the next
// step's, so that what the engine does between marks (sampling, output) belongs to the step before; the last step's goes
// to the end of the trace. They are in the order of StepTable. There are none of a trace without steps.
func StepWindows(t *trace.Trace) []trace.Window {
	x := New(t, &Options{})
	marks := x.ChooseMarks()
	windows := make([]trace.Window, len(marks))
	for i, m := range marks {
		windows[i] = trace.Window{FromNs: m.StartNs, ToNs: x.LastNs + 1}
		if i > 0 {
			windows[i-1].ToNs = m.StartNs
		}
	}
	return windows
}
