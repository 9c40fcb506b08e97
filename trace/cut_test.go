package trace

import (
	"slices"
	"testing"
)

// launchedTrace has two steps of one op each, whose kernels run late, a graph launch of two kernels, Python frames
// around all of it, and arrows. Rows are named by what they are.
func launchedTrace() (*Trace, []string) {
	t := &Trace{Strings: NewStrings(), Tracks: []Track{{PID: 9, TID: 9}, {PID: 0, TID: 7}}}
	var rows []string
	add := func(name string, track TrackID, category Category, phase Phase, start, dur int64, side uint32) {
		t.Events.Append(Event{StartNs: start, DurationNs: dur, Name: t.Strings.InternString(name), Track: track,
			Category: category, Phase: phase, Side: side})
		rows = append(rows, name)
	}
	op := func(name string, category Category, start, dur, external int64) {
		add(name, 0, category, PhaseComplete, start, dur, t.Ops.Append(Op{ExternalID: external}))
	}
	flow := func(name string, track TrackID, phase Phase, start, id int64) {
		add(name, track, CategoryFlow, phase, start, 0, t.Flows.Append(Flow{ID: id}))
		t.Strings.InternString("ac2g")
	}
	add("frame", 0, CategoryPythonFunction, PhaseComplete, 0, 200, t.Frames.Append(Frame{ID: 1}))
	op("step 0", CategoryUserAnnotation, 0, 100, 1)
	op("op 0", CategoryCPUOp, 10, 20, 2)
	op("step 1", CategoryUserAnnotation, 100, 100, 3)
	op("op 1", CategoryCPUOp, 110, 20, 4)
	call := func(name string, start, correlation, external int64) {
		add(name, 0, CategoryRuntime, PhaseComplete, start, 5, t.Calls.Append(Call{Correlation: correlation, ExternalID: external}))
	}
	kernel := func(name string, start, correlation, external int64) {
		add(name, 1, CategoryKernel, PhaseComplete, start, 30, t.GPU.Append(GPUWork{Correlation: correlation, ExternalID: external}))
	}
	call("launch 0", 12, 50, 2)
	kernel("kernel 0", 105, 50, 2) // of step 0, while step 1 goes on
	flow("arrow", 0, PhaseFlowStart, 12, 50)
	flow("arrow", 1, PhaseFlowEnd, 105, 50)
	call("graph 1", 112, 51, 4)
	kernel("kernel 1a", 140, 51, Absent)
	kernel("kernel 1b", 240, 51, Absent) // after the window
	flow("arrow", 0, PhaseFlowStart, 112, 51)
	flow("arrow", 1, PhaseFlowEnd, 140, 51)
	flow("arrow", 1, PhaseFlowEnd, 240, 51)
	kernel("stray", 50, 49, Absent) // launched before the profile began
	add("window", 0, CategoryTrace, PhaseComplete, 0, 300, NoSide)
	return t, rows
}

func TestCut(t *testing.T) {
	tr, names := launchedTrace()
	step0, step1 := Window{0, 100}, Window{100, 200}
	for name, c := range map[string]struct {
		cut  Cut
		want []string
	}{
		"all":       {Cut{}, names},
		"step 0":    {Cut{Windows: []Window{step0}, ByLaunch: true}, []string{"frame", "step 0", "op 0", "launch 0", "kernel 0", "arrow", "arrow", "stray", "window"}},
		"step 1":    {Cut{Windows: []Window{step1}, ByLaunch: true}, []string{"frame", "step 1", "op 1", "graph 1", "kernel 1a", "kernel 1b", "arrow", "arrow", "arrow", "window"}},
		"time":      {Cut{Windows: []Window{{100, 139}}}, []string{"frame", "op 0", "step 1", "op 1", "launch 0", "kernel 0", "arrow", "arrow", "graph 1", "kernel 1a", "kernel 1b", "arrow", "arrow", "arrow", "window"}},
		"no frames": {Cut{Windows: []Window{step0}, ByLaunch: true, Drop: []string{"python_function"}}, []string{"step 0", "op 0", "launch 0", "kernel 0", "arrow", "arrow", "stray", "window"}},
		"no calls":  {Cut{Windows: []Window{step0}, ByLaunch: true, Drop: []string{"cuda_runtime"}}, []string{"frame", "step 0", "op 0", "kernel 0", "stray", "window"}},
		"kernels":   {Cut{Only: []string{"kernel"}}, []string{"kernel 0", "kernel 1a", "kernel 1b", "stray", "window"}},
		"both":      {Cut{Windows: []Window{step0, step1}, ByLaunch: true}, names},
		"nothing":   {Cut{Windows: []Window{{1000, 2000}}}, []string{"window"}},
	} {
		rows := c.cut.Rows(tr)
		var got []string
		for i, n := range names {
			if rows.Has(i) {
				got = append(got, n)
			}
		}
		if !slices.Equal(got, c.want) || rows.Len() != len(got) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, c.want)
		}
	}
}
