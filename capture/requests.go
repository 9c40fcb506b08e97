package capture

import (
	"slices"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
)

// records pairs requests with their outputs, which are in the same order, the first of a request's with Index 0; after an
// interrupt there may be fewer.
func records(requests []engine.Request, outputs []engine.Output) []ondisk.RequestRecord {
	list := make([]ondisk.RequestRecord, 0, len(outputs))
	for _, r := range requests {
		n := min(1, len(outputs))
		for n < len(outputs) && outputs[n].Index > 0 {
			n++
		}
		for i := range outputs[:n] {
			o := &outputs[i]
			record := ondisk.RequestRecord{
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

// throughput sums up a round of outputs. It lasted from the first request to the last token, or, if there was none, for
// elapsed.
func throughput(outputs []engine.Output, elapsed time.Duration) *ondisk.Throughput {
	t := &ondisk.Throughput{}
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
func spread(v []int64) ondisk.Spread {
	if len(v) == 0 {
		return ondisk.Spread{}
	}
	slices.Sort(v)
	return ondisk.Spread{MinNs: v[0], MedianNs: v[(len(v)-1)/2], P99Ns: v[(99*len(v)+99)/100-1], MaxNs: v[len(v)-1]}
}
