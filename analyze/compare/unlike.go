package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// Whether two sides did the same work is what to know before any percentage: another model, another type of numbers, another
// batch, prompts of another length. What was configured says it, if captures have it; else what traces show
// (iterations.Model, names and shapes of steps). Steps of equal shape are compared all the same.

// unequal is the difference of prompt lengths from which prompts are not the same work, and decode steps after them neither.
const unequal = 0.05

// unlike says what a pair's sides do not have in common of the work they did.
func (c *pairing) unlike() []string {
	out := []string{}
	for _, of := range []func() string{c.otherModel, c.otherDtype, c.otherWeights, c.otherBatch, c.otherPrompts} {
		if text := of(); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// differ is what both sides say of something, if both do and it is not the same.
func (c *pairing) differ(of func(s *Side) string) (a, b string, ok bool) {
	a, b = of(c.side[0]), of(c.side[1])
	return a, b, a != "" && b != "" && a != b
}

// shown is what the runs of a side show; of runs that disagree, all.
func shown(s *Side, of func(r *Run) string) string {
	var values []string
	for i := range s.Runs {
		if v := of(&s.Runs[i]); v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return strings.Join(values, " | ")
}

func number[T int | int64](n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func (c *pairing) otherModel() string {
	if a, b, ok := c.differ(func(s *Side) string { return settingOf(s, "model") }); ok {
		return fmt.Sprintf("another model: %s in %s, %s in %s", a, c.pair.A, b, c.pair.B)
	}
	var facts []string
	if a, b, ok := c.differ(func(s *Side) string { return shown(s, func(r *Run) string { return number(r.Model.Layers) }) }); ok {
		facts = append(facts, fmt.Sprintf("attention runs %s times a step in %s, %s times in %s", a, c.pair.A, b, c.pair.B))
	}
	if a, b, ok := c.differ(func(s *Side) string { return shown(s, func(r *Run) string { return number(r.Model.Hidden) }) }); ok {
		facts = append(facts, fmt.Sprintf("most linear layers take rows of %s in %s, of %s in %s", a, c.pair.A, b, c.pair.B))
	}
	if len(facts) == 0 {
		return ""
	}
	return "another model, or other layers of it: " + strings.Join(facts, ", and ")
}

func (c *pairing) otherDtype() string {
	if a, b, ok := c.differ(func(s *Side) string { return shown(s, func(r *Run) string { return r.Model.Dtype }) }); ok {
		return fmt.Sprintf("another type of numbers: matrix products are of %s in %s, of %s in %s", a, c.pair.A, b, c.pair.B)
	}
	if a, b, ok := c.differ(func(s *Side) string { return settingOf(s, "dtype") }); ok {
		return fmt.Sprintf("another type of numbers: %s in %s, %s in %s", a, c.pair.A, b, c.pair.B)
	}
	return ""
}

func (c *pairing) otherWeights() string {
	weights := func(s *Side) string {
		return shown(s, func(r *Run) string {
			products := false
			for _, w := range r.Work {
				if quantized(w) {
					return "quantized"
				}
				products = products || partOf(w) == partGEMM
			}
			if products {
				return "not quantized"
			}
			return ""
		})
	}
	if a, b, ok := c.differ(weights); ok {
		return fmt.Sprintf("other weights: %s in %s, %s in %s", a, c.pair.A, b, c.pair.B)
	}
	return ""
}

func (c *pairing) otherBatch() string {
	batch := func(s *Side) string {
		steps := map[int64]int{}
		for i := range s.Runs {
			for _, g := range s.Runs[i].Groups {
				if g.Phase == trace.StepDecode && g.GenerationRequests > 0 {
					steps[g.GenerationRequests] += g.Steps
				}
			}
		}
		var most int64
		for batch, n := range steps {
			if n > steps[most] || n == steps[most] && batch > most {
				most = batch
			}
		}
		return number(most)
	}
	if a, b, ok := c.differ(batch); ok {
		return fmt.Sprintf("another batch: most decode steps are of %s requests in %s, of %s in %s", a, c.pair.A, b, c.pair.B)
	}
	return ""
}

// otherPrompts compares how long prompts are on average, by what requests had, else by what steps read of them.
func (c *pairing) otherPrompts() string {
	var lengths [2]float64
	var of [2]string
	for k, side := range c.side {
		var tokens, prompts int64
		for i := range side.Runs {
			if t := side.Runs[i].Throughput; t != nil && t.Requests > 0 && t.PromptTokens > 0 {
				tokens, prompts = tokens+int64(t.PromptTokens), prompts+int64(t.Requests)
			}
		}
		of[k] = "a prompt has"
		if prompts == 0 {
			of[k] = "a step reads of each prompt"
			for i := range side.Runs {
				for _, g := range side.Runs[i].Groups {
					if n := int64(g.Steps + g.Open + g.UnderRecorded); g.ContextRequests > 0 && g.ContextTokens > 0 {
						tokens, prompts = tokens+n*g.ContextTokens, prompts+n*g.ContextRequests
					}
				}
			}
		}
		if prompts > 0 {
			lengths[k] = float64(tokens) / float64(prompts)
		}
	}
	a, b := lengths[0], lengths[1]
	if a == 0 || b == 0 || of[0] != of[1] || math.Abs(b-a) <= unequal*max(a, b) {
		return ""
	}
	return fmt.Sprintf("prompts of another length: %s %.0f tokens in %s, %.0f in %s, "+
		"so that attention of decode steps of equal batch differs, too", of[0], a, c.pair.A, b, c.pair.B)
}
