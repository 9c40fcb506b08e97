package findings

import (
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
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
				if m.Device == "GPU "+itoa(d.ID) {
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
		say(f, "%s of %s, %s (%s), is taken at the peak: longer prompts or larger batches may preempt requests or fail", bytesOf("taken", used), what,
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
	say(f, "while steps run the driver is asked for memory or given it back %s %s (%s per step), the longest call is %s (%s)", number("calls", n), noun(n, "time"),
		nanoseconds("in_calls_per_step", f.StakeNsPerStep), rv.name(rv.x.Calls[longest].Name), nanoseconds("longest_call", rv.x.Calls[longest].EndNs-rv.x.Calls[longest].StartNs))
	return f
}

const (
	manyAllocations = 100  // per step: a compiled or graphed decode step has a few dozen
	churnShare      = 0.05 // of a step's time spent in making empty tensors
)

// allocationChurn: a step takes and gives back memory so often that it shows.
func allocationChurn(rv *rankView) *analyze.Finding {
	calls, ns := 0, int64(0)
	name := ""
	for _, o := range rv.rank.Ops {
		if strings.HasPrefix(o.Name, "aten::empty") && o.Category != categories.Compile {
			calls += o.Calls
			ns += o.SelfNs
			if name == "" {
				name = o.Name
			}
		}
	}
	if len(rv.iterations) == 0 || ns > rv.totalNs { // they belong to something else than the steps
		return nil
	}
	if calls < manyAllocations*rv.steps() || ratio(ns, rv.totalNs) < churnShare {
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(ns, rv.steps()),
		Evidence:       []analyze.Evidence{number("allocations", calls), nanoseconds("allocating", ns)},
		Events:         []analyze.EventRef{rv.ref(rv.longestNamed(name))},
		Try:            "replay graphs or compile the model, so that a step's tensors are planned once; write into tensors that exist (out=)",
	}
	say(f, "%s tensors are allocated per step, which takes the host %s (%s of the time)", mean("allocations_per_step", calls, rv.steps()),
		nanoseconds("allocating_per_step", f.StakeNsPerStep), share("of_time", ns, rv.totalNs))
	return f
}
