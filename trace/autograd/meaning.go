package autograd

import (
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// understand gives the rows of a trace that was read as a list of events without categories the ones that they have.
// The text of an event depends on its row as it was read, so that those rows are kept beside the new ones.
func understand(t *trace.Trace) *trace.Trace {
	read := *t
	t.Events = trace.Events{}
	if read.Text != nil {
		t.Text = &text{read.Text, &read}
	}
	m := meaning{t: t, ops: map[place]int64{}, launched: map[int64]int64{}, heads: map[place]int64{}}
	m.arrow = t.Strings.InternString(arrowName)
	for _, x := range t.Tracks {
		device := ""
		if p := process.FindStringSubmatch(t.Strings.At(x.Process)); p != nil {
			device = p[1]
		}
		m.devices = append(m.devices, device)
	}
	for i := range read.Events.Len() {
		e := read.Events.At(i)
		if e.Category == trace.CategoryOther {
			e.Category = t.Events.CategoryOf([]byte(read.Events.CategoryName(i)))
		}
		m.add(e)
	}
	return t
}

// place is where an event begins: an arrow begins and ends where an event of the same name does.
type place struct {
	track   trace.TrackID
	startNs int64
	name    trace.StringID
}

// meaning goes through the rows in the file's order, in which an arrow's start follows its op, and its end comes before
// the work that it leads to.
type meaning struct {
	t        *trace.Trace
	devices  []string        // by track: "CPU", "CUDA"; "" if it is not one of this format's
	ops      map[place]int64 // the number of the op that began there last
	launched map[int64]int64 // by arrow: the number of the op at its start
	heads    map[place]int64 // arrows that have ended, until their work comes
	op       int64           // the number of the last op, from 1
	arrow    trace.StringID  // the name of all arrows
}

// arrowName is what arrows from ops to GPU work are called. In the file each of an arrow's ends has the name of what it
// stands at, by which nobody could tell that they are one arrow.
const arrowName = "ac2g"

// add appends a row with the category that it has.
func (m *meaning) add(e trace.Event) {
	at := place{e.Track, e.StartNs, e.Name}
	device := m.devices[e.Track]
	if e.Category == trace.CategoryFlow {
		e.Name = m.arrow
	}
	switch {
	case e.Phase == trace.PhaseFlowStart && e.Side != trace.NoSide:
		if op, ok := m.ops[at]; ok {
			m.launched[m.t.Flows.At(e.Side).ID] = op
		}
	case e.Phase == trace.PhaseFlowEnd && e.Side != trace.NoSide:
		m.heads[at] = m.t.Flows.At(e.Side).ID
	case device == "" || e.Category != trace.CategoryNone || e.Phase != trace.PhaseComplete:
	case device == "CPU":
		m.op++
		m.ops[at] = m.op
		e.Category, e.Side = trace.CategoryCPUOp, m.t.Ops.Append(trace.Op{
			ExternalID: m.op, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide,
		})
		if _, step := trace.ParseStep(m.t.Strings.At(e.Name)); step {
			e.Category = trace.CategoryUserAnnotation
		}
	default:
		e.Category, e.Side = workCategory(m.t.Strings.At(e.Name)), m.t.GPU.Append(trace.GPUWork{
			Device: int32(m.t.Tracks[e.Track].TID), Stream: trace.Absent, Correlation: trace.Absent, ExternalID: m.launcher(at),
			Bytes: trace.Absent, Collective: trace.NoSide,
		})
	}
	m.t.Events.Append(e)
}

// launcher is the number of the op from which an arrow leads to the work at a place; Absent if there is none.
func (m *meaning) launcher(at place) int64 {
	id, ok := m.heads[at]
	if !ok {
		return trace.Absent
	}
	delete(m.heads, at)
	if op, ok := m.launched[id]; ok {
		return op
	}
	return trace.Absent
}

// workCategory tells copies and sets from kernels, by the names that CUPTI's readers give them.
func workCategory(name string) trace.Category {
	switch {
	case strings.HasPrefix(name, "Memcpy "):
		return trace.CategoryMemcpy
	case strings.HasPrefix(name, "Memset "):
		return trace.CategoryMemset
	}
	return trace.CategoryKernel
}

// text is the text of the events by their rows as they were read.
type text struct {
	trace.Text
	read *trace.Trace
}

// AppendEvent implements trace.Text.
func (x *text) AppendEvent(dst []byte, _ *trace.Trace, i int) []byte {
	return x.Text.AppendEvent(dst, x.read, i)
}

// Arg implements trace.Text.
func (x *text) Arg(_ *trace.Trace, i int, name string) (trace.Value, bool) {
	return x.Text.Arg(x.read, i, name)
}
