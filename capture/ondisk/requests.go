package ondisk

import (
	"encoding/json"
	"io"
	"path/filepath"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/sampling"
)

// RequestRecord is one line of requests.jsonl: what was asked in the profiled round, and one answer that came of it.
type RequestRecord struct {
	ID           string          `json:"id"`
	Index        int             `json:"index,omitempty"` // of the request's answers, from 0
	Prompt       string          `json:"prompt" redact:"prompt"`
	Output       string          `json:"output" redact:"output"`
	PromptTokens int             `json:"prompt_tokens"`
	OutputTokens int             `json:"output_tokens"`
	TTFTNs       int64           `json:"ttft_ns"`          // 0 without a token
	TPOTNs       int64           `json:"tpot_ns"`          // 0 with fewer than two tokens
	ITLNs        []int64         `json:"itl_ns,omitempty"` // between arrivals of tokens, where they are streamed
	SentAt       time.Time       `json:"sent_at"`
	FinishReason engine.Finish   `json:"finish_reason"`
	StopReason   string          `json:"stop_reason,omitempty" redact:"text"`
	Error        string          `json:"error,omitempty"`
	Params       sampling.Params `json:"params"`

	Logprobs []sampling.PlaceLogprobs `json:"logprobs,omitempty"` // by output token, if they were asked for
}

// WriteRequests writes requests.jsonl, one record a line.
func WriteRequests(dir string, list []RequestRecord) error {
	return atomicfile.Write(filepath.Join(dir, RequestsName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		for _, r := range list {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	})
}
