package compare

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Gate is a limit on how much worse a side may be than the baseline. It fails only where the whole interval lies beyond
// the limit: noise alone does not fail it more often than the intervals' level says.
type Gate struct {
	Metric       string      `json:"metric"`
	LimitPercent float64     `json:"limit_percent"`
	Failed       bool        `json:"failed"`
	Judgements   []Judgement `json:"judgements"` // of each side but the baseline
}

// Judgement is the gate's of one side.
type Judgement struct {
	Side string `json:"side"`
	Estimate
	// WorsePercent is how much worse the side is, in percent of the baseline; negative if better. AtLeast is the end of
	// the interval that is least bad.
	WorsePercent   float64  `json:"worse_percent"`
	AtLeastPercent *float64 `json:"at_least_percent,omitempty"`
	Failed         bool     `json:"failed"`
	Unjudged       string   `json:"unjudged,omitempty"` // why it cannot be judged
	Sentence       string   `json:"sentence"`
}

// Metrics are the names that Judge takes; kernel: is followed by a part of a kernel's name.
func Metrics() []string {
	return []string{"decode-step", "prefill-token", "busy", "idle", "comm", "kernel:NAME", "tokens-per-s"}
}

// ValidMetric says whether Judge takes a metric.
func ValidMetric(metric string) bool {
	if name, ok := strings.CutPrefix(metric, "kernel:"); ok {
		return name != ""
	}
	return slices.Contains(Metrics(), metric)
}

// Judge puts the gate's result into r, which may have been read back from JSON. The sides are those that r was made of: a
// metric that begins with kernel: looks into them, and cannot be judged without; for the others all may be nil.
func (r *Result) Judge(all []Side, metric string, limitPercent float64) {
	g := &Gate{Metric: metric, LimitPercent: limitPercent}
	for i := range r.Pairs {
		j := r.judge(&r.Pairs[i], all, i+1, metric, limitPercent)
		g.Failed = g.Failed || j.Failed
		g.Judgements = append(g.Judgements, j)
	}
	r.Gate = g
}

// minus is the sign of a number.
var minus = regexp.MustCompile(` -(\d)`)

func (r *Result) judge(p *Pair, all []Side, other int, metric string, limit float64) Judgement {
	j := Judgement{Side: p.B}
	higher := false
	found := false
	switch {
	case p.Error != "":
		j.Unjudged = p.Error
	case metric == "tokens-per-s":
		higher = true
		for _, m := range p.Requests {
			if m.Name == "output_tokens_per_s" {
				j.Estimate, found = m.Estimate, true
			}
		}
		if !found {
			j.Unjudged = "a side does not know its throughput: it takes captures that inferprof made"
		}
	default:
		j.Estimate, found, j.Unjudged = p.metric(all, other, metric)
	}
	if found && j.Unjudged == "" {
		j.weigh(higher, limit)
	}
	name := metric
	switch {
	case j.Unjudged != "":
		j.Sentence = fmt.Sprintf("%s of %s cannot be judged: %s", name, p.B, j.Unjudged)
	case j.Failed:
		j.Sentence = fmt.Sprintf("%s of %s is %.1f %% worse than %s's, at least %.1f %%: beyond the limit of %.4g %%", name, p.B, j.WorsePercent, p.A, *j.AtLeastPercent, limit)
	default:
		j.Sentence = fmt.Sprintf("%s of %s is not shown to be more than %.4g %% worse than %s's: %+.1f %%, at least %+.1f %%", name, p.B, limit, p.A, j.WorsePercent, *j.AtLeastPercent)
	}
	j.Sentence = minus.ReplaceAllString(j.Sentence, " −$1")
	return j
}

// weigh sets a difference against the limit.
func (j *Judgement) weigh(higher bool, limit float64) {
	switch {
	case j.A == 0 && j.B == 0:
		zero := 0.0
		j.AtLeastPercent = &zero
		return
	case j.A == 0:
		j.Unjudged = "the baseline has none of it, so that there is no percentage"
		return
	case j.Low == nil:
		j.Unjudged = "too few steps or captures to know the spread (sweep --repeat 3, or several captures a side)"
		return
	}
	j.WorsePercent = j.Percent
	least := j.LowPercent()
	if higher {
		j.WorsePercent, least = -j.Percent, -j.HighPercent()
	}
	j.AtLeastPercent = &least
	j.Failed = least > limit
}

// metric finds a number of the pair's steps.
func (p *Pair) metric(all []Side, other int, metric string) (Estimate, bool, string) {
	section := func(ids ...string) int {
		for _, id := range ids {
			if i := slices.IndexFunc(p.Sections, func(s Section) bool { return s.ID == id }); i >= 0 {
				return i
			}
		}
		return -1
	}
	switch metric {
	case "decode-step":
		if i := section("decode"); i >= 0 {
			return p.Sections[i].Time, true, ""
		}
		return Estimate{}, false, "no decode steps of equal batch on both sides"
	case "prefill-token":
		if i := section("prefill", "prompt", "mixed"); i >= 0 {
			return p.Sections[i].Time, true, ""
		}
		return Estimate{}, false, "no prompts on both sides"
	}
	i := section("decode", "generated", "step", "prefill", "prompt", "mixed", "whole")
	if i < 0 {
		return Estimate{}, false, "no steps of equal shape on both sides"
	}
	s := &p.Sections[i]
	switch metric {
	case "busy":
		return s.Busy, true, ""
	case "idle":
		return s.Idle, true, ""
	case "comm":
		return s.Comm, true, ""
	}
	name := strings.TrimPrefix(metric, "kernel:")
	if len(all) <= other {
		return Estimate{}, false, "what its sides' kernels took is not in a result: it takes the sides themselves"
	}
	w := s.sidesOf(&all[0], &all[other])
	a, foundA := kernelValues(&all[0], 0, &w, name)
	b, foundB := kernelValues(&all[other], 1, &w, name)
	if !foundA && !foundB {
		return Estimate{}, false, fmt.Sprintf("no kernel's name contains %q on either side", name)
	}
	return estimate(a, b), true, ""
}

// sidesOf finds the pieces of both sides that a section compares, by the shapes that it says are matched.
func (s *Section) sidesOf(a, b *Side) sides {
	c := pairing{side: [2]*Side{a, b}}
	w := sides{tokens: s.Unit != "step" && s.Unit != "trace"}
	for _, m := range s.Matched {
		u := c.unitOf(m.Shape)
		if w.tokens {
			u.weight = float64(m.Tokens)
		}
		w.units = append(w.units, u)
	}
	return w
}

// kernelValues are a side's values, by run, of all kernels whose names contain a text.
func kernelValues(side *Side, k int, w *sides, name string) (out []value, found bool) {
	for r := range side.Runs {
		run := &side.Runs[r]
		var v value
		var total, variance float64
		for i := range w.units {
			g := w.units[i].groups[k][r]
			if g == nil || g.Steps == 0 {
				continue
			}
			n := float64(g.Steps)
			weight := w.units[i].weight
			var ns, squares float64
			for _, s := range g.Work {
				if strings.Contains(run.Work[s.Work].Name, name) {
					found = true
					ns += float64(s.Ns)
					squares += max(0, s.Square-float64(s.Ns)*float64(s.Ns)/n)
				}
			}
			if w.tokens {
				v.v += ns
				total += weight * n
			} else {
				v.v += weight * ns / n
				total += weight
			}
			spread := math.Sqrt(squares / max(1, n-1))
			v.step += weight * spread
			variance += weight * weight * spread * spread / n
			v.n += g.Steps
		}
		if total > 0 {
			v.v, v.step, v.within = v.v/total, v.step/total, math.Sqrt(variance)/total
			out = append(out, v)
		}
	}
	return out, found
}
