// Package findings draws conclusions from an analysis: what costs time that need not be spent, what makes numbers
// untrue, and what to try about it.
//
// A finding is made by a rule. Rules look at a view of the ranks (view.go), in which GPU work, calls, steps and gaps are
// joined once for all of them. A gap between GPU work belongs to one rule only, so that the times at stake of the rules
// about idleness do not overlap; those of other rules may.
//
// A rule says nothing without evidence. Thresholds are constants beside the rule that has them, with the reason. To add
// a rule, write it in a file of its own and name it in the registry.
package findings

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// Max is how many findings Find returns: people act on the first few.
const Max = 10

// A rule looks for one kind of problem. It returns nil if it finds none.
type rule struct {
	id   string
	find func(v *view) *analyze.Finding
	// artefact says that the finding is about the profile rather than about what was profiled: it counts however little
	// time is at stake.
	artefact bool
}

// registry lists the rules. Of findings with as much at stake, the one listed first comes first.
var registry = []rule{
	{id: "rank_start_skew", find: startSkew, artefact: true},
	{id: "one_long_gap", find: oneLongGap, artefact: true},
	{id: "launch_bound_decode", find: launchBoundDecode},
	{id: "host_idle", find: hostIdle},
	{id: "sync_in_step", find: syncInStep},
	{id: "straggler_rank", find: straggler},
	{id: "exposed_communication", find: exposedCommunication},
	{id: "custom_all_reduce_missing", find: customAllReduceMissing},
	{id: "quantization_not_in_effect", find: quantizationNotInEffect},
	{id: "slow_quantized_gemm", find: slowQuantizedGEMM},
	{id: "unfused_elementwise", find: unfusedElementwise},
	{id: "low_occupancy_gemm", find: lowOccupancyGEMM},
	{id: "gemm_below_roofline", find: gemmBelowRoofline},
	{id: "sampling_share", find: samplingShare},
	{id: "attention_growth", find: attentionGrowth},
	{id: "prefill_interference", find: prefillInterference},
	{id: "pageable_copies", find: pageableCopies},
	{id: "tiny_copies", find: tinyCopies},
	{id: "device_allocations", find: deviceAllocations},
	{id: "allocation_churn", find: allocationChurn},
	{id: "memory_pressure", find: memoryPressure, artefact: true}, // a risk: no time is lost yet
	{id: "outside_ops", find: outsideOps},
	{id: "dominant_op", find: dominantOp},
	{id: "idle_cores", find: idleCores},
	{id: "unlinked_kernels", find: unlinkedKernels, artefact: true},
	{id: "graph_underrecorded", find: graphUnderrecorded, artefact: true},
	{id: "first_step_skew", find: firstStepSkew, artefact: true},
	{id: "export_froze_engine", find: exportFrozeEngine, artefact: true},
	{id: "python_stacks", find: pythonStacks, artefact: true},
}

const (
	// minStake is the share of a step below which a loss is none: two runs of the same differ by as much.
	minStake = 0.01
	// highStake and mediumStake are the shares from which a finding is severe: what a user notices, and what a benchmark
	// shows without repetition.
	highStake   = 0.20
	mediumStake = 0.05
)

// Find looks for problems in a result and the traces that it was made from. The most time at stake comes first. In the
// trace of a graph being captured nothing runs that is served, and nothing is found.
func Find(r *analyze.Result, traces []*trace.Trace) []analyze.Finding {
	if r.OnlyCaptures() {
		return nil
	}
	v := newView(r, traces)
	var found []analyze.Finding
	for _, rule := range registry {
		f := rule.find(v)
		if f == nil || len(f.Evidence) == 0 {
			continue
		}
		share := ratio(f.StakeNsPerStep, v.stepNs)
		if !rule.artefact && share < minStake {
			continue
		}
		f.ID, f.Severity = rule.id, analyze.SeverityLow
		switch {
		case share >= highStake:
			f.Severity = analyze.SeverityHigh
		case share >= mediumStake:
			f.Severity = analyze.SeverityMedium
		}
		found = append(found, *f)
	}
	slices.SortStableFunc(found, func(a, b analyze.Finding) int { return cmp.Compare(b.StakeNsPerStep, a.StakeNsPerStep) })
	return found[:min(len(found), Max)]
}
