package findings

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

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

// chain is kernels that follow each other on a stream.
type chain struct {
	n           int
	runs        int // of kernels of one name: the same over and over, as in a loop over parameters, is no expression
	name        trace.StringID
	ns          int64
	iteration   int32
	first, last int32 // rows
}

// chains are those of a trace that are long enough to be fused.
type chains struct {
	n, kernels  int
	ns, savedNs int64
	longest     chain
	workNs      int64 // of all that was looked at
	open        map[int64]*chain
}

// end closes a chain: of n, all but one could go. It has as many different ones in a row as it must be long.
func (c *chains) end(of *chain) {
	if of.n >= chainLength && of.runs >= chainLength {
		c.n++
		c.kernels += of.n
		c.ns += of.ns
		c.savedNs += of.ns * int64(of.n-1) / int64(of.n)
		if of.n > c.longest.n {
			c.longest = *of
		}
	}
	of.n, of.runs, of.ns = 0, 0, 0
}

// chains finds the chains of pointwise kernels, stream by stream, in no more than one iteration each.
func (rv *rankView) chains() *chains {
	c := &chains{open: map[int64]*chain{}}
	var streams []int64
	for i := range rv.work {
		w := &rv.work[i]
		ns := w.EndNs - w.StartNs
		if !rv.inSteps(w) {
			continue
		}
		c.workNs += ns
		on := c.open[w.Stream]
		if on == nil {
			on = &chain{}
			c.open[w.Stream] = on
			streams = append(streams, w.Stream)
		}
		if !pointwise(rv.category(w)) || rv.matches(dequantizing, w.Name) || rv.matches(statistics, w.Name) {
			c.end(on)
			continue
		}
		if on.n > 0 && on.iteration != w.iteration {
			c.end(on)
		}
		if on.n == 0 {
			on.first, on.iteration = w.Row, w.iteration
		}
		if on.n == 0 || on.name != w.Name {
			on.runs++
		}
		on.n++
		on.name = w.Name
		on.ns += ns
		on.last = w.Row
	}
	for _, s := range streams {
		c.end(c.open[s])
	}
	return c
}

// unfusedElementwise: chains of small kernels, each of which reads what the one before wrote. Of a chain of n, all but
// one could go: the stake is that part of their time, an estimate.
func unfusedElementwise(rv *rankView) *analyze.Finding {
	c := rv.chains()
	if c.n == 0 || ratio(c.ns, c.workNs) < chainShare {
		return nil
	}
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(c.savedNs, rv.steps()),
		Evidence: []analyze.Evidence{
			number("chains", c.n), number("kernels_in_chains", c.kernels), number("longest_chain", c.longest.n), nanoseconds("in_chains", c.ns),
			nanoseconds("gpu_work", c.workNs),
		},
		Events: []analyze.EventRef{rv.ref(c.longest.first), rv.ref(c.longest.last)},
		Try:    rv.tryFuse(),
	}
	say(f, "%s pointwise kernels %s run in chains of %s on average, %s of the GPU's work: fused, an estimated %s would go",
		mean("kernels_in_chains_per_step", c.kernels, rv.steps()),
		rv.per(), mean("kernels_per_chain", c.kernels, c.n), share("of_work", c.ns, c.workNs),
		nanoseconds("estimated_saving", f.StakeNsPerStep))
	return f
}
