package native

import (
	"fmt"
	"slices"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/llm/sample"
	"github.com/inferprof/inferprof/llm/schedule"
	"github.com/inferprof/inferprof/llm/tokenizer"
	"github.com/inferprof/inferprof/sampling"
)

// generation is one answer on its way.
type generation struct {
	sequence schedule.Sequence
	params   sampling.Params
	sampler  *sample.Sampler
	text     *tokenizer.Stream   // nil if the output is not text
	written  []byte              // the output's text so far
	stop     *sample.StopMatcher // nil without stop strings
	limit    int                 // tokens of the sequence at most
	ends     []int32             // tokens that end the output
	out      *engine.Output
	err      error               // why it could not go on
	changed  func(finished bool) // told of each token; may be nil
}

// newGenerations checks a request and makes a generation for each of its answers. It changes nothing of the engine and
// may be called from any goroutine.
func (e *Engine) newGenerations(number int, r engine.Request) ([]*generation, error) {
	if err := r.Params.Validate(); err != nil {
		return nil, usagef("%v", err)
	}
	prompt := r.PromptTokenIDs
	if prompt == nil {
		prompt = e.encode(r.Prompt)
	}
	if r.PromptTokenIDs == nil && r.Prompt == "" || len(prompt) == 0 {
		return nil, usagef("the prompt is empty: give at least one token")
	}
	for _, id := range prompt {
		if id < 0 || int(id) >= e.model.VocabSize {
			return nil, usagef("token id %d is outside the model's vocabulary of %d", id, e.model.VocabSize)
		}
	}
	if len(prompt) >= e.config.MaxModelLen {
		return nil, usagef("the prompt has %d tokens, the context holds %d with room for an answer: shorten it or raise --max-model-len (the model allows %d)",
			len(prompt), e.config.MaxModelLen, e.model.MaxLen)
	}
	list := make([]*generation, r.Params.Answers())
	for i := range list {
		list[i] = e.newGeneration(number, i, prompt, r)
	}
	return list, nil
}

func (e *Engine) newGeneration(number, index int, prompt []int32, r engine.Request) *generation {
	g := &generation{params: r.Params, limit: min(len(prompt)+r.Params.MaxTokens, e.config.MaxModelLen)}
	g.sequence.Prompt, g.sequence.Salt = len(prompt), r.CacheSalt
	g.sequence.Tokens = append(make([]int32, 0, min(g.limit, len(prompt)+1024)), prompt...)
	g.ends = g.params.StopTokenIDs
	if !g.params.IgnoreEOS {
		g.ends = slices.Concat(g.ends, e.model.EOS)
	}
	seed := e.config.Seed + uint64(number) + uint64(index)<<32 // not the history: warm-up rounds must not change an answer
	if r.Params.Seed != nil {
		seed = *r.Params.Seed + uint64(index)
	}
	g.sampler = sample.New(r.Params, seed, prompt, g.ends)
	if e.readable {
		g.text = e.tokenizer.NewStream(true)
	}
	if len(r.Params.Stop) > 0 {
		g.stop = sample.NewStopMatcher(r.Params.Stop)
	}
	g.written = make([]byte, 0, 4*min(r.Params.MaxTokens, 256))
	g.out = &engine.Output{
		TokenIDs: make([]int32, 0, min(r.Params.MaxTokens, 256)),
		ID:       r.ID, Index: index, Prompt: r.Prompt, PromptTokenIDs: g.sequence.Tokens[:len(prompt):len(prompt)],
		Arrival: time.Now(), Finish: engine.FinishAborted,
	}
	return g
}

// encode turns a prompt into tokens. A tokenizer that is only lent may know tokens that the model does not.
func (e *Engine) encode(prompt string) []int32 {
	ids := e.tokenizer.Encode(prompt, true)
	if !e.readable {
		for i := range ids {
			ids[i] %= int32(e.model.VocabSize)
		}
	}
	return ids
}

// next picks an answer's next token, and tells whether the answer is finished by it.
func (g *generation) next(logits []float32) (finished bool) {
	id, err := g.sampler.Next(logits)
	if err != nil {
		g.err = fmt.Errorf("request %s: %w", g.out.ID, err)
		return true
	}
	if n := g.params.Logprobs; n != nil {
		g.out.Logprobs = append(g.out.Logprobs, sample.Logprobs(logits, id, *n))
	}
	g.out.TokenIDs = append(g.out.TokenIDs, id)
	g.sequence.Tokens = append(g.sequence.Tokens, id)
	return false
}

// accepted takes note of the token that was just picked: its time, its text, and whether the answer is finished by it.
func (g *generation) accepted() (finished bool) {
	out := g.out
	out.LastToken = time.Now()
	if out.FirstToken.IsZero() {
		out.FirstToken = out.LastToken
	}
	id := out.TokenIDs[len(out.TokenIDs)-1]
	if slices.Contains(g.ends, id) { // not before min_tokens: the sampler sees to that
		out.Finish = engine.FinishStop
		if slices.Contains(g.params.StopTokenIDs, id) {
			stop := id // of its own, or every token's would be on the heap
			out.StopToken = &stop
		}
		if g.text != nil && g.params.IncludeStop {
			g.written = g.text.Append(g.written, id)
		}
		return true
	}
	switch {
	case g.text == nil:
	case g.stop == nil:
		g.written = g.text.Append(g.written, id)
	default:
		g.write(g.text.Push(id))
		if out.StopReason != "" {
			out.Finish = engine.FinishStop
			return true
		}
	}
	if len(g.sequence.Tokens) >= g.limit {
		out.Finish = engine.FinishLength
		return true
	}
	return false
}

// write adds text to the output, up to a stop string if there is one. A stop string that is complete before the output has
// more than min_tokens does not end it, as in vLLM.
func (g *generation) write(piece string) {
	switch {
	case piece == "":
		return
	case g.stop == nil:
		g.written = append(g.written, piece...)
		return
	case len(g.out.TokenIDs) <= g.params.MinTokens:
		g.written = append(g.written, g.stop.Skip(piece)...)
		return
	}
	released, met := g.stop.Push(piece)
	g.written = append(g.written, released...)
	g.out.StopReason = met
	if g.params.IncludeStop {
		g.written = append(g.written, met...)
	}
}

// close ends the text: it releases what was held back because it might have become something else.
func (g *generation) close() {
	if g.text != nil && g.out.StopReason == "" {
		g.write(g.text.Flush())
		if g.stop != nil && g.out.StopReason == "" {
			g.written = append(g.written, g.stop.Flush()...)
		}
	}
	g.out.Text = string(g.written)
}
