package findings

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// fullShare of a device's memory in the allocator's hands, or of a pool in use, is where the next longer prompt or
// larger batch fails or preempts. vLLM sets 90 % aside by default and keeps the rest for graphs and libraries.
const fullShare = 0.95

// memoryPressure: memory is nearly used up. Its sentence goes on after "on rank 0" (lowestRank).
func memoryPressure(rv *rankView) *analyze.Finding {
	for _, m := range rv.rank.Memory {
		used, whole, what := m.PeakBytes, m.ReservedPeakBytes, "the pool"
		if strings.HasPrefix(m.Device, "GPU ") {
			used, whole, what = m.ReservedPeakBytes, 0, "the device's memory"
			for _, d := range rv.t.Meta.Devices {
				if m.Device == "GPU "+strconv.Itoa(d.ID) {
					whole = d.TotalMemoryBytes
				}
			}
		}
		row := rv.memoryRow(m.PeakNs)
		if m.PeakIsChange || whole <= 0 || ratio(used, whole) < fullShare || row < 0 {
			continue
		}
		f := &analyze.Finding{
			Evidence: []analyze.Evidence{bytesOf("allocated_at_peak", m.PeakBytes)},
			Events:   []analyze.EventRef{rv.ref(row)},
			Try:      "fewer requests at once (--max-num-seqs), a shorter --max-model-len, an fp8 KV cache, quantized weights, or more ranks",
		}
		say(f, "%s of %s, %s (%s), is taken at the peak: longer prompts or larger batches may preempt requests or fail",
			bytesOf("taken", used), what,
			bytesOf("whole", whole), share("of_whole", min(used, whole), whole))
		return f
	}
	return nil
}

// memoryRow is the allocation at a moment; -1 if there is none.
func (rv *rankView) memoryRow(ns int64) int32 {
	e := &rv.t.Events
	for i := range e.Len() {
		if e.StartNs(i) == ns && e.Category(i) == trace.CategoryInstant && e.Side(i) != trace.NoSide {
			return int32(i)
		}
	}
	return -1
}

// deviceAllocations: the driver is asked for memory, or given it back, while steps run. Both synchronise; a caching
// allocator does neither once it is warm, unless memory is short.
func deviceAllocations(rv *rankView) *analyze.Finding {
	n, ns := 0, int64(0)
	longest := -1
	for i, c := range rv.x.Calls {
		switch rv.name(c.Name) {
		case "cudaMalloc", "cudaFree", "hipMalloc", "hipFree":
		default:
			continue
		}
		if len(rv.iterations) == 0 || c.StartNs < rv.step(0).StartNs || c.StartNs > rv.iterations[len(rv.iterations)-1].EndNs {
			continue // before and after the work it is no loss
		}
		n++
		ns += c.EndNs - c.StartNs
		if longest < 0 || c.EndNs-c.StartNs > rv.x.Calls[longest].EndNs-rv.x.Calls[longest].StartNs {
			longest = i
		}
	}
	if n == 0 || ns > rv.totalNs { // of more than all steps take, most was on other threads
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(ns, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("in_calls", ns), share("of_time", ns, rv.totalNs)},
		Events:         []analyze.EventRef{rv.ref(rv.x.Calls[longest].Row)},
		Try:            "warm up before profiling; leave the allocator room, or set PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True",
	}
	say(f, "while steps run the driver is asked for memory or given it back %s %s (%s per step), the longest call is %s (%s)",
		number("calls", n), noun(n, "time"),
		nanoseconds("in_calls_per_step", f.StakeNsPerStep), rv.name(rv.x.Calls[longest].Name),
		nanoseconds("longest_call", rv.x.Calls[longest].EndNs-rv.x.Calls[longest].StartNs))
	return f
}

const (
	manyAllocations = 100  // per step: a compiled or graphed decode step has a few dozen
	churnShare      = 0.05 // of a step's time spent in making empty tensors
	// momentTimes the usual time is the most that one allocation counts for: in one that takes longer the thread was not scheduled, or
	// the driver was asked for memory.
	momentTimes = 10
)

// allocationChurn: a step takes and gives back memory so often that it shows.
func allocationChurn(rv *rankView) *analyze.Finding {
	a := rv.allocations()
	if a.calls < manyAllocations*a.steps || a.steps == 0 || a.ns > a.stepsNs ||
		ratio(min(a.ns, a.idleNs), a.stepsNs) < churnShare {
		return nil // more than the steps take belongs to something else than them
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(min(a.ns, a.idleNs), rv.steps()),
		Evidence:       []analyze.Evidence{number("allocations", a.calls), nanoseconds("allocating", a.ns), number("steps", a.steps)},
		Events:         []analyze.EventRef{rv.ref(a.longest.Row)},
		Try:            "replay graphs or compile the model, so that a step's tensors are planned once; write into tensors that exist (out=)",
	}
	if a.graphs > 0 { // of parts of the step
		f.Try = "these are made beside the graphs that a step replays: replay the whole of it from one, or write into tensors that exist (out=)"
	}
	say(f, "%s tensors are allocated per %sstep, which takes the host %s (%s of the time)", mean("allocations_per_step", a.calls, a.steps),
		choose(a.decode, "decode ", ""), nanoseconds("allocating_per_step", quotient(a.ns, a.steps)), share("of_time", a.ns, a.stepsNs))
	return f
}

// allocations are the empty tensors made in steps: decode steps, if there are such, which are what repeats.
type allocations struct {
	decode       bool
	calls, steps int
	graphs       int // that the steps replay
	ns, stepsNs  int64
	idleNs       int64 // of the steps, on a GPU: what the host takes while it works costs nothing; else ns
	longest      index.Span
}

// allocations counts ops that make a tensor during the marks of measured steps, on their thread. One that is made inside another
// (empty_strided in empty_like) is the same tensor.
func (rv *rankView) allocations() *allocations {
	a := &allocations{}
	var each []int64
	type mark struct{ start, end int64 }
	marks := map[trace.TrackID][]mark{}
	for i := range rv.rank.Steps {
		a.decode = a.decode || rv.rank.Steps[i].Phase == trace.StepDecode
	}
	for i := range rv.iterations {
		s := rv.step(i)
		row := rv.stepRow(s)
		if s.Unmeasured || row < 0 || a.decode && !rv.in(int32(i), trace.StepDecode) {
			continue
		}
		a.steps++
		a.graphs += s.GraphLaunch
		a.stepsNs += s.TimeNs
		a.idleNs += s.TimeNs - s.BusyNs
		track := rv.t.Events.Track(int(row))
		marks[track] = append(marks[track], mark{s.StartNs, s.StartNs + s.CPUNs})
	}
	for _, list := range marks {
		slices.SortFunc(list, func(a, b mark) int { return cmp.Compare(a.start, b.start) })
	}
	until := map[trace.TrackID]int64{} // of the last one on a thread
	for _, h := range rv.x.Host() {    // parents before children
		list := marks[h.Track]
		if len(list) == 0 || h.StartNs < until[h.Track] || rv.x.CategoryOf(&h) != trace.CategoryCPUOp ||
			!rv.matches(makesTensor, rv.t.Events.Name(int(h.Row))) {
			continue
		}
		i, found := slices.BinarySearchFunc(list, h.StartNs, func(m mark, at int64) int { return cmp.Compare(m.start, at) })
		if !found {
			i--
		}
		if i < 0 || h.StartNs >= list[i].end || rv.x.Compiling(h.Track, h.StartNs) {
			continue
		}
		until[h.Track] = h.EndNs
		a.calls++
		each = append(each, h.EndNs-h.StartNs)
		if a.calls == 1 || h.EndNs-h.StartNs > a.longest.EndNs-a.longest.StartNs {
			a.longest = h
		}
	}
	most := momentTimes * stats.Median(slices.Clone(each))
	for _, ns := range each {
		a.ns += min(ns, most)
	}
	if !rv.gpu {
		a.idleNs = a.ns
	}
	return a
}

// makesTensor are the ops that make a tensor without contents.
var makesTensor = regexp.MustCompile(`^aten::(new_)?empty`)
