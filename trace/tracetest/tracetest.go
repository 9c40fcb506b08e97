// Package tracetest makes small traces by hand, for tests. Times are in ns since the trace's base time.
package tracetest

import (
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// Thread is the CPU thread (tid) that what happens on the host is on, unless a test says otherwise.
const Thread = 100

// Builder makes a trace event by event. Its methods take a start and a duration, and append in the order of their calls.
type Builder struct {
	Trace  *trace.Trace
	tracks map[[2]int64]trace.TrackID
}

// New begins a trace without events.
func New() *Builder {
	return &Builder{&trace.Trace{Strings: trace.NewStrings()}, map[[2]int64]trace.TrackID{}}
}

// Track is the track of a process and a thread, of a device and a stream for GPU work.
func (b *Builder) Track(pid, tid int64) trace.TrackID {
	k := [2]int64{pid, tid}
	id, ok := b.tracks[k]
	if !ok {
		id = trace.TrackID(len(b.Trace.Tracks))
		b.tracks[k] = id
		text := func(n int64) trace.StringID { return b.Trace.Strings.InternString(strconv.FormatInt(n, 10)) }
		b.Trace.Tracks = append(b.Trace.Tracks, trace.Track{Process: text(pid), Thread: text(tid), PID: pid, TID: tid})
	}
	return id
}

// Event adds an event of any kind. Instants are of CategoryInstant, and all else has a duration.
func (b *Builder) Event(category trace.Category, name string, track trace.TrackID, start, ns int64, side uint32) {
	phase := trace.PhaseComplete
	if category == trace.CategoryInstant {
		phase = trace.PhaseInstant
	}
	b.Trace.Events.Append(trace.Event{StartNs: start, DurationNs: ns, Name: b.Trace.Strings.InternString(name), Track: track,
		Category: category, Phase: phase, Side: side})
}

// GPU adds work of device 0 on a stream.
func (b *Builder) GPU(category trace.Category, name string, stream, correlation, start, ns int64) {
	side := b.Trace.GPU.Append(trace.GPUWork{Stream: stream, Correlation: correlation, ExternalID: trace.Absent, Bytes: trace.Absent,
		Collective: trace.NoSide})
	b.Event(category, name, b.Track(0, stream), start, ns, side)
}

// Kernel adds a kernel of device 0 on a stream.
func (b *Builder) Kernel(name string, stream, correlation, start, ns int64) {
	b.GPU(trace.CategoryKernel, name, stream, correlation, start, ns)
}

// Call adds a runtime call.
func (b *Builder) Call(name string, correlation, start, ns int64) {
	b.CallOn(Thread, name, correlation, start, ns)
}

// CallOn adds a runtime call on a thread of the host.
func (b *Builder) CallOn(tid int64, name string, correlation, start, ns int64) {
	side := b.Trace.Calls.Append(trace.Call{Correlation: correlation, ExternalID: trace.Absent})
	b.Event(trace.CategoryRuntime, name, b.Track(1, tid), start, ns, side)
}

// OpOn adds an op or an annotation on a thread of the host.
func (b *Builder) OpOn(tid int64, category trace.Category, name string, start, ns int64) {
	side := b.Trace.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide})
	b.Event(category, name, b.Track(1, tid), start, ns, side)
}

// Op adds a CPU op.
func (b *Builder) Op(name string, start, ns int64) {
	b.OpOn(Thread, trace.CategoryCPUOp, name, start, ns)
}

// Annotation adds a user's or an engine's annotation.
func (b *Builder) Annotation(name string, start, ns int64) {
	b.OpOn(Thread, trace.CategoryUserAnnotation, name, start, ns)
}

// Frame adds a Python frame.
func (b *Builder) Frame(name string, start, ns int64) {
	b.Event(trace.CategoryPythonFunction, name, b.Track(1, Thread), start, ns, b.Trace.Frames.Append(trace.Frame{}))
}

// Memory adds an allocation (or, of fewer than 0 bytes, a freeing) on the host; total is what is allocated then, or trace.Absent.
func (b *Builder) Memory(start, bytes, total int64) {
	side := b.Trace.Memory.Append(trace.MemoryEvent{Bytes: bytes, TotalAllocatedBytes: total, TotalReservedBytes: trace.Absent,
		DeviceType: 0, DeviceID: -1})
	b.Event(trace.CategoryInstant, "[memory]", b.Track(1, Thread), start, 0, side)
}

// Collective adds a c10d op of the embedded engine.
func (b *Builder) Collective(name string, start, ns, wait, bytes int64) {
	row := b.Trace.Collectives.Append(trace.Collective{Name: b.Trace.Strings.InternString(name),
		Dtype: b.Trace.Strings.InternString("float"), GroupSize: 2, Bytes: bytes, WaitNs: wait})
	side := b.Trace.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: row})
	b.Event(trace.CategoryCPUOp, "c10d::"+name, b.Track(1, Thread), start, ns, side)
}
