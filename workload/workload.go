// Package workload says what is asked of an engine: the example prompts, a file of prompts, or random tokens of given
// lengths. Each way gives requests with the parameters to continue them.
package workload

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
)

// examples are the prompts of vLLM's basic example.
var examples = []string{
	"Hello, my name is",
	"The president of the United States is",
	"The capital of France is",
	"The future of AI is",
}

// Default returns the four prompts that every vLLM user knows.
func Default(p sampling.Params) []engine.Request { return FromPrompts(examples, p) }

// FromPrompts returns a request for each prompt, all with the same parameters. Their IDs count from 0.
func FromPrompts(prompts []string, p sampling.Params) []engine.Request {
	requests := make([]engine.Request, len(prompts))
	for i, prompt := range prompts {
		requests[i] = engine.Request{ID: strconv.Itoa(i), Prompt: prompt, Params: clone(p)}
	}
	return requests
}

// AnyVocab is a vocabulary size that every model's reaches, for Random without knowing the model.
const AnyVocab = 256

// Random returns n requests of inputLen token ids each, drawn from [0, vocab), that are answered greedily with exactly
// outputLen tokens: the end-of-sequence token does not end them. It is vLLM's random data set: work of a known size,
// without meaning. The same arguments give the same requests. inputLen, outputLen and vocab must be 1 or more.
func Random(n, inputLen, outputLen, vocab int, seed uint64) []engine.Request {
	random := rand.New(rand.NewPCG(seed, 0x776f726b6c6f6164)) // the second word is any constant
	params := sampling.Default()
	params.Temperature, params.MaxTokens, params.IgnoreEOS = 0, outputLen, true
	requests := make([]engine.Request, n)
	for i := range requests {
		ids := make([]int32, inputLen)
		for j := range ids {
			ids[j] = random.Int32N(int32(vocab))
		}
		requests[i] = engine.Request{ID: strconv.Itoa(i), PromptTokenIDs: ids, Params: params}
	}
	return requests
}

// clone copies p with what it points to, so that requests share nothing that is changed.
func clone(p sampling.Params) sampling.Params {
	if p.Seed != nil {
		seed := *p.Seed
		p.Seed = &seed
	}
	p.Stop = slices.Clone(p.Stop)
	return p
}
