package serve

import (
	"encoding/json"
	"net/http"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
)

// completionRequest is the body of /v1/completions: OpenAI's fields and those that vLLM adds. Null is as good as absent.
type completionRequest struct {
	Model         *string         `json:"model"`
	Prompt        json.RawMessage `json:"prompt"`
	Stream        bool            `json:"stream"`
	StreamOptions *struct {
		IncludeUsage    bool `json:"include_usage"`
		ContinuousUsage bool `json:"continuous_usage_stats"`
	} `json:"stream_options"`
	Echo           bool   `json:"echo"`
	ReturnTokenIDs bool   `json:"return_token_ids"`
	RequestID      string `json:"request_id"`
	CacheSalt      string `json:"cache_salt"`

	MaxTokens         *int            `json:"max_tokens"`
	MinTokens         *int            `json:"min_tokens"`
	N                 *int            `json:"n"`
	BestOf            *int            `json:"best_of"`
	Temperature       *float64        `json:"temperature"`
	TopP              *float64        `json:"top_p"`
	TopK              *int            `json:"top_k"`
	MinP              *float64        `json:"min_p"`
	Seed              *int64          `json:"seed"`
	RepetitionPenalty *float64        `json:"repetition_penalty"`
	PresencePenalty   *float64        `json:"presence_penalty"`
	FrequencyPenalty  *float64        `json:"frequency_penalty"`
	Stop              json.RawMessage `json:"stop"`
	StopTokenIDs      []int32         `json:"stop_token_ids"`
	IncludeStop       bool            `json:"include_stop_str_in_output"`
	IgnoreEOS         bool            `json:"ignore_eos"`
	Logprobs          *int            `json:"logprobs"`

	// What would change the answer and is not there.
	Suffix         json.RawMessage `json:"suffix"`
	LogitBias      json.RawMessage `json:"logit_bias"`
	PromptEmbeds   json.RawMessage `json:"prompt_embeds"`
	PromptLogprobs json.RawMessage `json:"prompt_logprobs"`
	BadWords       json.RawMessage `json:"bad_words"`
	ResponseFormat json.RawMessage `json:"response_format"`
	GuidedJSON     json.RawMessage `json:"guided_json"`
	Structured     json.RawMessage `json:"structured_outputs"`
	BeamSearch     bool            `json:"use_beam_search"`
}

// unsupported names a parameter that is set and cannot be followed. Passing it over would answer another question.
func (r *completionRequest) unsupported() error {
	for _, p := range []struct {
		name string
		raw  json.RawMessage
	}{
		{"suffix", r.Suffix}, {"logit_bias", r.LogitBias}, {"prompt_embeds", r.PromptEmbeds}, {"prompt_logprobs", r.PromptLogprobs},
		{"bad_words", r.BadWords}, {"guided_json", r.GuidedJSON}, {"structured_outputs", r.Structured}, {"response_format", r.ResponseFormat},
	} {
		if name, raw := p.name, p.raw; !rawIsNull(raw) && string(raw) != `""` && string(raw) != "{}" && string(raw) != "[]" && string(raw) != `{"type":"text"}` {
			return refuse(name, "%s is not supported by this engine: leave it out", name)
		}
	}
	switch {
	case r.BeamSearch:
		return refuse("use_beam_search", "use_beam_search is not supported by this engine: leave it out")
	case r.BestOf != nil && (r.N == nil && *r.BestOf != 1 || r.N != nil && *r.BestOf != *r.N):
		return refuse("best_of", "best_of is not supported: ask for n answers and choose")
	case r.Echo && r.Logprobs != nil:
		return refuse("echo", "echo with logprobs is not supported: leave one of them out")
	case !r.Stream && r.StreamOptions != nil:
		return refuse("stream_options", "stream_options goes with stream alone")
	}
	return nil
}

// params are the sampling parameters. maxLen is the longest context, for a max_tokens of null.
func (r *completionRequest) params(maxLen int) (sampling.Params, error) {
	p := sampling.Default()
	set(&p.MinTokens, r.MinTokens)
	set(&p.N, r.N)
	set(&p.Temperature, r.Temperature)
	set(&p.TopP, r.TopP)
	set(&p.TopK, r.TopK)
	set(&p.MinP, r.MinP)
	set(&p.RepetitionPenalty, r.RepetitionPenalty)
	set(&p.PresencePenalty, r.PresencePenalty)
	set(&p.FrequencyPenalty, r.FrequencyPenalty)
	p.StopTokenIDs, p.IncludeStop, p.IgnoreEOS, p.Logprobs = r.StopTokenIDs, r.IncludeStop, r.IgnoreEOS, r.Logprobs
	p.MaxTokens = maxLen
	set(&p.MaxTokens, r.MaxTokens)
	if r.Seed != nil {
		seed := uint64(*r.Seed)
		p.Seed = &seed
	}
	switch {
	case r.N != nil && *r.N < 1:
		return p, refuse("n", "n %d: must be 1 or more", *r.N)
	case r.RepetitionPenalty != nil && *r.RepetitionPenalty <= 0:
		return p, refuse("repetition_penalty", "repetition_penalty %v: must be above 0; 1 is none", *r.RepetitionPenalty)
	}
	if !rawIsNull(r.Stop) {
		var one string
		if json.Unmarshal(r.Stop, &one) == nil {
			p.Stop = []string{one}
		} else if json.Unmarshal(r.Stop, &p.Stop) != nil {
			return p, refuse("stop", "stop: must be a string or a list of strings")
		}
		if one == "" && len(p.Stop) == 1 && p.Stop[0] == "" {
			p.Stop = nil // vLLM takes an empty string for none
		}
	}
	return p, nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// prompts reads the four forms of a prompt: a text, texts, token ids, lists of token ids.
func prompts(raw json.RawMessage) ([]engine.Request, error) {
	if rawIsNull(raw) {
		return nil, refuse("prompt", "prompt is missing")
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []engine.Request{{Prompt: text}}, nil
	}
	var texts []string
	if json.Unmarshal(raw, &texts) == nil && len(texts) > 0 {
		list := make([]engine.Request, len(texts))
		for i, t := range texts {
			list[i].Prompt = t
		}
		return list, nil
	}
	var ids []int32
	if json.Unmarshal(raw, &ids) == nil && len(ids) > 0 {
		return []engine.Request{{PromptTokenIDs: ids}}, nil
	}
	var lists [][]int32
	if json.Unmarshal(raw, &lists) == nil && len(lists) > 0 {
		requests := make([]engine.Request, len(lists))
		for i, ids := range lists {
			requests[i].PromptTokenIDs = append([]int32{}, ids...) // an empty list is an empty prompt, not none
		}
		return requests, nil
	}
	return nil, refuse("prompt", "prompt: must be a text, a list of texts, a list of token ids or a list of such lists, and not empty")
}

// parse reads a request for completions: the engine's requests, one per prompt.
func (s *Server) parse(q *http.Request) (*completionRequest, []engine.Request, error) {
	sixteen := sampling.Default().MaxTokens
	r := &completionRequest{MaxTokens: &sixteen}
	if err := readJSON(q, r); err != nil {
		return nil, nil, err
	}
	if r.Model != nil && *r.Model != "" && *r.Model != s.options.ModelName {
		return nil, nil, &requestError{"model", "the model `" + *r.Model + "` does not exist: this server has `" + s.options.ModelName + "`", http.StatusNotFound}
	}
	if err := r.unsupported(); err != nil {
		return nil, nil, err
	}
	p, err := r.params(s.Info().MaxModelLen)
	if err != nil {
		return nil, nil, err
	}
	requests, err := prompts(r.Prompt)
	if err != nil {
		return nil, nil, err
	}
	for i := range requests {
		requests[i].Params, requests[i].CacheSalt = p, r.CacheSalt
	}
	return r, requests, nil
}
