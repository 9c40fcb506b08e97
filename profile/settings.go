package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/compare"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

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
	for _, s := range []struct {
		name string
		set  trace.Setting
	}{{"memory events", r.Recorded.Memory}, {"shapes", r.Recorded.Shapes}} {
		if s.set != trace.Unknown {
			add(s.name, yesNo(s.set == trace.On))
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
