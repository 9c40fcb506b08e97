package report

import (
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

func (p *page) phases() {
	rows := p.r.Phases
	if len(rows) == 0 {
		return
	}
	p.section("Phases", phaseNote(p.r, "launches (of graphs)"), "phase")
	t := &table{columns: []column{{"", word}, {"steps", number}, {"tokens", number}, {"time", number}, {"step", number}, {"gap", number},
		{"GPU busy", number}, {"CPU", number}, {"launches", number}, {"per token", number}}, spare: []string{"time", "CPU"}}
	gpu, launched := p.r.Kind == analyze.KindGPU, launchesKnown(p.r)
	for _, ph := range rows {
		name := phaseName(ph.Phase)
		if ph.Inferred {
			name += "*"
		}
		busy, cpu, launches := "", "", ""
		if gpu {
			cpu = duration(ph.CPUMedianNs)
		}
		if launched {
			busy, launches = duration(ph.GPUBusyMedianNs), withGraphs(ph.LaunchesMedian, ph.GraphsMedian)
		}
		t.add(name, count(int64(ph.Steps)), count(phaseTokens(ph)), duration(phaseTime(ph)), duration(ph.StepMedianNs), duration(ph.GapMedianNs),
			busy, cpu, launches, duration(ph.NsPerToken))
	}
	p.table(t)
	for _, text := range phaseRemarks(p.r) {
		p.wrapped("  ", "  ", text, dim)
	}
}

// phaseTime is what the steps of a phase took; -1 if that is not known of any.
func phaseTime(ph analyze.Phase) int64 {
	if ph.MeasuredSteps == 0 {
		return -1
	}
	return ph.TimeNs
}

// withGraphs writes launches, and how many of them are of graphs.
func withGraphs(launches, graphs int64) string {
	if graphs == 0 {
		return count(launches)
	}
	return count(launches) + " (" + count(graphs) + ")"
}

func phaseName(phase trace.StepPhase) string {
	if phase == trace.StepUnknown {
		return "unlabelled"
	}
	return string(phase)
}

// phaseTokens are the tokens that a phase's cost is shared among.
func phaseTokens(ph analyze.Phase) int64 {
	switch {
	case ph.ContextTokens < 0 || ph.GenerationTokens < 0:
		return -1
	default:
		return ph.ContextTokens + ph.GenerationTokens
	}
}

func (p *page) steps() {
	steps := p.r.Steps
	if len(steps) < 2 || !p.o.Full && !slices.ContainsFunc(steps, func(s analyze.RankStep) bool { return !s.Unmeasured }) {
		return
	}
	if !p.o.Full {
		times := make([]int64, len(steps))
		slowest, fastest := -1, -1
		for i, s := range steps {
			if s.Unmeasured {
				continue
			}
			times[i] = s.TimeNs
			if slowest < 0 || s.TimeNs > steps[slowest].TimeNs {
				slowest = i
			}
			if s.Phase != trace.StepEmpty && s.Closed() && (fastest < 0 || s.TimeNs < steps[fastest].TimeNs) {
				fastest = i
			}
		}
		text := fmt.Sprintf("  slowest #%d %s %s", steps[slowest].Index, phaseName(steps[slowest].Phase), trimUnit(duration(steps[slowest].TimeNs)))
		if fastest >= 0 && fastest != slowest {
			text += fmt.Sprintf(", fastest #%d %s %s", steps[fastest].Index, phaseName(steps[fastest].Phase), trimUnit(duration(steps[fastest].TimeNs)))
		}
		p.line("  " + p.paint(green, sparkline(times, p.width-4-columns(text))) + p.paint(dim, text))
		return
	}
	p.section("Steps", "", "step")
	t := &table{columns: []column{{"#", number}, {"phase", word}, {"context", number}, {"generation", number}, {"step", number}, {"gap", number},
		{"GPU busy", number}, {"launches", number}, {"slowest rank", number}, {"spread", number}}, spare: []string{"slowest rank", "launches", "spread"}}
	launched := launchesKnown(p.r)
	for _, s := range steps {
		busy, launches, slow, spread := "", "", "", ""
		if launched {
			busy, launches = duration(s.BusyNs), withGraphs(int64(s.Launches), int64(s.GraphLaunch))
		}
		if s.Ranks > 1 {
			slow, spread = count(int64(s.SlowestRank)), duration(s.MaxNs-s.MinNs)
		}
		time := duration(s.TimeNs)
		if s.Unmeasured {
			time, busy = "–", "–"
		}
		t.add(count(int64(s.Index)), phaseName(s.Phase), work(s.ContextRequests, s.ContextTokens), work(s.GenerationRequests, s.GenerationTokens),
			time, duration(s.GapNs), busy, launches, slow, spread)
	}
	p.table(t)
}

// work writes requests and their tokens.
func work(requests, tokens int64) string {
	switch {
	case requests < 0 && tokens < 0:
		return "–"
	case tokens < 0 || requests == tokens:
		return count(requests)
	}
	return count(requests) + " (" + count(tokens) + ")"
}
