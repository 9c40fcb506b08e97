package findings

import "github.com/inferprof/inferprof/analyze"

const (
	// chainLength is how many kernels in a row that read and write every element once make a chain: compilers fuse two
	// or three pointwise ops into one kernel, and single ones are left between GEMMs in well-fused models too.
	chainLength = 3
	// chainShare of the GPU's work is what chains must take: an eager Llama has 33 %. A choice, well below that.
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
	var chained, saved, work int64
	kernels, chains, longest, longestAt := 0, 0, 0, 0
	for i := 0; i < len(rv.work); {
		work += rv.work[i].EndNs - rv.work[i].StartNs
		if !pointwise(rv.category(&rv.work[i])) {
			i++
			continue
		}
		j := i + 1
		ns := rv.work[i].EndNs - rv.work[i].StartNs
		for j < len(rv.work) && pointwise(rv.category(&rv.work[j])) && rv.work[j].iteration == rv.work[i].iteration {
			ns += rv.work[j].EndNs - rv.work[j].StartNs
			work += rv.work[j].EndNs - rv.work[j].StartNs
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
	if chains == 0 || ratio(chained, work) < chainShare {
		return nil
	}
	first, last := rv.work[longestAt], rv.work[longestAt+longest-1]
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(saved, rv.steps()),
		Evidence: []analyze.Evidence{
			number("chains", chains), number("kernels_in_chains", kernels), number("longest_chain", longest), nanoseconds("in_chains", chained),
			nanoseconds("gpu_work", work),
		},
		Events: []analyze.EventRef{rv.ref(first.Row), rv.ref(last.Row)},
		Try:    "torch.compile the model, or use fused kernels for norm, rotary embedding and activation (vLLM's and SGLang's own)",
	}
	say(f, "%s pointwise kernels %s run in chains of %s on average, %s of the GPU's work: fused, an estimated %s would go", mean("kernels_in_chains_per_step", kernels, rv.steps()),
		rv.per(), mean("kernels_per_chain", kernels, chains), share("of_work", chained, work), nanoseconds("estimated_saving", f.StakeNsPerStep))
	return f
}
