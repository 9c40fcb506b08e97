package findings

import (
	"fmt"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
)

const (
	// outsideShare of a CPU-only engine's time outside any op is Python, scheduling and waiting that a larger batch would
	// spread: small models show 10 %, and ones that are all overhead 40 %.
	outsideShare = 0.25
	// dominantShare of the ops' time in one op that multiplies no matrices: in a language model the rest is small change.
	dominantShare = 0.30
	// busyCores is the share of a machine's processors with a thread of the engine below which the rest is a loss: the
	// processors of two hardware threads a core are half as many cores, which an engine may well leave out.
	busyCores = 0.5
	// momentShare of an op's time in one call of several is a moment, not what the op costs: the operating system ran something
	// else meanwhile, or memory was touched for the first time.
	momentShare  = 0.5
	severalCalls = 4
)

// moment tells whether an op took as long as it did because of its longest call, at row.
func (rv *rankView) moment(o *analyze.Op, row int32) bool {
	return row >= 0 && o.Calls >= severalCalls && ratio(rv.t.Events.DurationNs(int(row)), o.TotalNs) > momentShare
}

// outsideOps: a CPU-only engine that does not compute.
func outsideOps(rv *rankView) *analyze.Finding {
	if rv.gpu {
		return nil
	}
	t := rv.rank.Time[0]
	if len(rv.iterations) == 0 || ratio(t.IdleNs, t.TotalNs) < outsideShare {
		return nil
	}
	longest := &rv.iterations[0]
	for i := range rv.iterations {
		if rv.iterations[i].Ns() > longest.Ns() {
			longest = &rv.iterations[i]
		}
	}
	row := rv.stepRow(&rv.rank.Steps[longest.Step])
	if row < 0 {
		return nil
	}
	what := "Python, scheduling, waiting"
	if rv.rank.Engine == "inferprof" {
		what = "scheduling, waiting"
	}
	return &analyze.Finding{
		Sentence: fmt.Sprintf("no op runs during %s per step (%s of the time): %s",
			duration(quotient(t.IdleNs, rv.steps())), percent(t.IdleNs, t.TotalNs), what),
		StakeNsPerStep: quotient(t.IdleNs, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("outside_ops", t.IdleNs), nanoseconds("total", t.TotalNs), share("of_time", t.IdleNs, t.TotalNs)},
		Events:         []analyze.EventRef{rv.ref(row)},
		Try:            "more requests per step, a compiled model; a profile without Python stacks shows how much of it is the profiler's",
	}
}

// dominantOp: one op other than a matrix multiplication takes much of a CPU-only engine's time.
func dominantOp(rv *rankView) *analyze.Finding {
	if rv.gpu {
		return nil
	}
	var all int64
	var most *analyze.Op
	for i := range rv.rank.Ops {
		o := &rv.rank.Ops[i]
		if o.Kind != analyze.KindOp || o.Category == categories.Comm || o.Category == categories.Compile {
			continue
		}
		all += o.SelfNs
		switch o.Category {
		case "gemm", "quant_gemm", "moe_gemm", "sampling": // the work itself; and what has a rule of its own
			continue
		}
		if most == nil || o.SelfNs > most.SelfNs {
			most = o
		}
	}
	if most == nil || len(rv.iterations) == 0 || ratio(most.SelfNs, all) < dominantShare {
		return nil
	}
	longest := rv.longestNamed(most.Name)
	if rv.moment(most, longest) {
		return nil
	}
	return &analyze.Finding{
		Sentence: fmt.Sprintf("%s takes %s of the ops' time (%s %s, %s each)",
			shortName(most.Name), percent(most.SelfNs, all), duration(quotient(most.SelfNs, rv.steps())), rv.per(), duration(quotient(most.SelfNs, most.Calls))),
		StakeNsPerStep: quotient(most.SelfNs, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("self_time", most.SelfNs), number("calls", most.Calls), nanoseconds("ops_without_communication", all), share("of_ops", most.SelfNs, all)},
		Events:         []analyze.EventRef{rv.ref(longest)},
		Try:            "look at its inputs' shapes and at whether it uses all threads; in a language model matrix multiplications should take most of the time",
	}
}

// idleCores: an engine that was given fewer threads than the machine has cores. A trace does not show the helpers that
// share an op's work, so how many cores worked is known only where the engine says how many threads it had.
func idleCores(v *view, _ []*analyze.Finding) *analyze.Finding {
	c := v.result.Capture
	if v.gpu() || c == nil || c.HostCPUs == 0 || len(v.ranks) < max(1, c.ExpectedRanks) {
		return nil
	}
	threads := 0
	for _, l := range v.ranks {
		p := l.rank.Parallel
		if p == nil || p.CoresFrom != analyze.CoresOfEngine {
			return nil
		}
		threads += int(p.Cores)
	}
	if float64(threads) >= busyCores*float64(c.HostCPUs) {
		return nil
	}
	l := v.ranks[0]
	if l.costliestOp == nil {
		return nil
	}
	busy := max(0, l.rank.Time[0].ComputationNs-l.compiledNs) // compilers use the cores that they find
	stake := quotient(busy-busy*int64(threads)/int64(c.HostCPUs), l.steps())
	return v.of(0, &analyze.Finding{
		Sentence: fmt.Sprintf("%d of the machine's %d processors have nothing to do: the ranks had threads for %d of them; with all, a step would take %s less at most, were it bound by computation",
			c.HostCPUs-threads, c.HostCPUs, threads, duration(stake)),
		Inferred:       true,
		StakeNsPerStep: stake,
		Evidence:       []analyze.Evidence{number("processors", c.HostCPUs), number("threads_of_the_engine", threads), number("ranks", len(v.ranks)), nanoseconds("computation", busy)},
		Events:         []analyze.EventRef{*l.costliestOp},
		Try:            "more threads for each rank (--threads), or more ranks; where decoding is bound by memory, expect less",
	})
}
