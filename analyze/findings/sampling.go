package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/trace"
)

// samplingLimit is the share of a phase's work that choosing tokens should not take: in traces of vLLM and SGLang it is 0.1 to
// 2 % of a decode step's, but 18 % where a small model sorts for top-k and top-p.
const samplingLimit = 0.10

// samplingPhase is what choosing tokens takes in the steps of a phase.
type samplingPhase struct {
	phase          trace.StepPhase
	steps          int
	sampling, work int64
	byName         map[trace.StringID]int64
	longest        *work
}

// samplingShare: choosing tokens on the critical path, by phase on a GPU, of all steps in a CPU-only trace.
func samplingShare(rv *rankView) *analyze.Finding {
	if !rv.gpu {
		return samplingOnCPU(rv)
	}
	phases := rv.samplingPhases()
	phases = slices.DeleteFunc(phases, func(p *samplingPhase) bool { return p.longest == nil || ratio(p.sampling, p.work) < samplingLimit })
	if len(phases) == 0 {
		return nil
	}
	f := &analyze.Finding{
		Try: "do without top-k and top-p where temperature alone will do, or use a sorting-free sampler (FlashInfer's); greedy requests " +
			"need only an argmax; ask for no logprobs",
	}
	var all int64
	for i, p := range phases {
		all += p.sampling
		most := p.longest.Name
		for id, ns := range p.byName {
			if ns > p.byName[most] || ns == p.byName[most] && id < most {
				most = id
			}
		}
		say(f, choose(i == 0, "choosing tokens takes %s of a %s step's GPU work (%s on average), %s %s (%s)",
			"; %s of a %s step's (%s), %s %s (%s)"),
			share(p.key("of_work"), p.sampling, p.work), p.phase, nanoseconds(p.key("sampling_per_step"), quotient(p.sampling, p.steps)),
			choose(2*p.byName[most] >= p.sampling, "most of it", "the largest part of it"), shortName(rv.name(most)),
			nanoseconds(p.key("largest_part_per_step"), quotient(p.byName[most], p.steps)))
		f.Evidence = addEvidence(f.Evidence, nanoseconds(p.key("sampling"), p.sampling), nanoseconds("work_of_"+string(p.phase)+"_steps", p.work),
			number(string(p.phase)+"_steps", p.steps))
		f.Events = append(f.Events, rv.ref(p.longest.Row))
	}
	f.StakeNsPerStep = quotient(all, rv.steps())
	return f
}

// key is the name of evidence of a phase; decode's has none.
func (p *samplingPhase) key(name string) string {
	if p.phase == trace.StepDecode {
		return name
	}
	return name + "_in_" + string(p.phase)
}

// samplingPhases sums the work of decode, mixed and prefill steps, without communication.
func (rv *rankView) samplingPhases() []*samplingPhase {
	phases := []*samplingPhase{{phase: trace.StepDecode}, {phase: trace.StepMixed}, {phase: trace.StepPrefill}}
	of := make([]*samplingPhase, len(rv.iterations))
	for i := range rv.iterations {
		for _, p := range phases {
			if rv.step(i).Phase == p.phase && !rv.step(i).Unmeasured {
				of[i] = p
				p.steps++
			}
		}
	}
	for i := range rv.work {
		w := &rv.work[i]
		if w.iteration < 0 || of[w.iteration] == nil || rv.category(w) == "comm" {
			continue
		}
		p := of[w.iteration]
		p.work += w.EndNs - w.StartNs
		if rv.category(w) != "sampling" {
			continue
		}
		if p.byName == nil {
			p.byName = map[trace.StringID]int64{}
		}
		p.sampling += w.EndNs - w.StartNs
		p.byName[w.Name] += w.EndNs - w.StartNs
		if p.longest == nil || w.EndNs-w.StartNs > p.longest.EndNs-p.longest.StartNs {
			p.longest = w
		}
	}
	return phases
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
	f := &analyze.Finding{
		StakeNsPerStep: quotient(sampling, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("sampling", sampling), nanoseconds("ops_without_communication", all)},
		Events:         []analyze.EventRef{rv.ref(row)},
		Try: "greedy requests need only an argmax; do without top-k and top-p where temperature alone will do; a small model " +
			"with a large vocabulary samples longer than it computes",
	}
	say(f, "choosing tokens takes %s of the ops' time (%s %s), %s %s (%s)", share("of_ops", sampling, all),
		nanoseconds("sampling_per_step", f.StakeNsPerStep), rv.per(),
		choose(2*most.SelfNs >= sampling, "most of it", "the largest part of it"), shortName(most.Name),
		nanoseconds("largest_part_per_step", quotient(most.SelfNs, rv.steps())))
	return f
}
