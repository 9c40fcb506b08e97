package capture

import (
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/llm/sample"
)

// RequestRecord is one line of requests.jsonl: what was asked in the profiled round, and one answer that came of it.
type RequestRecord struct {
	ID           string        `json:"id"`
	Index        int           `json:"index,omitempty"` // of the request's answers, from 0
	Prompt       string        `json:"prompt"`
	Output       string        `json:"output"`
	PromptTokens int           `json:"prompt_tokens"`
	OutputTokens int           `json:"output_tokens"`
	TTFTNs       int64         `json:"ttft_ns"`          // 0 without a token
	TPOTNs       int64         `json:"tpot_ns"`          // 0 with fewer than two tokens
	ITLNs        []int64       `json:"itl_ns,omitempty"` // between arrivals of tokens, where they are streamed
	SentAt       time.Time     `json:"sent_at"`
	FinishReason engine.Finish `json:"finish_reason"`
	StopReason   string        `json:"stop_reason,omitempty"`
	Error        string        `json:"error,omitempty"`
	Params       sample.Params `json:"params"`

	Logprobs []sample.PlaceLogprobs `json:"logprobs,omitempty"` // by output token, if they were asked for
}

// records pairs requests with their outputs, which are in the same order, the first of a request's with Index 0; after an
// interrupt there may be fewer.
func records(requests []engine.Request, outputs []engine.Output) []RequestRecord {
	list := make([]RequestRecord, 0, len(outputs))
	for _, r := range requests {
		n := min(1, len(outputs))
		for n < len(outputs) && outputs[n].Index > 0 {
			n++
		}
		for i := range outputs[:n] {
			o := &outputs[i]
			record := RequestRecord{
				ID: o.ID, Index: o.Index, Prompt: o.Prompt, Output: o.Text,
				PromptTokens: o.PromptTokens(), OutputTokens: o.OutputTokens(),
				TTFTNs: o.TTFT().Nanoseconds(), TPOTNs: o.TPOT().Nanoseconds(), SentAt: o.Arrival,
				FinishReason: o.Finish, StopReason: o.StopReason, Error: o.Error, Params: r.Params, Logprobs: o.Logprobs,
			}
			for _, gap := range o.Gaps {
				record.ITLNs = append(record.ITLNs, gap.Nanoseconds())
			}
			list = append(list, record)
		}
		outputs = outputs[n:]
	}
	return list
}

// writeRequests writes requests.jsonl, one record a line.
func writeRequests(dir string, list []RequestRecord) error {
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

// throughput sums up a round of outputs. It lasted from the first request to the last token, or, if there was none, for
// elapsed.
func throughput(outputs []engine.Output, elapsed time.Duration) *Throughput {
	t := &Throughput{}
	var ttft, tpot, itl []int64
	var first, last time.Time
	for i := range outputs {
		o := &outputs[i]
		if o.Index == 0 { // a prompt with several answers is one prompt
			t.PromptTokens += o.PromptTokens()
		}
		t.OutputTokens += o.OutputTokens()
		if o.Finish == engine.FinishError {
			t.FailedRequests++
		}
		if !o.FirstToken.IsZero() {
			ttft = append(ttft, o.TTFT().Nanoseconds())
		}
		if !o.FirstToken.IsZero() && o.OutputTokens() >= 2 {
			tpot = append(tpot, o.TPOT().Nanoseconds())
		}
		for _, gap := range o.Gaps {
			itl = append(itl, gap.Nanoseconds())
		}
		if !o.Arrival.IsZero() && (first.IsZero() || o.Arrival.Before(first)) {
			first = o.Arrival
		}
		if o.LastToken.After(last) {
			last = o.LastToken
		}
	}
	if !first.IsZero() && last.After(first) {
		elapsed = last.Sub(first)
	}
	t.ElapsedNs = elapsed.Nanoseconds()
	if elapsed > 0 {
		t.OutputTokensPerSecond = float64(t.OutputTokens) / elapsed.Seconds()
	}
	t.TTFT, t.TPOT, t.ITL = spread(ttft), spread(tpot), spread(itl)
	return t
}

// spread sorts v. Its quantiles are values that were measured: of an even number the median is the lower of the two in
// the middle, and the 99th percentile is the smallest value that 99 % do not exceed.
func spread(v []int64) Spread {
	if len(v) == 0 {
		return Spread{}
	}
	slices.Sort(v)
	return Spread{MinNs: v[0], MedianNs: v[(len(v)-1)/2], P99Ns: v[(99*len(v)+99)/100-1], MaxNs: v[len(v)-1]}
}
