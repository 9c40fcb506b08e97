// Package findings draws conclusions from an analysis: what costs time that need not be spent, what makes numbers
// untrue, and what to try about it.
//
// A finding is made by a rule, in two parts. While a rank's trace is in memory, LookAt has each rule look at a view of it
// (view.go), in which GPU work, calls, steps and gaps are joined once for all of them, and keeps what it says. When all
// ranks have been looked at, Find has each rule choose among what it said of them. A gap between GPU work belongs to one
// rule only, so that the times at stake of the rules about idleness do not overlap; those of other rules may.
//
// A rule says nothing without evidence. Thresholds are constants beside the rule that has them, with the reason. To add
// a rule, write it in a file of its own, name it in the registry and give it a section in docs/findings.md.
package findings

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
)

// Max is how many findings Find returns: people act on the first few.
const Max = 10

// A rule looks for one kind of problem. Both of its functions return nil if they find none.
type rule struct {
	id string
	// look is about one rank; nil for what only all of them can tell.
	look func(rv *rankView) *analyze.Finding
	// choose makes one finding of what look said of the ranks, in the order of view.ranks; nil: that of the rank with the
	// most at stake.
	choose func(v *view, found []*analyze.Finding) *analyze.Finding
	// artefact says that the finding is about the profile rather than about what was profiled: it counts however little
	// time is at stake.
	artefact bool
	// hostIdle says that the rule is about the device waiting for the host: what of it makes a rank late is the straggler's.
	hostIdle bool
	// longSteps says that the rule is about what makes steps long: it counts the long gaps that the others leave out.
	longSteps bool
	// first says that the finding comes before all others, and has nothing at stake per step: they are about what it leaves.
	first bool
}

// registry lists the rules. Of findings with as much at stake, the one listed first comes first.
var registry = []rule{
	{id: "compiled_inside", look: compiledInside, artefact: true},
	{id: "rank_start_skew", choose: startSkew, artefact: true, first: true},
	{id: "one_long_gap", look: oneLongGap, artefact: true, first: true},
	{id: "launch_bound_decode", look: launchBoundDecode, hostIdle: true},
	{id: "host_idle", look: hostIdle, hostIdle: true},
	{id: "sync_in_step", look: syncInStep, hostIdle: true},
	{id: "launched_work_waits", look: launchedWorkWaits, choose: ofWholeRanks},
	{id: "straggler_rank", choose: straggler},
	{id: "exposed_communication", choose: exposedCommunication},
	{id: "custom_all_reduce_missing", look: customAllReduceMissing, choose: leastOnOneHost},
	{id: "quantization_not_in_effect", look: quantizationNotInEffect},
	{id: "slow_quantized_gemm", look: slowQuantizedGEMM},
	{id: "activation_quantization", look: activationQuantization},
	{id: "unfused_elementwise", look: unfusedElementwise},
	{id: "low_occupancy_gemm", look: lowOccupancyGEMM},
	{id: "gemm_below_roofline", look: gemmBelowRoofline},
	{id: "sampling_share", look: samplingShare},
	{id: "attention_growth", look: attentionGrowth},
	{id: "graph_gaps", look: graphGaps},
	{id: "throttling", look: throttling},
	{id: "step_drift", look: stepDrift},
	{id: "bimodal_steps", look: bimodalSteps},
	{id: "periodic_pauses", look: periodicPauses, choose: notWaiting, longSteps: true},
	{id: "outlier_steps", look: outlierSteps, choose: notWaiting, longSteps: true},
	{id: "prefill_interference", look: prefillInterference, artefact: true}, // requests wait, even for what is needed
	{id: "pageable_copies", look: pageableCopies},
	{id: "exposed_copies", look: exposedCopies},
	{id: "tiny_copies", look: tinyCopies},
	{id: "device_allocations", look: deviceAllocations},
	{id: "allocation_churn", look: allocationChurn},
	{id: "memory_pressure", look: memoryPressure, choose: lowestRank, artefact: true}, // a risk: no time is lost yet
	{id: "outside_ops", look: outsideOps},
	{id: "dominant_op", look: dominantOp, choose: onAllRanks},
	{id: "idle_cores", choose: idleCores},
	{id: "unlinked_kernels", look: unlinkedKernels, artefact: true},
	{id: "graph_underrecorded", look: graphUnderrecorded, choose: worstUnlessTwice, artefact: true},
	{id: "first_step_skew", look: firstStepSkew, choose: worstUnlessSkewed, artefact: true},
	{id: "export_froze_engine", look: exportFrozeEngine, artefact: true},
	{id: "python_stacks", look: pythonStacks, artefact: true},
}

const (
	// minStake is the share of a step below which a loss is none: two runs of the same differ by as much.
	minStake = 0.01
	// highStake and mediumStake are the shares from which a finding is severe: what a user notices, and what a benchmark
	// shows without repetition.
	highStake   = 0.20
	mediumStake = 0.05
)

// Find concludes from the looks at the traces that a result was joined from; nil is none. The most time at stake comes
// first. In the trace of a graph being captured nothing runs that is served, and nothing is found.
func Find(r *analyze.Result, looks []*Look) []analyze.Finding {
	if r.OnlyCaptures() {
		return nil
	}
	v := newView(r, looks)
	var first, findings []analyze.Finding
	for i, rule := range registry {
		found := make([]*analyze.Finding, len(v.ranks))
		for k, l := range v.ranks {
			found[k] = l.found[i]
			switch {
			case rule.hostIdle && v.lostKernels(l):
				found[k] = nil
			case rule.hostIdle:
				found[k] = v.withoutLag(k, found[k])
			}
		}
		choose := rule.choose
		if choose == nil {
			choose = (*view).worst
		}
		f := choose(v, found)
		if f == nil || len(f.Evidence) == 0 {
			continue
		}
		share := ratio(f.StakeNsPerStep, v.stepNs)
		if !rule.artefact && share < minStake {
			continue
		}
		f.ID, f.Severity, f.RestsOn = rule.id, analyze.SeverityLow, partsOf(rule.id)
		switch {
		case share >= highStake:
			f.Severity = analyze.SeverityHigh
		case share >= mediumStake, rule.first:
			f.Severity = analyze.SeverityMedium
		}
		if rule.first {
			first = append(first, *f)
		} else {
			findings = append(findings, *f)
		}
	}
	slices.SortStableFunc(findings, func(a, b analyze.Finding) int { return cmp.Compare(b.StakeNsPerStep, a.StakeNsPerStep) })
	v.divideStep(findings)
	findings = append(first, findings...)
	return findings[:min(len(findings), Max)]
}

// lostShare of a rank's GPU work that is not in its trace makes of what is left nothing that the device's idleness can be told from.
const lostShare = 0.1

// lostKernels tells whether a rank's trace has lost so many kernels that times without one say nothing.
func (v *view) lostKernels(l *Look) bool {
	if !l.gpu {
		return false
	}
	lost, there := 0, 0
	for _, p := range v.result.Problems {
		if p.ID == "lost_kernels" && (p.Rank == l.rank.Rank || p.Rank < 0) {
			lost += p.Count
		}
	}
	for _, t := range l.rank.Time {
		there += t.Events
	}
	return ratio(int64(lost), int64(lost+there)) >= lostShare
}

// divideStep leaves each finding no more at stake than those before it have left of a step: what several rules look at, as
// kernels that are both badly shaped and slow, can be saved once. The long gaps, which are no part of that step, are there
// for the rules about long steps.
func (v *view) divideStep(findings []analyze.Finding) {
	left, long := v.stepNs, v.longNs
	for i := range findings {
		f := &findings[i]
		var ofLong int64
		if slices.ContainsFunc(registry, func(r rule) bool { return r.longSteps && r.id == f.ID }) {
			ofLong = min(f.StakeNsPerStep, long)
		}
		f.StakeNsPerStep = min(f.StakeNsPerStep, left+ofLong)
		long -= ofLong
		left -= f.StakeNsPerStep - ofLong
	}
}
