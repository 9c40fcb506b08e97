// Package sampling is how an output is asked for, and what is told of its tokens' probabilities: the words that engines,
// servers and captures share. How a token is drawn is llm/sample's.
package sampling

import (
	"fmt"
	"slices"
)

// Params says how to continue a prompt. Names, defaults and meaning are those of vLLM's SamplingParams. Start from
// Default: 0 is not the default of all of them.
type Params struct {
	Temperature float64  `json:"temperature"`                  // 0 is greedy; default 1
	TopP        float64  `json:"top_p"`                        // (0, 1]; default 1
	TopK        int      `json:"top_k"`                        // 0 or -1: all; default 0
	MinP        float64  `json:"min_p,omitempty"`              // [0, 1]: drop tokens less likely than this share of the likeliest; default 0
	MaxTokens   int      `json:"max_tokens"`                   // default 16
	Seed        *uint64  `json:"seed,omitempty"`               // nil: from the engine's seed and the request's number
	N           int      `json:"n,omitempty"`                  // answers to one prompt; 0 is the default: 1
	Stop        []string `json:"stop,omitempty" redact:"text"` // strings that end the output; they are not part of it
	IgnoreEOS   bool     `json:"ignore_eos,omitempty"`

	StopTokenIDs []int32 `json:"stop_token_ids,omitempty"` // tokens that end the output, as the end-of-sequence token does
	IncludeStop  bool    `json:"include_stop_str_in_output,omitempty"`
	MinTokens    int     `json:"min_tokens,omitempty"` // no token ends the output before it has so many; default 0

	RepetitionPenalty float64 `json:"repetition_penalty,omitempty"` // of tokens in prompt or output, [1e-6, 1e6]; 0 is the default: 1, none
	PresencePenalty   float64 `json:"presence_penalty,omitempty"`   // [-2, 2]; default 0
	FrequencyPenalty  float64 `json:"frequency_penalty,omitempty"`  // [-2, 2]; default 0

	Logprobs *int `json:"logprobs,omitempty"` // so many likeliest tokens and the chosen one, at each place; nil: none
}

// Default returns vLLM's defaults: temperature 1, top_p 1, all tokens, 16 of them.
func Default() Params { return Params{Temperature: 1, TopP: 1, MaxTokens: 16} }

// MaxLogprobs is the most that Params.Logprobs may ask for: vLLM's max_logprobs.
const MaxLogprobs = 20

// maxAnswers bounds Params.N: a slip of the keyboard should not fill the memory.
const maxAnswers = 16384

// Validate says what is wrong with p, naming the field and what it takes.
func (p Params) Validate() error {
	switch {
	case !(p.Temperature >= 0): // NaN too
		return fmt.Errorf("temperature %v: must be 0 (greedy) or more", p.Temperature)
	case !(p.TopP > 0 && p.TopP <= 1):
		return fmt.Errorf("top_p %v: must be above 0 and at most 1", p.TopP)
	case p.TopK < -1:
		return fmt.Errorf("top_k %d: must be 0 or -1 (all tokens) or a number of tokens", p.TopK)
	case !(p.MinP >= 0 && p.MinP <= 1):
		return fmt.Errorf("min_p %v: must be from 0 to 1", p.MinP)
	case p.MaxTokens < 1:
		return fmt.Errorf("max_tokens %d: must be 1 or more", p.MaxTokens)
	case p.MinTokens < 0 || p.MinTokens > p.MaxTokens:
		return fmt.Errorf("min_tokens %d: must be from 0 to max_tokens, which is %d", p.MinTokens, p.MaxTokens)
	case p.N < 0 || p.N > maxAnswers:
		return fmt.Errorf("n %d: must be from 1 to %d", p.N, maxAnswers)
	case p.RepetitionPenalty != 0 && !(p.RepetitionPenalty >= 1e-6 && p.RepetitionPenalty <= 1e6): // logits stay finite
		return fmt.Errorf("repetition_penalty %v: must be above 0, from 1e-06 to 1e+06; 1 is none", p.RepetitionPenalty)
	case !(p.PresencePenalty >= -2 && p.PresencePenalty <= 2):
		return fmt.Errorf("presence_penalty %v: must be from -2 to 2", p.PresencePenalty)
	case !(p.FrequencyPenalty >= -2 && p.FrequencyPenalty <= 2):
		return fmt.Errorf("frequency_penalty %v: must be from -2 to 2", p.FrequencyPenalty)
	case p.Logprobs != nil && (*p.Logprobs < 0 || *p.Logprobs > MaxLogprobs):
		return fmt.Errorf("logprobs %d: must be from 0 to %d", *p.Logprobs, MaxLogprobs)
	}
	if slices.Contains(p.Stop, "") {
		return fmt.Errorf("stop: an empty string would end every output at once")
	}
	return nil
}

// Answers is how many answers are asked for: N, or 1.
func (p *Params) Answers() int { return max(p.N, 1) }
