package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/internal/words"
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
	// UnjudgedMessage and SentenceMessage are the same as data.
	UnjudgedMessage words.Message `json:"unjudged_message,omitzero"` // absent if it can be judged
	// Captures is how many captures a side would do where it is undecided, if they differ as much as is allowed for now;
	// 0 if mostCaptures would not.
	Captures        int           `json:"captures,omitempty"`
	Sentence        string        `json:"sentence"`
	SentenceMessage words.Message `json:"sentence_message"`
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
			j.unjudged(words.Say("usage", "{error}", words.Name("error", err.Error())))
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
		j.SentenceMessage = j.sentence(p, metric, limitPercent)
		j.Sentence = j.SentenceMessage.Text()
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
		j.unjudged(p.ErrorMessage)
		return
	}
	var why words.Message
	if j.Estimate, why = p.metric(all, other, metric); !why.IsZero() {
		j.unjudged(why)
		return
	}
	j.weigh(metric == metricThroughput, limit, have)
}

// unjudged says why a side cannot be judged.
func (j *Judgement) unjudged(why words.Message) {
	j.Unjudged, j.UnjudgedMessage = why.Text(), why
}

// weigh sets a difference against the limit.
func (j *Judgement) weigh(higherBetter bool, limit float64, have int) {
	var least, most float64
	switch {
	case j.A == 0 && j.B == 0: // as good as it was
	case j.A == 0:
		j.unjudged(words.Say("no_baseline", "the baseline has none of it, so that there is no percentage"))
		return
	case j.Low == nil:
		j.unjudged(words.Say("no_spread", "too few steps or captures to know the spread (sweep --repeat 3, or several captures a side)"))
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

// sentence is the judgement as a message.
func (j *Judgement) sentence(p *Pair, metric string, limit float64) words.Message {
	params := []words.Param{words.Name("metric", metric), words.Name("side", p.B), words.Name("baseline", p.A)}
	if j.Outcome == OutcomeUnjudged {
		return words.Say("unjudged", "{metric} of {side} cannot be judged: {why}", append(params, words.Inner("why", j.UnjudgedMessage))...)
	}
	params = append(params, given("limit_percent", limit), words.Value("worse_percent", j.WorsePercent, words.UnitPercent), words.Value("at_least_percent", *j.AtLeastPercent, words.UnitPercent),
		words.Value("at_most_percent", *j.AtMostPercent, words.UnitPercent))
	measured := words.Value("measured_percent", j.WorsePercent, words.UnitMore)
	switch {
	case j.Outcome == OutcomeFailed:
		return words.Say("failed", "{metric} of {side} is {worse_percent} worse than {baseline}'s, at least {at_least_percent}: beyond the limit of {limit_percent}", params...)
	case j.Outcome == OutcomePassed && *j.AtMostPercent < 0:
		return words.Say("passed_better", "{metric} of {side} is at least {better_at_least_percent} better than {baseline}'s (measured {better_percent}): within the limit of {limit_percent}",
			append(params, words.Value("better_at_least_percent", -*j.AtMostPercent, words.UnitPercent), words.Value("better_percent", -j.WorsePercent, words.UnitPercent))...)
	case j.Outcome == OutcomePassed:
		return words.Say("passed", "{metric} of {side} is at most {at_most_percent} worse than {baseline}'s (measured {measured_percent}): within the limit of {limit_percent}",
			append(params, measured)...)
	}
	do := words.Say("too_near", "it is so near to the limit that {captures} captures a side would not do", words.Number("captures", mostCaptures))
	if j.Captures > 0 {
		do = words.Say("captures", "{captures} captures a side would do, if they differ as much as is allowed for here (sweep --repeat {captures})", words.Number("captures", j.Captures))
	}
	return words.Say("undecided", "{metric} of {side} cannot be judged at this noise: measured {measured_percent} worse than {baseline}'s, between {low_percent} and {high_percent}, "+
		"and the limit is {limit_percent}; {do}", append(params, measured, words.Value("low_percent", *j.AtLeastPercent, words.UnitMore),
		words.Value("high_percent", *j.AtMostPercent, words.UnitMore), words.Inner("do", do))...)
}

// given is a percentage as somebody gave it, rather than as one that was measured is written.
func given(name string, percent float64) words.Param {
	p := words.Value(name, percent, words.UnitPercent)
	p.Short = words.Ratio(percent) + " %"
	return p
}
