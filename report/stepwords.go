package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// What is said of steps, in sentences and as key numbers: of the rank and the steps that a phase's numbers are of, and of nothing
// else. Where the trace does not show what steps take, that is said.

// stepVerdict says what steps take.
func stepVerdict(r *analyze.Result, mark string) string {
	var out, unknown []string
	for _, p := range r.Phases {
		if p.Phase != trace.StepDecode && p.Phase != trace.StepPrefill {
			continue
		}
		var s string
		switch {
		case p.MeasuredSteps == 0:
			unknown = append(unknown, string(p.Phase))
			continue
		case p.OfOpen:
			s = fmt.Sprintf("%s %s step, which no other follows, takes %s%s to the end of its own work",
				choose(p.Steps == 1, "the only", "a"), p.Phase, plain(p.StepMedianNs), mark)
		default:
			s = fmt.Sprintf("a %s step takes %s%s", p.Phase, plain(p.StepMedianNs), mark)
			s += whose(r, &p)
			if p.Unmeasured > 0 {
				s += fmt.Sprintf(" (of the %s of %s that the trace shows whole)", count(int64(p.MeasuredSteps)), count(int64(p.Steps)))
			}
			if wait := stepWait(r, &p); 5*wait >= p.StepMedianNs && wait > 0 {
				s += fmt.Sprintf(" (%s of it waiting for other ranks)", plain(wait))
			}
			if p.NsPerToken > 0 {
				s += ", " + plain(p.NsPerToken) + " per token"
			}
		}
		out = append(out, s+choose(p.Inferred, " (phases inferred)", ""))
	}
	if unknown != nil {
		twice := slices.ContainsFunc(r.Problems, func(p analyze.Problem) bool { return p.ID == "duplicates" })
		out = append(out, "what a "+strings.Join(unknown, " or ")+" step takes is not known: "+
			choose(twice, "events are there twice", "the trace does not show all work of any"))
	}
	if out == nil {
		return ""
	}
	s := strings.Join(out, "; ")
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// whose names the rank that a phase's numbers are of, where others' are different; "" where they are not.
func whose(r *analyze.Result, p *analyze.Phase) string {
	least, most, ranks, slowest := p.StepMedianNs, p.StepMedianNs, 0, p.Rank
	for _, k := range r.Ranks {
		for _, o := range k.Phases {
			if o.Phase == p.Phase && o.MeasuredSteps > 0 && !o.OfOpen {
				ranks++
				if least = min(least, o.StepMedianNs); o.StepMedianNs > most {
					most, slowest = o.StepMedianNs, k.Rank
				}
			}
		}
	}
	switch {
	case analyze.Alike(least, most):
		return ""
	case p.StepMedianNs == most:
		return fmt.Sprintf(" on rank %d, the slowest of %d", p.Rank, ranks)
	}
	return fmt.Sprintf(" on rank %d (on rank %d, the slowest of %d, %s)", p.Rank, slowest, ranks, plain(most))
}

// stepWait is what a step of a phase waits for other ranks, on the rank that the phase is of, the median; 0 if that is
// not known.
func stepWait(r *analyze.Result, p *analyze.Phase) int64 {
	var waits []int64
	for _, k := range r.Ranks {
		for i := range k.Steps {
			if s := &k.Steps[i]; k.Rank == p.Rank && s.Phase == p.Phase && s.CommWaitNs >= 0 && s.Closed() {
				waits = append(waits, s.CommWaitNs)
			}
		}
	}
	if len(waits) == 0 || len(r.Ranks) < 2 {
		return 0
	}
	slices.Sort(waits)
	return (waits[(len(waits)-1)/2] + waits[len(waits)/2]) / 2
}

// lostWords says of how many steps the numbers of a phase are not; "" if they are of all.
func lostWords(r *analyze.Result) string {
	var out []string
	for _, p := range r.Phases {
		if p.Unmeasured > 0 {
			out = append(out, fmt.Sprintf("%s of %s %s", count(int64(p.Unmeasured)), count(int64(p.Steps)), phaseName(p.Phase)))
		}
	}
	if out == nil {
		return ""
	}
	return "not measured (their work, its launches, or the next step's mark is not in the trace): " + strings.Join(out, ", ") + " steps"
}

// steadyWords says what decoding takes once it is under way; "" if it never was.
func steadyWords(r *analyze.Result) string {
	s := r.Steady
	if s == nil {
		return ""
	}
	text := fmt.Sprintf("steady: steps %d–%d", s.FromIndex, s.ToIndex)
	if s.Requests > 0 {
		text += ", " + plural(int(s.Requests), "request")
	}
	text += fmt.Sprintf(", %s ± %s a step", plain(s.StepMedianNs), plain(s.StepSpreadNs))
	if s.NsPerToken > 0 {
		text += fmt.Sprintf(", %s per token", plain(s.NsPerToken))
	}
	if s.TokensPerSecond > 0 {
		text += fmt.Sprintf(", %s tokens/s", count(int64(s.TokensPerSecond+0.5)))
	}
	return text + choose(s.Inferred, " (inferred)", "")
}

// phaseFigures are the key numbers of a phase: none of one whose steps are not measured.
func phaseFigures(r *analyze.Result, p *analyze.Phase, mark string) []figure {
	inferred := choose(p.Inferred, ", inferred", "")
	note := plural(p.MeasuredSteps, "step") + choose(p.OfOpen, " that no other follows", "") + inferred + whose(r, p)
	switch {
	case p.MeasuredSteps == 0:
		return nil
	case p.Phase == trace.StepPrefill && p.NsPerToken > 0:
		tokens := count(max(0, p.ContextTokens)) + " tokens in " + plural(p.Steps, "step") + inferred
		return []figure{{"Prefill per token", plain(p.NsPerToken), mark, tokens}}
	case p.Phase != trace.StepDecode:
		return nil
	}
	out := []figure{{"Decode step", plain(p.StepMedianNs), mark, choose(p.OfOpen, "", "median of ") + note}}
	if p.NsPerToken > 0 && !p.OfOpen {
		out = append(out, figure{"Decode per token", plain(p.NsPerToken), mark, count(max(0, p.GenerationTokens)) + " tokens"})
	}
	if r.Kind == analyze.KindGPU {
		graphs := choose(p.GraphsMedian > 0, count(p.GraphsMedian)+" of graphs", "no graphs")
		out = append(out, figure{"Launches per decode step", count(p.LaunchesMedian), mark, graphs})
	}
	return out
}
