package findings

import (
	"fmt"
	"math"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Evidence that a field of the JSON report says too has to be that field: whoever doubts a sentence finds it there. And a
// number per step, or a share of another number, is what its parts say.

// fieldOf are the fields that evidence of some name is, by rule: of the rank that the finding is of.
var fieldOf = map[string]func(r *analyze.Rank) float64{
	"graph_underrecorded.graph_launches": func(r *analyze.Rank) float64 { return float64(r.Replays.Launches) },
	"graph_underrecorded.short_replays":  func(r *analyze.Rank) float64 { return float64(r.Replays.Short) },
	"graph_underrecorded.empty_replays":  func(r *analyze.Rank) float64 { return float64(r.Replays.Empty) },
	"unlinked_kernels.unlinked":          func(r *analyze.Rank) float64 { return float64(r.Launch.Unlinked) },
	"unlinked_kernels.unlinked_time":     func(r *analyze.Rank) float64 { return float64(r.Launch.UnlinkedNs) },
	"unlinked_kernels.gpu_events":        func(r *analyze.Rank) float64 { return float64(r.Time[0].Events) },
	"outside_ops.outside_ops":            func(r *analyze.Rank) float64 { return float64(r.Time[0].IdleNs) },
	"outside_ops.total":                  func(r *analyze.Rank) float64 { return float64(r.Time[0].TotalNs) },
	"python_stacks.events":               func(r *analyze.Rank) float64 { return float64(r.Events) },
	"rank_start_skew.rank":               func(r *analyze.Rank) float64 { return float64(r.Rank) },
	"one_long_gap.longest_gap":           longestGap,
}

// longestGap is the longest time in which a device of a rank stood still.
func longestGap(r *analyze.Rank) (ns float64) {
	for _, i := range r.Idle {
		for _, g := range i.Longest {
			ns = max(ns, float64(g.Ns))
		}
	}
	return ns
}

// ofParts are shares that are one number of the evidence to another.
var ofParts = map[string][2]string{
	"unfused_elementwise.of_work":         {"in_chains", "gpu_work"},
	"outside_ops.of_time":                 {"outside_ops", "total"},
	"dominant_op.of_ops":                  {"self_time", "ops_without_communication"},
	"python_stacks.of_events":             {"python_frames", "events"},
	"exposed_communication.of_busy":       {"exposed_communication", "busy_without_waiting"},
	"memory_pressure.of_whole":            {"taken", "whole"},
	"launch_bound_decode.of_decode_steps": {"waiting_for_launches", "decode_step_time"},
}

// notRecomputed lists the evidence of a finding that is not what the JSON says of the same, or its parts do.
func notRecomputed(r *analyze.Result, f *analyze.Finding) (out []string) {
	values := map[string]float64{}
	for _, e := range f.Evidence {
		values[e.Name] = e.Value
	}
	var rank *analyze.Rank
	for _, k := range r.Ranks {
		if len(f.Events) > 0 && k.Rank == f.Events[0].Rank {
			rank = k
		}
	}
	if rank == nil {
		return []string{"its first event is of no rank"}
	}
	differ := func(name string, is, want float64) {
		if math.Abs(is-want) > 1e-9*want {
			out = append(out, fmt.Sprintf("%s is %v, and %v by the JSON", name, is, want))
		}
	}
	steps := map[string]int{"all": 0} // that took place: all, of a phase, measured ones of it
	for i := range rank.Steps {
		if x := &rank.Steps[i]; x.HasIteration() {
			steps["all"]++
			steps[string(x.Phase)]++
			if !x.Unmeasured {
				steps["measured"]++
				steps["measured "+string(x.Phase)]++
			}
		}
	}
	for name, v := range values {
		if field := fieldOf[f.ID+"."+name]; field != nil {
			differ(name, v, field(rank))
		}
		if parts, ok := ofParts[f.ID+"."+name]; ok && values[parts[1]] > 0 && math.Abs(v-values[parts[0]]/values[parts[1]]) > 1e-6 {
			out = append(out, fmt.Sprintf("%s is %v, and %v of %v is another share", name, v, values[parts[0]], values[parts[1]]))
		}
		if per, ok := values[name+"_per_step"]; ok {
			found := steps["all"] == 0 || strings.Contains(f.Sentence, " in all") // where no step was measured, of the whole
			for _, n := range steps {
				found = found || n > 0 && math.Abs(per-v/float64(n)) <= 1
			}
			if !found {
				out = append(out, fmt.Sprintf("%s_per_step is %v, which is %v over no number of steps of %v", name, per, v, steps))
			}
		}
	}
	return out
}
