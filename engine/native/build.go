package native

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/trace"
)

// kinetoEpochSeconds is a quarter of a year: Kineto counts a trace's times from the last whole multiple of it, so that
// they stay short and yet agree between ranks.
const kinetoEpochSeconds = 7889238

// builder turns one rank's records into a trace.
type builder struct {
	t      *trace.Trace
	base   time.Time // of the trace's clock
	config engine.ProfilerConfig
	rank   int
	ranks  int

	externalID int64
	frames     []openFrame // the modules that enclose the current record

	shapes map[[3]llm.Shape]trace.ShapesID // that were written already
	dtypes map[[3]string]trace.DtypesID
}

// openFrame is a module whose forward has begun.
type openFrame struct {
	id  int64
	end time.Duration
}

func (e *Engine) buildTrace(number int, p *profile) *trace.Trace {
	r, config := p.recorders[number], p.config
	now := time.Now()
	base := time.Unix(now.Unix()/kinetoEpochSeconds*kinetoEpochSeconds, 0)
	b := &builder{
		t: &trace.Trace{Strings: trace.NewStrings()}, base: base, config: config,
		rank: number, ranks: len(e.ranks), shapes: map[[3]llm.Shape]trace.ShapesID{}, dtypes: map[[3]string]trace.DtypesID{},
	}
	info := e.info
	info.Peaks = p.peaks
	b.meta(info)
	b.addMainTrack()
	order := make([]int, r.len())
	for i := range order {
		order[i] = i
	}
	// Spans were kept as they ended; parents go before their children in a trace.
	slices.SortStableFunc(order, func(i, j int) int {
		x, y := r.at(i), r.at(j)
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(y.Elapsed, x.Elapsed), cmp.Compare(j, i))
	})
	for _, i := range order {
		x := r.at(i)
		if x.Site.Kind == llm.KindModule {
			b.module(x)
			continue
		}
		collective := trace.NoSide
		if c, ok := r.comms[i]; ok {
			collective = b.collective(&c)
		}
		b.span(x, collective)
	}
	if config.WithMemory {
		b.memory(r)
	}
	if number == 0 { // of the engine, not of a rank
		b.counters(p.counters, e.config.EnablePrefixCaching)
	}
	if b.t.Events.Len() == 0 {
		b.window(p)
	}
	return b.t
}

// window writes the profiler's own span. A trace with events gets one around them when it is written; without a step
// between start and stop, this says when the profile was.
func (b *builder) window(p *profile) {
	b.t.Tracks = append(b.t.Tracks, trace.Track{
		Process: b.t.Strings.InternString("Spans"), Thread: b.t.Strings.InternString("PyTorch Profiler"),
	})
	b.t.Events.Append(trace.Event{
		StartNs: b.at(p.began), DurationNs: (p.ended - p.began).Nanoseconds(), Name: b.t.Strings.InternString("PyTorch Profiler (0)"),
		Track: mainTrack + 1, Category: trace.CategoryTrace, Phase: trace.PhaseComplete, Side: trace.NoSide,
	})
}

func (b *builder) meta(info engine.Info) {
	m := &b.t.Meta
	m.SchemaVersion, m.DisplayTimeUnit = 1, "ms"
	m.BaseTimeNanoseconds = b.base.UnixNano()
	m.HostName = host.Name()
	m.Engine = trace.Engine{Name: "inferprof", Version: info.Version, Device: info.Device, ThreadsPerRank: info.ThreadsPerRank}
	if p := info.Peaks; p != nil {
		m.Engine.FLOPsPerS, m.Engine.BytesPerS = p.FLOPsPerS, p.BytesPerS
	}
	group := trace.Group{Name: "0", Description: "default_pg", Size: b.ranks}
	for r := range b.ranks {
		group.Ranks = append(group.Ranks, r)
	}
	m.Distributed = &trace.Distributed{Backend: "shared_memory", Rank: b.rank, WorldSize: b.ranks, Groups: []trace.Group{group}}
	m.Other = map[string]string{}
	for key, on := range map[string]bool{
		"record_shapes": b.config.RecordShapes, "profile_memory": b.config.WithMemory,
		"with_flops": b.config.WithFLOPs, "with_stack": b.config.WithStack, "with_modules": true,
	} {
		if on {
			m.Other[key] = "1"
		}
	}
	if text, err := json.Marshal(info); err == nil {
		m.Other["inferprof_engine"] = string(text)
	}
}

// mainTrack is the row of the rank's main thread, on which everything happens.
const mainTrack trace.TrackID = 0

// addMainTrack adds that row. All ranks live in one process; their traces give each a process of its own, as vLLM's
// ranks have, so that they can be laid side by side.
func (b *builder) addMainTrack() {
	pid := int64(os.Getpid() + b.rank)
	text := b.t.Strings.InternString(strconv.FormatInt(pid, 10))
	b.t.Tracks = append(b.t.Tracks, trace.Track{
		Process: text, Thread: text, ProcessName: fmt.Sprintf("inferprof rank %d", b.rank),
		ThreadName: fmt.Sprintf("thread %d (main)", pid), Labels: "CPU", PID: pid, TID: pid,
	})
}

// at is a reading of the engine's clock on the trace's.
func (b *builder) at(t time.Duration) int64 { return llm.WallClock(t).Sub(b.base).Nanoseconds() }

func (b *builder) span(x *llm.Span, collective uint32) {
	b.externalID++
	op := trace.Op{ExternalID: b.externalID, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: collective}
	op.Module = b.t.Strings.InternString(x.Site.Module)
	if b.config.RecordShapes && x.Inputs[0] != (llm.Shape{}) {
		op.Shapes, op.Dtypes = b.inputs(x)
	}
	if b.config.WithFLOPs && x.Site.Kind != llm.KindStep {
		op.FLOPs, op.Bytes = x.FLOPs, x.Bytes
	}
	category := trace.CategoryCPUOp
	if x.Site.Kind == llm.KindStep {
		category = trace.CategoryUserAnnotation
	}
	b.append(x, x.Site.Name, category, b.t.Ops.Append(op))
}

func (b *builder) append(x *llm.Span, name string, category trace.Category, side uint32) {
	b.t.Events.Append(trace.Event{
		StartNs: b.at(x.Start), DurationNs: x.Elapsed.Nanoseconds(), Name: b.t.Strings.InternString(name),
		Track: mainTrack, Category: category, Phase: trace.PhaseComplete, Side: side,
	})
}

// module writes a module's forward the way PyTorch's profiler shows modules with stacks on: as a Python frame.
func (b *builder) module(x *llm.Span) {
	for len(b.frames) > 0 && b.frames[len(b.frames)-1].end <= x.Start {
		b.frames = b.frames[:len(b.frames)-1]
	}
	b.externalID++
	f := trace.Frame{ID: b.externalID, ParentID: trace.Absent}
	if n := len(b.frames); n > 0 {
		f.ParentID = b.frames[n-1].id
	}
	b.frames = append(b.frames, openFrame{f.ID, x.Start + x.Elapsed})
	b.append(x, "nn.Module: "+x.Site.Name+" ("+x.Site.Module+")", trace.CategoryPythonFunction, b.t.Frames.Append(f))
}

// inputs are the shapes and types of a span's inputs, each different list once.
func (b *builder) inputs(x *llm.Span) (trace.ShapesID, trace.DtypesID) {
	types := [3]string{}
	args, names := []trace.Shape(nil), []string(nil)
	for i, in := range x.Inputs {
		if in == (llm.Shape{}) {
			break
		}
		dims := []int64{int64(in[0]), int64(in[1])}
		if in[1] <= 0 {
			dims = dims[:1]
		}
		types[i] = cmp.Or(x.Site.Types[i], "float")
		args, names = append(args, trace.Shape{Dims: dims}), append(names, types[i])
	}
	shapes, ok := b.shapes[x.Inputs]
	if !ok {
		shapes = b.t.Inputs.AddShapes(trace.Shapes{Args: args})
		b.shapes[x.Inputs] = shapes
	}
	dtypes, ok := b.dtypes[types]
	if !ok {
		dtypes = b.t.Inputs.AddDtypes(trace.Dtypes{Names: names})
		b.dtypes[types] = dtypes
	}
	return shapes, dtypes
}

func (b *builder) collective(c *llm.Communication) uint32 {
	ranks := []byte{'['}
	for r := range c.Ranks {
		if r > 0 {
			ranks = append(ranks, ", "...)
		}
		ranks = strconv.AppendInt(ranks, int64(r), 10)
	}
	out := int64(c.Elements)
	if c.Name == "allgather" {
		out *= int64(c.Ranks)
	}
	return b.t.Collectives.Append(trace.Collective{
		Name: b.t.Strings.InternString(c.Name), Dtype: b.t.Strings.InternString(c.Dtype),
		InElements: int64(c.Elements), OutElements: out, GroupSize: int64(c.Ranks),
		GroupName: b.t.Strings.InternString("0"), GroupRanks: b.t.Strings.Intern(append(ranks, ']')),
		Bytes: c.Bytes, WaitNs: c.Wait.Nanoseconds(),
	})
}

// memory writes the [memory] instants: each change, with what the rank held after it.
func (b *builder) memory(r *recorder) {
	name := b.t.Strings.InternString("[memory]")
	for _, a := range r.allocations {
		side := b.t.Memory.Append(trace.MemoryEvent{
			Address: uint64(a.Address), Bytes: a.Bytes, TotalAllocatedBytes: a.Total, TotalReservedBytes: a.Reserved,
		})
		b.t.Events.Append(trace.Event{
			StartNs: b.at(a.At), Name: name, Track: mainTrack, Category: trace.CategoryInstant, Phase: trace.PhaseInstant, Side: side,
		})
	}
}

// counters writes the scheduler's state as counters, which viewers draw as curves. Words and meaning are those of vLLM's
// metrics.
func (b *builder) counters(list []counters, prefixCaching bool) {
	for _, c := range list {
		b.counter(c.at, "num_requests", b.sample("running", float64(c.running)), b.sample("waiting", float64(c.waiting)))
		b.counter(c.at, "num_scheduled_tokens", b.sample("context", float64(c.context)), b.sample("generation", float64(c.generation)))
		b.counter(c.at, "kv_cache_usage_perc", b.sample("used", math.RoundToEven(c.kvUsage*1e4)/1e4))
		b.counter(c.at, "num_preemptions", b.sample("total", float64(c.stats.Preemptions)))
		if prefixCaching {
			b.counter(c.at, "prefix_cache_tokens", b.sample("queries", float64(c.stats.PrefixQueries)), b.sample("hits", float64(c.stats.PrefixHits)))
		}
	}
}

func (b *builder) sample(series string, value float64) trace.Sample {
	return trace.Sample{Series: b.t.Strings.InternString(series), Value: value}
}

func (b *builder) counter(at time.Duration, name string, samples ...trace.Sample) {
	b.t.Events.Append(trace.Event{
		StartNs: b.at(at), Name: b.t.Strings.InternString(name), Track: mainTrack, Phase: trace.PhaseCounter,
		Side: b.t.Counters.Append(trace.Counter{Samples: samples}),
	})
}
