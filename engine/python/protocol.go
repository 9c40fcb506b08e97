package python

import (
	"encoding/json"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
)

// The protocol. We write commands, a JSON object a line, to the child's standard input:
//
//	{"id":1,"op":"open","config":{…}}           answered with what runs: engine.Info
//	{"id":2,"op":"generate","requests":[…]}     answered with outputs
//	{"id":3,"op":"start_profile"}
//	{"id":4,"op":"stop_profile"}
//	{"op":"abort"}                              not answered: ends a generate at the engine's next step
//
// and read answers from its standard output, each with the id of its command and "result" or "error". call.go waits for
// them.

// answer is one line from the child.
type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *failure        `json:"error"`
}

// failure is an exception in the child.
type failure struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Usage bool   `json:"usage"` // the caller asked for what cannot be
}

type request struct {
	ID             string          `json:"id"`
	Prompt         string          `json:"prompt,omitempty"`
	PromptTokenIDs []int32         `json:"prompt_token_ids,omitempty"`
	Params         sampling.Params `json:"params"`
}

// output is an answer to a request. Times are ns since 1970; 0 if nobody measured.
type output struct {
	Prompt         string  `json:"prompt"`
	PromptTokenIDs []int32 `json:"prompt_token_ids"`
	Text           string  `json:"text"`
	TokenIDs       []int32 `json:"token_ids"`
	FinishReason   string  `json:"finish_reason"`
	StopReason     string  `json:"stop_reason"`
	ArrivalNs      int64   `json:"arrival_ns"`
	FirstTokenNs   int64   `json:"first_token_ns"`
	LastTokenNs    int64   `json:"last_token_ns"`

	Logprobs []sampling.PlaceLogprobs `json:"logprobs"`
}

func (o output) engine(r engine.Request, answer int) engine.Output {
	at := func(ns int64) time.Time {
		if ns == 0 {
			return time.Time{}
		}
		return time.Unix(0, ns)
	}
	return engine.Output{
		ID: r.ID, Index: answer, Prompt: r.Prompt, PromptTokenIDs: o.PromptTokenIDs, Text: o.Text, TokenIDs: o.TokenIDs,
		Finish: engine.Finish(o.FinishReason), StopReason: o.StopReason, Logprobs: o.Logprobs,
		Arrival: at(o.ArrivalNs), FirstToken: at(o.FirstTokenNs), LastToken: at(o.LastTokenNs),
	}
}
