package sampling

import (
	"math"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	minus, many := -1, MaxLogprobs+1
	for want, change := range map[string]func(*Params){
		"temperature NaN":          func(p *Params) { p.Temperature = math.NaN() },
		"top_p 1.1":                func(p *Params) { p.TopP = 1.1 },
		"top_k -2":                 func(p *Params) { p.TopK = -2 },
		"min_p -0.1":               func(p *Params) { p.MinP = -0.1 },
		"min_p NaN":                func(p *Params) { p.MinP = math.NaN() },
		"max_tokens 0":             func(p *Params) { p.MaxTokens = 0 },
		"min_tokens 17":            func(p *Params) { p.MinTokens = 17 },
		"n -1":                     func(p *Params) { p.N = -1 },
		"repetition_penalty -1":    func(p *Params) { p.RepetitionPenalty = -1 },
		"repetition_penalty 1e-39": func(p *Params) { p.RepetitionPenalty = 1e-39 }, // of which a float32 makes infinite logits
		"repetition_penalty 2e+06": func(p *Params) { p.RepetitionPenalty = 2e6 },
		"repetition_penalty NaN":   func(p *Params) { p.RepetitionPenalty = math.NaN() },
		"presence_penalty":         func(p *Params) { p.PresencePenalty = 2.1 },
		"frequency_penalty -3":     func(p *Params) { p.FrequencyPenalty = -3 },
		"logprobs -1":              func(p *Params) { p.Logprobs = &minus },
		"logprobs 21":              func(p *Params) { p.Logprobs = &many },
		"stop: an empty":           func(p *Params) { p.Stop = []string{"x", ""} },
	} {
		p := Default()
		change(&p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
