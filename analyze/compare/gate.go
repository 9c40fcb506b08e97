package compare

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Gate is a limit on how much worse a side may be than the baseline. An interval that ends within the limit passes, one that
// begins beyond it fails. What holds the limit is neither: it can't be judged at its noise, and must not pass for what has
// been. So a looser limit never fails what a tighter one passes.
type Gate struct {
	Metric       string      `json:"metric"`
	LimitPercent float64     `json:"limit_percent"`
	Outcome      Outcome     `json:"outcome"`    // the worst of the judgements': failed, then unjudged, undecided, passed
	Failed       bool        `json:"failed"`     // Outcome is OutcomeFailed
	Judgements   []Judgement `json:"judgements"` // of each side but the baseline
}

// Outcome is what a gate says.
type Outcome string

// Outcomes, the best first.
const (
	OutcomePassed    Outcome = "passed"    // all of the interval is within the limit
	OutcomeUndecided Outcome = "undecided" // the limit is inside the interval
	OutcomeUnjudged  Outcome = "unjudged"  // there is no such number, or nothing is known of its spread
	OutcomeFailed    Outcome = "failed"    // all of the interval is beyond the limit
)

var outcomes = []Outcome{OutcomePassed, OutcomeUndecided, OutcomeUnjudged, OutcomeFailed}

// Judgement is the gate's of one side.
type Judgement struct {
	Side string `json:"side"`
	Estimate
	// WorsePercent is how much worse the side is, in percent of the baseline; negative if better. AtLeastPercent and
	// AtMostPercent are the ends of its interval, the least bad and the worst.
	WorsePercent   float64  `json:"worse_percent"`
	AtLeastPercent *float64 `json:"at_least_percent,omitempty"`
	AtMostPercent  *float64 `json:"at_most_percent,omitempty"`
	Outcome        Outcome  `json:"outcome"`
	Failed         bool     `json:"failed"`             // Outcome is OutcomeFailed
	Unjudged       string   `json:"unjudged,omitempty"` // why it cannot be judged, with OutcomeUnjudged
	// Captures is how many captures a side would do where it is undecided, if they differ as much as is allowed for now;
	// 0 if mostCaptures would not.
	Captures int    `json:"captures,omitempty"`
	Sentence string `json:"sentence"`
}

// Judge puts the gate's result into r, which may have been read back from JSON. The sides are those that r was made of: a
// metric that begins with kernel: looks into them, and cannot be judged without; for the others all may be nil. The error is
// that of a metric that is none of Metrics, or of a limit that is no number; then nothing is judged.
func (r *Result) Judge(all []Side, metric string, limitPercent float64) error {
	var err error
	switch {
	case !ValidMetric(metric):
		err = fmt.Errorf("metric %q: must be one of %s", metric, strings.Join(Metrics(), ", "))
	case math.IsNaN(limitPercent) || math.IsInf(limitPercent, 0):
		err = fmt.Errorf("limit %g %%: must be a number", limitPercent)
	}
	g := &Gate{Metric: metric, LimitPercent: limitPercent, Outcome: OutcomePassed}
	if len(r.Pairs) == 0 {
		g.Outcome = OutcomeUnjudged
	}
	if err != nil {
		g.LimitPercent = 0 // JSON has no other
	}
	for i := range r.Pairs {
		p := &r.Pairs[i]
		j := Judgement{Side: p.B}
		if err != nil {
			j.Unjudged = err.Error()
		} else {
			have := 1
			if i+1 < len(r.Sides) {
				have = max(r.Sides[0].Captures, r.Sides[i+1].Captures)
			}
			j.measure(p, all, i+1, metric, limitPercent, have)
		}
		if j.Unjudged != "" {
			j.Outcome = OutcomeUnjudged
		}
		j.Failed = j.Outcome == OutcomeFailed
		j.Sentence = j.words(p, metric, limitPercent)
		g.Judgements = append(g.Judgements, j)
		if slices.Index(outcomes, j.Outcome) > slices.Index(outcomes, g.Outcome) {
			g.Outcome = j.Outcome
		}
	}
	g.Failed = g.Outcome == OutcomeFailed
	r.Gate = g
	return err
}

// measure finds the metric and sets it against the limit. A side has so many captures, at most.
func (j *Judgement) measure(p *Pair, all []Side, other int, metric string, limit float64, have int) {
	if p.Error != "" {
		j.Unjudged = p.Error
		return
	}
	if j.Estimate, j.Unjudged = p.metric(all, other, metric); j.Unjudged == "" {
		j.weigh(metric == metricThroughput, limit, have)
	}
}

// weigh sets a difference against the limit.
func (j *Judgement) weigh(higherBetter bool, limit float64, have int) {
	var least, most float64
	switch {
	case j.A == 0 && j.B == 0: // as good as it was
	case j.A == 0:
		j.Unjudged = "the baseline has none of it, so that there is no percentage"
		return
	case j.Low == nil:
		j.Unjudged = "too few steps or captures to know the spread (sweep --repeat 3, or several captures a side)"
		return
	case higherBetter:
		j.WorsePercent, least, most = -j.Percent, -j.HighPercent(), -j.LowPercent()
	default:
		j.WorsePercent, least, most = j.Percent, j.LowPercent(), j.HighPercent()
	}
	j.AtLeastPercent, j.AtMostPercent = &least, &most
	switch {
	case most <= limit:
		j.Outcome = OutcomePassed
	case least > limit:
		j.Outcome = OutcomeFailed
	default:
		j.Outcome = OutcomeUndecided
		j.Captures = j.capturesFor(math.Abs(j.WorsePercent-limit)/100*j.A, have)
	}
}

// minus is the sign of a number.
var minus = regexp.MustCompile(` -(\d)`)

// words is the judgement in a sentence.
func (j *Judgement) words(p *Pair, metric string, limit float64) string {
	var s string
	switch j.Outcome {
	case OutcomeUnjudged:
		s = fmt.Sprintf("%s of %s cannot be judged: %s", metric, p.B, j.Unjudged)
	case OutcomeFailed:
		s = fmt.Sprintf("%s of %s is %.1f %% worse than %s's, at least %.1f %%: beyond the limit of %.4g %%",
			metric, p.B, j.WorsePercent, p.A, *j.AtLeastPercent, limit)
	case OutcomePassed:
		s = fmt.Sprintf("%s of %s is at most %.1f %% worse than %s's (measured %+.1f %%): within the limit of %.4g %%",
			metric, p.B, *j.AtMostPercent, p.A, j.WorsePercent, limit)
		if *j.AtMostPercent < 0 {
			s = fmt.Sprintf("%s of %s is at least %.1f %% better than %s's (measured %.1f %%): within the limit of %.4g %%",
				metric, p.B, -*j.AtMostPercent, p.A, -j.WorsePercent, limit)
		}
	default:
		s = fmt.Sprintf("%s of %s cannot be judged at this noise: measured %+.1f %% worse than %s's, "+
			"between %+.1f and %+.1f %%, and the limit is %.4g %%; ",
			metric, p.B, j.WorsePercent, p.A, *j.AtLeastPercent, *j.AtMostPercent, limit)
		if j.Captures > 0 {
			s += fmt.Sprintf("%d captures a side would do, if they differ as much as is allowed for here (sweep --repeat %d)",
				j.Captures, j.Captures)
		} else {
			s += fmt.Sprintf("it is so near to the limit that %d captures a side would not do", mostCaptures)
		}
	}
	return minus.ReplaceAllString(s, " −$1")
}
