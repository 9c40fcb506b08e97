package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Whether two sides did the same work is what to know before any percentage: another model, another type of numbers, another
// batch, prompts of another length. What was configured says it, if captures have it; else what traces show
// (iterations.Model, names and shapes of steps). Steps of equal shape are compared all the same.

// unequal is the difference of prompt lengths from which prompts are not the same work, and decode steps after them neither.
const unequal = 0.05

// unlike says what a pair's sides do not have in common of the work they did.
func (c *pairing) unlike() []words.Message {
	out := []words.Message{}
	for _, of := range []func() words.Message{c.otherModel, c.otherDtype, c.otherWeights, c.otherBatch, c.otherPrompts} {
		if m := of(); !m.IsZero() {
			out = append(out, m)
		}
	}
	return out
}

// other says what differs, in words that name both sides and what each has.
func (c *pairing) other(id, format, a, b string) words.Message {
	return words.Say(id, format, words.Name("baseline", c.pair.A), words.Name("baseline_value", a), words.Name("side", c.pair.B), words.Name("value", b))
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

func (c *pairing) otherModel() words.Message {
	if a, b, ok := c.differ(func(s *Side) string { return settingOf(s, "model") }); ok {
		return c.other("other_model", "another model: {baseline_value} in {baseline}, {value} in {side}", a, b)
	}
	var facts []words.Message
	if a, b, ok := c.differ(func(s *Side) string { return shown(s, func(r *Run) string { return number(r.Model.Layers) }) }); ok {
		facts = append(facts, c.other("layers", "attention runs {baseline_value} times a step in {baseline}, {value} times in {side}", a, b))
	}
	if a, b, ok := c.differ(func(s *Side) string { return shown(s, func(r *Run) string { return number(r.Model.Hidden) }) }); ok {
		facts = append(facts, c.other("hidden", "most linear layers take rows of {baseline_value} in {baseline}, of {value} in {side}", a, b))
	}
	switch len(facts) {
	case 0:
		return words.Message{}
	case 1:
		return words.Say("other_layers", "another model, or other layers of it: {fact}", words.Inner("fact", facts[0]))
	}
	return words.Say("other_layers", "another model, or other layers of it: {fact}, and {other_fact}", words.Inner("fact", facts[0]), words.Inner("other_fact", facts[1]))
}

func (c *pairing) otherDtype() words.Message {
	if a, b, ok := c.differ(func(s *Side) string { return shown(s, func(r *Run) string { return r.Model.Dtype }) }); ok {
		return c.other("other_dtype", "another type of numbers: matrix products are of {baseline_value} in {baseline}, of {value} in {side}", a, b)
	}
	if a, b, ok := c.differ(func(s *Side) string { return settingOf(s, "dtype") }); ok {
		return c.other("other_dtype", "another type of numbers: {baseline_value} in {baseline}, {value} in {side}", a, b)
	}
	return words.Message{}
}

func (c *pairing) otherWeights() words.Message {
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
		return c.other("other_weights", "other weights: {baseline_value} in {baseline}, {value} in {side}", a, b)
	}
	return words.Message{}
}

func (c *pairing) otherBatch() words.Message {
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
		return c.other("other_batch", "another batch: most decode steps are of {baseline_value} requests in {baseline}, of {value} in {side}", a, b)
	}
	return words.Message{}
}

// otherPrompts compares how long prompts are on average, by what requests had, else by what steps read of them.
func (c *pairing) otherPrompts() words.Message {
	var lengths [2]float64
	var byRequests [2]bool
	for k, side := range c.side {
		var tokens, prompts int64
		for i := range side.Runs {
			if t := side.Runs[i].Throughput; t != nil && t.Requests > 0 && t.PromptTokens > 0 {
				tokens, prompts = tokens+int64(t.PromptTokens), prompts+int64(t.Requests)
			}
		}
		if byRequests[k] = prompts > 0; prompts == 0 {
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
	if a == 0 || b == 0 || byRequests[0] != byRequests[1] || math.Abs(b-a) <= unequal*max(a, b) {
		return words.Message{}
	}
	format := "prompts of another length: a step reads of each prompt {baseline_tokens} tokens in {baseline}, {tokens} in {side}"
	if byRequests[0] {
		format = "prompts of another length: a prompt has {baseline_tokens} tokens in {baseline}, {tokens} in {side}"
	}
	return words.Say("other_prompts", format+", so that attention of decode steps of equal batch differs, too", words.Value("baseline_tokens", a, words.UnitCount),
		words.Name("baseline", c.pair.A), words.Value("tokens", b, words.UnitCount), words.Name("side", c.pair.B))
}
