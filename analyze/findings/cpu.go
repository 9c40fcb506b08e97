package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/trace"
)

const (
	// outsideShare of a CPU-only engine's time outside any op is Python, scheduling and waiting that a larger batch would
	// spread: small models show 10 %, and ones that are all overhead 40 %.
	outsideShare = 0.25
	// dominantShare of the ops' time in one op that neither multiplies matrices nor convolves: in a language model the rest is small change.
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
	what := choose(rv.rank.Engine == "inferprof", "scheduling and waiting", "Python, scheduling and waiting")
	f := &analyze.Finding{
		StakeNsPerStep: quotient(t.IdleNs, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("outside_ops", t.IdleNs), nanoseconds("total", t.TotalNs)},
		Events:         []analyze.EventRef{rv.ref(row)},
		Try: choose(generates(rv.rank), "more requests per step", "larger batches") + ", a compiled model; " + choose(rv.x.Frames > 0,
			"a profile without Python stacks shows how much of it is the profiler's", "a profile with Python stacks shows what runs there"),
	}
	say(f, "no op runs during %s per step (%s of the time), which leaves %s", nanoseconds("outside_ops_per_step", f.StakeNsPerStep),
		share("of_time", t.IdleNs, t.TotalNs), what)
	return f
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
		case "gemm", "quant_gemm", "moe_gemm", "conv", "sampling": // the work itself; and what has a rule of its own
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
	f := &analyze.Finding{
		StakeNsPerStep: quotient(most.SelfNs, rv.steps()),
		Evidence: []analyze.Evidence{nanoseconds("self_time", most.SelfNs), number("calls", most.Calls),
			nanoseconds("ops_without_communication", all)},
		Events: []analyze.EventRef{rv.ref(longest)},
		Try: "look at its inputs' shapes and at whether it uses all threads" + choose(generates(rv.rank),
			"; in a language model matrix multiplications should take most of the time", ""),
	}
	say(f, "%s takes %s of the ops' time (%s %s, %s each)", shortName(most.Name), share("of_ops", most.SelfNs, all),
		nanoseconds("self_time_per_step", f.StakeNsPerStep),
		rv.per(), nanoseconds("self_time_per_call", quotient(most.SelfNs, most.Calls)))
	return f
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
	f := &analyze.Finding{
		Inferred:       true,
		StakeNsPerStep: stake,
		Evidence:       []analyze.Evidence{number("ranks", len(v.ranks)), nanoseconds("computation", busy)},
		Events:         []analyze.EventRef{*l.costliestOp},
		Try:            "more threads for each rank (--threads), or more ranks; where decoding is bound by memory, expect less",
	}
	say(f, "the ranks had threads for %s of the machine's %s processors; with all, a step would take %s less at most, were it bound by "+
		"computation",
		number("threads_of_the_engine", threads), number("processors", c.HostCPUs), nanoseconds("less_per_step", stake))
	return v.of(0, f)
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
