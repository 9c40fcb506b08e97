package findings

import (
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/trace"
)

const (
	// chainLength is how many kernels in a row that read and write every element once make a chain: compilers fuse two
	// or three pointwise ops into one kernel, and single ones are left between GEMMs in well-fused models too.
	chainLength = 3
	// chainShare of the busy time is what chains must take: an eager Llama has 33 %. A choice, well below that.
	chainShare = 0.05
)

// pointwise knows categories of kernels whose work a compiler fuses.
func pointwise(category string) bool {
	switch category {
	case "elementwise", "activation", "reduce", "norm":
		return true
	}
	return false
}

// unfusedElementwise: chains of small kernels, each of which reads what the one before wrote. Of a chain of n, all but
// one could go: the stake is that part of their time, an estimate.
func unfusedElementwise(rv *rankView) *analyze.Finding {
	var chained, saved, busy int64
	kernels, chains, longest, longestAt := 0, 0, 0, 0
	for i := 0; i < len(rv.work); {
		busy += rv.work[i].EndNs - rv.work[i].StartNs
		if !pointwise(rv.category(&rv.work[i])) {
			i++
			continue
		}
		j := i + 1
		ns := rv.work[i].EndNs - rv.work[i].StartNs
		for j < len(rv.work) && pointwise(rv.category(&rv.work[j])) && rv.work[j].iteration == rv.work[i].iteration {
			ns += rv.work[j].EndNs - rv.work[j].StartNs
			busy += rv.work[j].EndNs - rv.work[j].StartNs
			j++
		}
		if n := j - i; n >= chainLength {
			chained += ns
			saved += ns * int64(n-1) / int64(n)
			kernels += n
			chains++
			if n > longest {
				longest, longestAt = n, i
			}
		}
		i = j
	}
	if chains == 0 || ratio(chained, busy) < chainShare {
		return nil
	}
	first, last := rv.work[longestAt], rv.work[longestAt+longest-1]
	return &analyze.Finding{
		Sentence: fmt.Sprintf("%s pointwise kernels %s run in chains of %s on average, %s of the busy time: fused, an estimated %s would go",
			times(kernels, rv.steps()), rv.per(), times(kernels, chains), percent(chained, busy), duration(quotient(saved, rv.steps()))),
		Inferred: true, StakeNsPerStep: quotient(saved, rv.steps()),
		Evidence: []analyze.Evidence{
			number("chains", chains), number("kernels_in_chains", kernels), number("longest_chain", longest), nanoseconds("in_chains", chained),
			nanoseconds("busy", busy), share("of_busy", chained, busy), nanoseconds("estimated_saving", saved),
		},
		Events: []analyze.EventRef{rv.ref(first.Row), rv.ref(last.Row)},
		Try:    "torch.compile the model, or use fused kernels for norm, rotary embedding and activation (vLLM's and SGLang's own)",
	}
}

// samplingShare of decode's work is more than choosing tokens should take: in traces of vLLM
// and SGLang it is 0.1 to 2 %, but 18 % where a small model sorts for top-k and top-p.
const samplingLimit = 0.10

// samplingShare: choosing tokens on the critical path, of decode steps on a GPU, of all steps in a CPU-only trace.
func samplingShare(rv *rankView) *analyze.Finding {
	if !rv.gpu {
		return samplingOnCPU(rv)
	}
	var sampling, busy int64
	byName := map[string]int64{}
	var longest *work
	for i := range rv.work {
		w := &rv.work[i]
		if !rv.in(w.iteration, trace.StepDecode) || rv.category(w) == "comm" {
			continue
		}
		busy += w.EndNs - w.StartNs
		if rv.category(w) == "sampling" {
			sampling += w.EndNs - w.StartNs
			byName[rv.name(w.Name)] += w.EndNs - w.StartNs
			if longest == nil || w.EndNs-w.StartNs > longest.EndNs-longest.StartNs {
				longest = w
			}
		}
	}
	if longest == nil || ratio(sampling, busy) < samplingLimit {
		return nil
	}
	steps, _ := rv.decode()
	most := rv.name(longest.Name)
	return &analyze.Finding{
		Sentence: fmt.Sprintf("choosing tokens takes %s of a decode step's GPU work (%s), most of it %s (%s)",
			percent(sampling, busy), duration(quotient(sampling, steps)), shortName(most), duration(quotient(byName[most], steps))),
		StakeNsPerStep: quotient(sampling, rv.steps()),
		Evidence: []analyze.Evidence{
			nanoseconds("sampling", sampling), nanoseconds("work_of_decode_steps", busy), share("of_work", sampling, busy), number("decode_steps", steps),
		},
		Events: []analyze.EventRef{rv.ref(longest.Row)},
		Try:    "do without top-k and top-p where temperature alone will do, or use a sorting-free sampler (FlashInfer's); greedy requests need only an argmax; ask for no logprobs",
	}
}

func samplingOnCPU(rv *rankView) *analyze.Finding {
	var sampling, all int64
	for _, o := range rv.rank.Ops {
		if o.Kind != analyze.KindOp || o.Category == categories.Comm || o.Category == categories.Compile {
			continue
		}
		all += o.SelfNs
		if o.Category == "sampling" {
			sampling += o.SelfNs
		}
	}
	row, most := rv.longestOp("sampling")
	if row < 0 || ratio(sampling, all) < samplingLimit || rv.moment(most, row) {
		return nil
	}
	return &analyze.Finding{
		Sentence: fmt.Sprintf("choosing tokens takes %s of the ops' time (%s %s), most of it %s",
			percent(sampling, all), duration(quotient(sampling, rv.steps())), rv.per(), shortName(most.Name)),
		StakeNsPerStep: quotient(sampling, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("sampling", sampling), nanoseconds("ops_without_communication", all), share("of_ops", sampling, all)},
		Events:         []analyze.EventRef{rv.ref(row)},
		Try:            "greedy requests need only an argmax; do without top-k and top-p where temperature alone will do; a small model with a large vocabulary samples longer than it computes",
	}
}

// longestOp is a category's most costly op, and the row of its longest call; -1 if there is none.
func (rv *rankView) longestOp(category string) (row int32, most *analyze.Op) {
	for i := range rv.rank.Ops { // by self time
		if o := &rv.rank.Ops[i]; o.Kind == analyze.KindOp && o.Category == category {
			return rv.longestNamed(o.Name), o
		}
	}
	return -1, nil
}

// costliestOp is the longest call of the op with the most self time in a CPU-only trace; -1 if there is none.
func (rv *rankView) costliestOp() int32 {
	at := slices.IndexFunc(rv.rank.Ops, func(o analyze.Op) bool { return o.Kind == analyze.KindOp && o.Category != categories.Compile }) // they are sorted so
	if rv.gpu || at < 0 {
		return -1
	}
	return rv.longestNamed(rv.rank.Ops[at].Name)
}

// longestNamed is the row of the longest call of an op that is not the compiler's; -1 if there is none.
func (rv *rankView) longestNamed(name string) int32 {
	id, ok := rv.t.Strings.Lookup(name)
	row, most := int32(-1), int64(-1)
	e := &rv.t.Events
	for i := 0; ok && i < e.Len(); i++ {
		if e.Name(i) == id && e.Category(i) == trace.CategoryCPUOp && e.DurationNs(i) > most && !rv.x.Compiling(e.Track(i), e.StartNs(i)) {
			row, most = int32(i), e.DurationNs(i)
		}
	}
	return row
}
