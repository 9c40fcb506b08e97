package analyze

import (
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// builder makes small traces by hand. Times are in ns.
type builder struct {
	t      *trace.Trace
	tracks map[[2]int64]trace.TrackID
}

func newBuilder() *builder {
	return &builder{&trace.Trace{Strings: trace.NewStrings()}, map[[2]int64]trace.TrackID{}}
}

func (b *builder) track(pid, tid int64) trace.TrackID {
	k := [2]int64{pid, tid}
	id, ok := b.tracks[k]
	if !ok {
		id = trace.TrackID(len(b.t.Tracks))
		b.tracks[k] = id
		text := func(n int64) trace.StringID { return b.t.Strings.InternString(strconv.FormatInt(n, 10)) }
		b.t.Tracks = append(b.t.Tracks, trace.Track{Process: text(pid), Thread: text(tid), PID: pid, TID: tid})
	}
	return id
}

func (b *builder) event(category trace.Category, name string, track trace.TrackID, start, ns int64, side uint32) {
	phase := trace.PhaseComplete
	if category == trace.CategoryInstant {
		phase = trace.PhaseInstant
	}
	b.t.Events.Append(trace.Event{StartNs: start, DurationNs: ns, Name: b.t.Strings.InternString(name), Track: track,
		Category: category, Phase: phase, Side: side})
}

// gpu adds work of device 0 on a stream.
func (b *builder) gpu(category trace.Category, name string, stream, correlation, start, ns int64) {
	side := b.t.GPU.Append(trace.GPUWork{Stream: stream, Correlation: correlation, ExternalID: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide})
	b.event(category, name, b.track(0, stream), start, ns, side)
}

func (b *builder) kernel(name string, stream, correlation, start, ns int64) {
	b.gpu(trace.CategoryKernel, name, stream, correlation, start, ns)
}

// thread is the CPU thread that tests use unless they say otherwise.
const thread = 100

func (b *builder) call(name string, correlation, start, ns int64) {
	side := b.t.Calls.Append(trace.Call{Correlation: correlation, ExternalID: trace.Absent})
	b.event(trace.CategoryRuntime, name, b.track(1, thread), start, ns, side)
}

func (b *builder) opOn(tid int64, category trace.Category, name string, start, ns int64) {
	side := b.t.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide})
	b.event(category, name, b.track(1, tid), start, ns, side)
}

func (b *builder) op(name string, start, ns int64) {
	b.opOn(thread, trace.CategoryCPUOp, name, start, ns)
}

func (b *builder) annotation(name string, start, ns int64) {
	b.opOn(thread, trace.CategoryUserAnnotation, name, start, ns)
}

func (b *builder) frame(name string, start, ns int64) {
	b.event(trace.CategoryPythonFunction, name, b.track(1, thread), start, ns, b.t.Frames.Append(trace.Frame{}))
}

func (b *builder) memory(start, bytes, total int64) {
	side := b.t.Memory.Append(trace.MemoryEvent{Bytes: bytes, TotalAllocatedBytes: total, TotalReservedBytes: trace.Absent, DeviceType: 0, DeviceID: -1})
	b.event(trace.CategoryInstant, "[memory]", b.track(1, thread), start, 0, side)
}

// collective adds a c10d op of the embedded engine.
func (b *builder) collective(name string, start, ns, wait, bytes int64) {
	row := b.t.Collectives.Append(trace.Collective{Name: b.t.Strings.InternString(name), Dtype: b.t.Strings.InternString("float"),
		GroupSize: 2, Bytes: bytes, WaitNs: wait})
	side := b.t.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: row})
	b.event(trace.CategoryCPUOp, "c10d::"+name, b.track(1, thread), start, ns, side)
}

func (b *builder) analyze(o Options) *Result { return Analyze([]*trace.Trace{b.t}, o) }
