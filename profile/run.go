package profile

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// startRun begins to read the traces of one capture, of which it keeps the steps alone.
func (r *reading) startRun(ctx context.Context, c *ondisk.Capture) func() (*compare.Run, error) {
	metas, ranks := make([][]trace.Meta, len(c.Traces)), make([][]*analyze.RankIterations, len(c.Traces))
	wait := r.start(ctx, c.Traces, func(i int, traces []*trace.Trace) {
		for _, t := range traces {
			metas[i] = append(metas[i], t.Meta)
			ranks[i] = append(ranks[i], analyze.Iterate(t, 0, analyze.Options{Categories: r.categories}))
		}
	})
	return func() (*compare.Run, error) {
		if err := wait(); err != nil {
			return nil, err
		}
		return runOf(c, slices.Concat(metas...), slices.Concat(ranks...)), nil
	}
}

// runOf reduces a capture whose traces have been divided.
func runOf(c *ondisk.Capture, metas []trace.Meta, ranks []*analyze.RankIterations) *compare.Run {
	in := &compare.Capture{Name: c.Dir}
	if c.Manifest != nil {
		in.Name = c.Manifest.ID
		if m := c.Manifest; m.Status != ondisk.Complete {
			in.Notes = append(in.Notes, fmt.Sprintf("the capture is %s: %s", m.Status, m.Error))
		}
		if missing := len(c.Manifest.Ranks.Missing); missing > 0 {
			in.Notes = append(in.Notes, fmt.Sprintf("%d of %s are missing", missing, words.Counted(c.Manifest.Ranks.Expected, "rank")))
		}
	}
	for i, number := range analyze.RankNumbers(metas) {
		if number < 0 {
			continue // an API server's trace
		}
		ranks[i].Rank = number
		in.Ranks = append(in.Ranks, ranks[i])
	}
	slices.SortStableFunc(in.Ranks, func(a, b *analyze.RankIterations) int { return a.Rank - b.Rank })
	in.Settings = settingsOf(c, in.Ranks)
	in.Throughput = throughputOf(c, in.Ranks)
	in.Asked, in.AskedBy = quantizationAsked(c)
	in.Overhead = overheadOf(c.Manifest)
	run := compare.Summarize(in)
	return &run
}

// throughputOf is what requests saw, as far as the manifest tells; the memory is from the traces.
func throughputOf(c *ondisk.Capture, ranks []*analyze.RankIterations) *compare.Throughput {
	var out compare.Throughput
	for _, r := range ranks {
		out.MemoryBytes = max(out.MemoryBytes, r.PeakBytes)
	}
	if m := c.Manifest; m != nil && m.Throughput != nil {
		t := m.Throughput
		out.Requests, out.PromptTokens, out.OutputTokens = m.Workload.Requests, t.PromptTokens, t.OutputTokens
		out.OutputTokensPerSecond, out.TTFTNs, out.TPOTNs = t.OutputTokensPerSecond, t.TTFT.MedianNs, t.TPOT.MedianNs
	}
	if out == (compare.Throughput{}) {
		return nil
	}
	return &out
}

// overheadOf is what --measure-overhead found: the median over its pairs. Without it, it is by how much longer the
// profiled round took than the last round before it, which did the same without a profiler; nil if no such round can be
// told from one that warmed up: the first one does not count.
func overheadOf(m *ondisk.Manifest) *float64 {
	if m == nil {
		return nil
	}
	if m.Overhead != nil {
		o := m.Overhead.Ratio.Median - 1
		return &o
	}
	var rounds, profiled []int64
	for _, c := range m.Calls {
		switch {
		case c.Error != "" || c.DurationNs <= 0:
		case c.Stage == ondisk.StageWarmup:
			rounds = append(rounds, c.DurationNs)
		case c.Stage == ondisk.StageGenerate:
			profiled = append(profiled, c.DurationNs)
		}
	}
	if len(rounds) < 2 || len(profiled) != 1 {
		return nil
	}
	o := float64(profiled[0])/float64(rounds[len(rounds)-1]) - 1
	return &o
}

// quantizationAsked is the quantization that was configured, or that the name of the model or of the trace speaks of.
func quantizationAsked(c *ondisk.Capture) (method, by string) {
	if m := c.Manifest; m != nil {
		if method := cmp.Or(m.Config.Quantization, m.Engine.Quantization); method != "" {
			return method, "the configuration"
		}
		return findings.QuantizationNamed(m.Engine.Model), "the model's name"
	}
	if len(c.Traces) > 0 {
		return findings.QuantizationNamed(filepath.Base(c.Traces[0])), "the trace's name"
	}
	return "", ""
}
