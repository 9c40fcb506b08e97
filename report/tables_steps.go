package report

import (
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

func phaseTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Phases", note: phaseNote(r, "graphs: of the launches"), spare: []string{"mean", "p90", "fastest", "slowest", "p99", "time", "CPU"}, cols: []dataColumn{
		{"phase", "", unitWord}, {"", "phase", unitWord}, {"inferred", "", unitWord}, {"steps", "steps", unitCount}, {"measured_steps", "", unitCount}, {"rank", "", unitCount}, {"context_tokens", "tokens in", unitCount},
		{"generation_tokens", "tokens out", unitCount}, {"time_ns", "time", unitNs}, {"step_median_ns", "step", unitNs},
		{"step_mean_ns", "mean", unitNs}, {"step_p90_ns", "p90", unitNs}, {"step_p99_ns", "p99", unitNs}, {"step_min_ns", "fastest", unitNs}, {"step_max_ns", "slowest", unitNs}, {"gap_median_ns", "gap", unitNs},
		{"gpu_busy_median_ns", "GPU busy", unitNs}, {"cpu_median_ns", "CPU", unitNs}, {"launches_median", "launches", unitCount},
		{"graph_launches_median", "graphs", unitCount}, {"ns_per_token", "per token", unitNs}}}
	launched := r.LaunchesKnown()
	for _, p := range r.Phases {
		var busy, launches, graphs any
		if launched {
			busy, launches, graphs = known(p.GPUBusyMedianNs), p.LaunchesMedian, p.GraphsMedian
		}
		d.add(string(p.Phase), phaseWord(p.Phase, p.Inferred), inferredWord(p.Inferred), int64(p.Steps), int64(p.MeasuredSteps), int64(p.Rank), known(p.ContextTokens), known(p.GenerationTokens), known(phaseTime(p)),
			known(p.StepMedianNs), known(p.StepMeanNs), known(p.StepP90Ns), known(p.StepP99Ns), known(p.StepMinNs), known(p.StepMaxNs),
			known(p.GapMedianNs), busy, known(p.CPUMedianNs), launches, graphs, known(p.NsPerToken))
	}
	return d
}

// phaseNote says what the columns of the phases are; graphs does so of launches that replay a graph, where there are any.
func phaseNote(r *analyze.Result, graphs string) string {
	note := "medians over steps"
	if slices.ContainsFunc(r.Phases, func(p analyze.Phase) bool { return p.GapMedianNs >= 0 }) {
		note = "medians; a step lasts to the next one's start"
	}
	if slices.ContainsFunc(r.Phases, func(p analyze.Phase) bool { return p.GraphsMedian > 0 }) {
		note += "; " + graphs
	}
	if slices.ContainsFunc(r.Phases, func(p analyze.Phase) bool { return p.Inferred }) {
		note += "; * inferred"
	}
	return note
}

// phaseWord is a phase's name, with a star if it is a conclusion.
func phaseWord(phase trace.StepPhase, inferred bool) string {
	if inferred {
		return phaseName(phase) + "*"
	}
	return phaseName(phase)
}

func inferredWord(inferred bool) string {
	if inferred {
		return "yes"
	}
	return ""
}

func stepTable(r *analyze.Result) dataTable {
	note := ""
	if len(r.Ranks) > 1 {
		note = fmt.Sprintf("on rank %d; spread: fastest to slowest rank; waited: at most, in collectives", r.Ranks[0].Rank)
	}
	d := dataTable{title: "Steps", note: note, noun: "step", spare: []string{"slowest rank", "CPU", "prompts", "graphs", "launches", "spread"}, cols: []dataColumn{
		{"index", "#", unitCount}, {"phase", "", unitWord}, {"", "phase", unitWord}, {"inferred", "", unitWord}, {"context_requests", "prompts", unitCount},
		{"context_tokens", "tokens in", unitCount}, {"generation_requests", "", unitCount}, {"generation_tokens", "tokens out", unitCount},
		{"start_ns", "", unitNs}, {"time_ns", "step", unitNs}, {"gap_ns", "gap", unitNs}, {"cpu_ns", "CPU", unitNs},
		{"gpu_busy_ns", "", unitNs}, {"busy_ns", "GPU busy", unitNs}, {"state", "", unitWord}, {"launches", "launches", unitCount}, {"graph_launches", "graphs", unitCount},
		{"ranks", "", unitCount}, {"min_ns", "", unitNs}, {"max_ns", "", unitNs}, {"slowest_rank", "slowest rank", unitCount},
		{"", "spread", unitNs}, {"late_rank", "waited for", unitCount}, {"most_wait_ns", "waited", unitNs}}}
	launched := r.LaunchesKnown()
	for _, s := range r.Steps {
		var time, own, busy, launches, graphs, slowest, spread, late, wait any
		if !s.Unmeasured {
			time = s.TimeNs
		}
		if launched {
			own, launches, graphs = s.GPUBusyNs, int64(s.Launches), int64(s.GraphLaunch)
			if !s.Unmeasured {
				busy = s.BusyNs
			}
		}
		if s.Ranks > 1 {
			slowest, spread = int64(s.SlowestRank), s.MaxNs-s.MinNs
			if s.LateRank >= 0 && s.MostWaitNs > 0 {
				late, wait = int64(s.LateRank), s.MostWaitNs
			}
		}
		d.add(int64(s.Index), string(s.Phase), phaseWord(s.Phase, s.Inferred), inferredWord(s.Inferred), known(s.ContextRequests), known(s.ContextTokens),
			known(s.GenerationRequests), known(s.GenerationTokens), s.StartNs, time, known(s.GapNs), s.CPUNs, own, busy, stepState(&s.Step), launches, graphs,
			int64(s.Ranks), s.MinNs, s.MaxNs, slowest, spread, late, wait)
	}
	return d
}

// stepState says why a step is in no median; "" if it is.
func stepState(s *analyze.Step) string {
	switch {
	case s.Unmeasured:
		return "unmeasured"
	case s.Open:
		return "open"
	}
	return ""
}

func rankTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Ranks", note: "side by side; prefill and decode are medians of steps", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"hardware", "hardware", unitWord}, {"host", "host", unitWord},
		{"total_ns", "total", unitNs}, {"busy_ns", "", unitNs}, {"", "busy", unitPercent}, {"prefill_median_ns", "prefill", unitNs},
		{"decode_median_ns", "decode", unitNs}, {"computation_ns", "computation", unitNs},
		{"exposed_comm_ns", "exposed comm", unitNs}, {"exposed_memory_ns", "exposed memory", unitNs}, {"idle_ns", idleWord(r), unitNs},
		{"wait_ns", "waiting", unitNs},
		{"skew_ns", "clock ahead", unitSigned}, {"late_ns", "began later", unitNs}, {"path", "", unitWord}},
		noun: "rank", spare: []string{"hardware", "host", "exposed memory", "clock ahead", "total", "device", "began later"}}
	for _, k := range r.Ranks {
		var prefill, decode, skew, late any
		if c := k.Clock; c != nil {
			if late = c.LateNs; c.Collectives > 0 {
				skew = c.SkewNs
			}
		}
		for _, p := range k.Phases {
			switch p.Phase {
			case trace.StepPrefill:
				prefill = known(p.StepMedianNs)
			case trace.StepDecode:
				decode = known(p.StepMedianNs)
			}
		}
		for _, t := range k.Time {
			d.add(int64(k.Rank), known(int64(t.Device)), k.Hardware, k.Host, t.TotalNs, t.BusyNs, share(t.BusyNs, t.TotalNs), prefill, decode, t.ComputationNs,
				t.ExposedCommNs, t.ExposedMemoryNs, t.IdleNs, known(analyze.Waiting(k.Collectives)), skew, late, k.Path)
		}
	}
	return d
}

func findingTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Findings", note: findingsNote, cols: []dataColumn{
		{"id", "", unitWord}, {"severity", "severity", unitWord}, {"stake_ns_per_step", "at stake per step", unitNs},
		{"sentence", "finding", unitText}, {"try", "try", unitText}, {"inferred", "inferred", unitWord}}}
	for _, f := range r.Findings {
		var stake any
		if f.StakeNsPerStep > 0 {
			stake = f.StakeNsPerStep
		}
		d.add(f.ID, f.Severity, stake, f.Sentence, f.Try, inferredWord(f.Inferred))
	}
	return d
}

// phaseName is a phase as people see it.
func phaseName(phase trace.StepPhase) string {
	if phase == trace.StepUnknown {
		return "unlabelled"
	}
	return string(phase)
}

// phaseTime is what the steps of a phase took; -1 if that is not known of any.
func phaseTime(ph analyze.Phase) int64 {
	if ph.MeasuredSteps == 0 {
		return -1
	}
	return ph.TimeNs
}

// stepLine is how long each step took, 0 of one that was not measured.
func stepLine(r *analyze.Result) sparkline {
	line := sparkline{values: make([]int64, len(r.Steps))}
	for i, s := range r.Steps {
		if !s.Unmeasured {
			line.values[i] = s.TimeNs
		}
	}
	return line
}
