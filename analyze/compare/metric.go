package compare

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/internal/words"
)

// Numbers that a gate may be about.

const (
	metricThroughput = "tokens-per-s"
	metricKernel     = "kernel:"
)

// Metrics are the names that Judge takes; kernel: is followed by a part of a kernel's name.
func Metrics() []string {
	return []string{"decode-step", "decode-step-mean", "decode-step-p99", "prefill-token", "busy", "idle", "comm",
		metricKernel + "NAME", metricThroughput}
}

// ValidMetric says whether Judge takes a metric.
func ValidMetric(metric string) bool {
	if name, ok := strings.CutPrefix(metric, metricKernel); ok {
		return strings.TrimSpace(name) != ""
	}
	return slices.Contains(Metrics(), metric)
}

// section is the first of the pair's sections that there is; nil if there is none.
func (p *Pair) section(ids ...SectionID) *Section {
	for _, id := range ids {
		if i := slices.IndexFunc(p.Sections, func(s Section) bool { return s.ID == id }); i >= 0 {
			return &p.Sections[i]
		}
	}
	return nil
}

// metric finds one of Metrics in a pair, or says why there is none.
func (p *Pair) metric(all []Side, other int, metric string) (e Estimate, unjudged words.Message) {
	switch metric {
	case metricThroughput:
		for _, m := range p.Requests {
			if m.Name == "output_tokens_per_s" {
				return m.Estimate, unjudged
			}
		}
		return e, words.Say("no_throughput", "a side does not know its throughput: it takes captures that inferprof made")
	case "decode-step", "decode-step-mean", "decode-step-p99":
		s := p.section(SectionDecode)
		switch {
		case s == nil:
			return e, words.Say("no_decode_steps", "no decode steps of equal batch on both sides")
		case metric == "decode-step-mean":
			return s.Mean, unjudged
		case metric == "decode-step-p99" && s.P99 != nil:
			return *s.P99, unjudged
		}
		return s.Time, unjudged
	case "prefill-token":
		if s := p.section(SectionPrefill, SectionPrompt, SectionMixed); s != nil {
			return s.Time, unjudged
		}
		return e, words.Say("no_prompts", "no prompts on both sides")
	}
	s := p.section(SectionDecode, SectionGenerated, SectionStep, SectionPrefill, SectionPrompt, SectionMixed, SectionWhole)
	if s == nil {
		return e, words.Say("no_steps", "no steps of equal shape on both sides")
	}
	switch metric {
	case "busy":
		return s.Busy, unjudged
	case "idle":
		return s.Idle, unjudged
	case "comm":
		return s.Comm, unjudged
	}
	name := strings.TrimPrefix(metric, metricKernel)
	if len(all) <= other {
		return e, words.Say("no_sides", "what its sides' kernels took is not in a result: it takes the sides themselves")
	}
	w := s.sidesOf(&all[0], &all[other])
	a, foundA := w.kernelValues(&all[0], 0, name)
	b, foundB := w.kernelValues(&all[other], 1, name)
	if !foundA && !foundB {
		return e, words.Say("no_kernel", "no kernel's name contains {kernel} on either side", words.LongName("kernel", name, strconv.Quote(name)))
	}
	return estimate(a, b), unjudged
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

// kernelValues are a side's values, by run, of all kernels whose names contain a text: their means over typical steps.
func (w *sides) kernelValues(side *Side, k int, name string) (out []value, found bool) {
	for r, scales := range w.scales(k, typicalOf) {
		run := &side.Runs[r]
		v := value{n: 1}
		var variance, steps float64
		for i, scale := range scales {
			g := w.units[i].groups[k][r]
			if g == nil || scale == 0 {
				continue
			}
			scale *= float64(w.runsOf(k)) // of this run alone
			var ns int64
			var spread float64 // those of several kernels are taken to go together
			for _, s := range g.Work {
				if strings.Contains(run.Work[s.Work].Name, name) {
					found = true
					ns += s.Ns
					spread += s.spread(g.Typical)
				}
			}
			n := float64(g.Typical)
			v.v += scale * float64(ns)
			v.step += scale * n * spread
			variance += scale * scale * n * spread * spread
			v.n += g.Typical - 1
			steps += n
		}
		if steps > 0 {
			v.within = math.Sqrt(variance)
			out = append(out, v)
		}
	}
	return out, found
}

// runsOf is how many runs of a side have steps here.
func (w *sides) runsOf(k int) (n int) {
	for r := range w.units[0].groups[k] {
		if slices.ContainsFunc(w.units, func(u unit) bool { return u.groups[k][r] != nil }) {
			n++
		}
	}
	return max(1, n)
}
