package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
)

// startSide begins to read the captures of one side. The function that it returns waits for them.
func startSide(r *formats.Reader, path string) (func() (*compare.Side, error), []string, error) {
	captures, notes, err := openSide(path)
	if err != nil {
		return nil, nil, err
	}
	side := &compare.Side{Label: sideLabel(path, captures)}
	var runs []func() (*compare.Run, error)
	for _, c := range captures {
		runs = append(runs, startRun(r, c))
		for _, n := range c.Notes {
			if !strings.HasPrefix(n, "not traces, left out") { // what lies beside traces is no news here
				notes = append(notes, n)
			}
		}
	}
	return func() (*compare.Side, error) {
		for _, wait := range runs {
			run, err := wait()
			if err != nil {
				return nil, err
			}
			side.Runs = append(side.Runs, *run)
		}
		return side, nil
	}, notes, nil
}

func sideLabel(path string, captures []*ondisk.Capture) string {
	if path == "-" {
		return "standard input"
	}
	if len(captures) == 1 && captures[0].Manifest != nil && filepath.Clean(path) != filepath.Clean(captures[0].Dir) {
		return captures[0].Manifest.ID // the newest of a directory
	}
	first, _, several := strings.Cut(path, ",")
	name := filepath.Base(filepath.Clean(first))
	if name == "." || name == ".." {
		if absolute, err := filepath.Abs(first); err == nil {
			name = filepath.Base(absolute)
		}
	}
	name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".json"), ".pt.trace")
	if several && len(captures) > 1 {
		name += fmt.Sprintf(" and %d more", len(captures)-1)
	}
	return name
}

// labelApart gives sides of the same name their number.
func labelApart(sides []compare.Side) {
	seen := map[string]int{}
	for i := range sides {
		label := sides[i].Label
		if seen[label]++; seen[label] > 1 {
			sides[i].Label = fmt.Sprintf("%s (%d)", label, seen[label])
		}
	}
}

// startRun begins to read the traces of one capture, of which it keeps the steps alone.
func startRun(r *formats.Reader, c *ondisk.Capture) func() (*compare.Run, error) {
	boundGarbage(c.Traces)
	metas, ranks := make([][]trace.Meta, len(c.Traces)), make([][]*analyze.RankIterations, len(c.Traces))
	wait := r.Start(c.Traces, func(i int, traces []*trace.Trace) {
		for _, t := range traces {
			metas[i] = append(metas[i], t.Meta)
			ranks[i] = append(ranks[i], analyze.Iterate(t, 0, analyze.Options{}))
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

// settingsOf is what was configured, from the manifest and from what the first trace says of itself.
func settingsOf(c *ondisk.Capture, ranks []*analyze.RankIterations) []compare.Setting {
	var out []compare.Setting
	add := func(name, value string) {
		if value != "" && !slices.ContainsFunc(out, func(s compare.Setting) bool { return s.Name == name }) {
			out = append(out, compare.Setting{Name: name, Value: value})
		}
	}
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	if m := c.Manifest; m != nil {
		e, f := &m.Engine, &m.Config
		add("model", e.Model)
		add("engine", strings.TrimSpace(e.Engine+" "+e.Version))
		add("dtype", e.Dtype)
		add("quantization", orNone(cmp.Or(f.Quantization, e.Quantization)))
		add("tensor parallel size", number(e.TensorParallelSize))
		add("load format", f.LoadFormat)
		add("max model len", number(e.MaxModelLen))
		add("max num seqs", number(f.MaxNumSeqs))
		add("max num batched tokens", number(f.MaxNumBatchedTokens))
		add("threads per rank", number(e.ThreadsPerRank))
		add("kernel set", e.Kernels)
		add("device", e.Device)
		add("host", m.Host.Name)
		add("inferprof", strings.TrimSpace(m.Inferprof.Version+" "+m.Inferprof.Commit))
		add("workload", workloadOf(m))
		add("phase", m.Phase)
		if f.Server == nil { // of a server its traces tell
			add("memory events", yesNo(f.Profiler.WithMemory))
			add("shapes", yesNo(f.Profiler.RecordShapes))
		}
		add("delay iterations", number(f.Profiler.DelayIterations))
		add("max iterations", number(f.Profiler.MaxIterations))
	}
	if len(ranks) == 0 {
		return out
	}
	r := ranks[0]
	add("engine", strings.TrimSpace(r.Engine+" "+r.Version))
	add("device", r.Hardware)
	if r.WorldSize > 0 {
		add("world size", strconv.Itoa(r.WorldSize))
	}
	add("ranks", strconv.Itoa(len(ranks)))
	add("python stacks", yesNo(r.Stacks))
	for _, s := range []struct{ key, name string }{{"profile_memory", "memory events"}, {"record_shapes", "shapes"}} {
		if raw, ok := r.Meta[s.key]; ok {
			var on any
			if json.Unmarshal([]byte(raw), &on) == nil {
				add(s.name, yesNo(on != float64(0) && on != false))
			}
		}
	}
	return out
}

// workloadOf is a workload in words: where prompts came from, how many, how long.
func workloadOf(m *ondisk.Manifest) string {
	text := fmt.Sprintf("%s, %s", m.Workload.Source, words.Counted(m.Workload.Requests, "request"))
	if t := m.Throughput; t != nil {
		text += fmt.Sprintf(", %s and %s output", words.Counted(t.PromptTokens, "prompt token"), words.Grouped(int64(t.OutputTokens)))
	}
	return text
}

func orNone(v string) string {
	if v == "" {
		return "none"
	}
	return v
}

func yesNo(on bool) string {
	if on {
		return "yes"
	}
	return "no"
}

// configurationOf is what makes two captures runs of the same thing: all of the configuration but where traces go.
func configurationOf(m *ondisk.Manifest) string {
	c := m.Config
	c.Profiler.Dir = ""
	text, err := json.Marshal(struct {
		Engine   string
		Config   any
		Workload ondisk.Workload
		Phase    string
	}{m.Engine.Engine, c, m.Workload, m.Phase})
	if err != nil {
		return m.ID
	}
	return string(text)
}
