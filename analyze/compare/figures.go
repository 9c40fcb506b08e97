package compare

import (
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Figures are a side's own numbers, for a table of many sides: medians over its runs, with the least and the most of them.
type Figures struct {
	Captures              int    `json:"captures"`
	OutputTokensPerSecond Spread `json:"output_tokens_per_s"`
	TTFTNs                Spread `json:"ttft_ns"`
	TPOTNs                Spread `json:"tpot_ns"`
	MemoryBytes           Spread `json:"memory_bytes"`
	DecodeBatch           int64  `json:"decode_batch"` // the batch that most decode steps have; 0 if there are none
	DecodeStepNs          Spread `json:"decode_step_ns"`
	PromptTokenNs         Spread `json:"prompt_token_ns"`
	BusyShare             Spread `json:"busy_share"` // of those decode steps
	Steps                 int    `json:"steps"`
}

// Spread is a number over runs; all 0 where no run has it.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	n := len(values)
	return Spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// FiguresOf sums a side up.
func FiguresOf(s *Side) Figures {
	f := Figures{Captures: len(s.Runs)}
	steps := map[int64]int{}
	for i := range s.Runs {
		for _, g := range s.Runs[i].Groups {
			f.Steps += g.Steps
			if g.Phase == trace.StepDecode {
				steps[g.GenerationRequests] += g.Steps
			}
		}
	}
	most := 0
	for batch, n := range steps {
		if n > most || n == most && batch > f.DecodeBatch {
			f.DecodeBatch, most = batch, n
		}
	}
	var rates, ttft, tpot, memory, step, prompt, busy []float64
	known := func(to *[]float64, v float64) {
		if v > 0 {
			*to = append(*to, v)
		}
	}
	for i := range s.Runs {
		r := &s.Runs[i]
		if t := r.Throughput; t != nil {
			known(&rates, t.OutputTokensPerSecond)
			known(&ttft, float64(t.TTFTNs))
			known(&tpot, float64(t.TPOTNs))
			known(&memory, float64(t.MemoryBytes))
		}
		var ns, tokens float64
		for k := range r.Groups {
			g := &r.Groups[k]
			switch g.Phase {
			case trace.StepDecode:
				if g.GenerationRequests == f.DecodeBatch {
					m := float64(stats.Median(g.TotalNs))
					known(&step, m)
					if m > 0 {
						known(&busy, float64(stats.Median(g.BusyNs))/m)
					}
				}
			case trace.StepPrefill, trace.StepMixed:
				if g.ContextTokens > 0 {
					tokens += float64(g.ContextTokens) * float64(g.Steps)
					ns += float64(g.AllNs)
				}
			}
		}
		if tokens > 0 {
			known(&prompt, ns/tokens)
		}
	}
	f.OutputTokensPerSecond, f.TTFTNs, f.TPOTNs, f.MemoryBytes = spreadOf(rates), spreadOf(ttft), spreadOf(tpot), spreadOf(memory)
	f.DecodeStepNs, f.PromptTokenNs, f.BusyShare = spreadOf(step), spreadOf(prompt), spreadOf(busy)
	return f
}
