package formats

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// The names that engines give their traces, compression and the format's ending aside:
//
//	vLLM     [prefix_]dp0_pp0_tp1_dcp0_ep1_rank1.<ns>.pt.trace.json.gz, [prefix_]rank1.<ns>…, <id>-rank-1.<ns>…
//	         <host>_<pid>.async_llm.<ns>…              the API server's own trace, without GPU work
//	         capture_traces/graph_capture_rank_0.<ns>… graphs being recorded, not run
//	SGLang   [prefix-]<id>-TP-1[-DP-0][-PP-0][-EP-1][-DECODE].trace.json.gz, merged-<id>.trace.json.gz
//	others   worker3_step_12.<ms>…, worker0.<ms>…, rank-34.<date>.<pid>…, <host>_<pid>.<ms>…
var nameGrammars = []struct {
	pattern *regexp.Regexp
	take    func(n *trace.FileName, groups []string)
}{
	{regexp.MustCompile(`^(?:(.*)_)?dp(\d+)_pp(\d+)_tp(\d+)((?:_[a-z]+\d+)*)_rank(\d+)$`), func(n *trace.FileName, g []string) {
		n.Prefix, n.DP, n.PP, n.TP, n.Rank = g[1], nameNumber(g[2]), nameNumber(g[3]), nameNumber(g[4]), nameNumber(g[6])
		if ep := expertRank.FindStringSubmatch(g[5]); ep != nil {
			n.EP = nameNumber(ep[1])
		}
	}},
	{regexp.MustCompile(`^graph_capture_rank_(\d+)$`), func(n *trace.FileName, g []string) { n.Rank, n.Capture = nameNumber(g[1]), true }},
	{regexp.MustCompile(`^cuda_graph_capture-.*-TP-(\d+)$`), func(n *trace.FileName, g []string) {
		n.TP, n.Rank, n.Capture = nameNumber(g[1]), nameNumber(g[1]), true
	}},
	{regexp.MustCompile(`^merged-(.*)$`), func(n *trace.FileName, g []string) { n.Prefix, n.Merged = g[1], true }},
	{regexp.MustCompile(`^(.*)-TP-(\d+)(?:-DP-(\d+))?(?:-PP-(\d+))?(?:-EP-(\d+))?(?:-([A-Za-z]+|-?\d+))?$`), takeSGLang},
	{regexp.MustCompile(`^(.*?)[-_.]?rank[-_](\d+)$`), func(n *trace.FileName, g []string) { n.Prefix, n.Rank = g[1], nameNumber(g[2]) }},
	{regexp.MustCompile(`^(?:(.*)[-_.])?rank(\d+)$`), func(n *trace.FileName, g []string) { n.Prefix, n.Rank = g[1], nameNumber(g[2]) }},
	{regexp.MustCompile(`^worker(\d+)(?:_step_\d+)?$`), func(n *trace.FileName, g []string) { n.Rank = nameNumber(g[1]) }},
}

var expertRank = regexp.MustCompile(`_ep(\d+)`)

// takeSGLang: the rank is the TP rank unless there are pipeline stages, whose size the name does not tell.
func takeSGLang(n *trace.FileName, g []string) {
	n.Prefix, n.TP, n.DP, n.PP, n.EP = g[1], nameNumber(g[2]), nameNumber(g[3]), nameNumber(g[4]), nameNumber(g[5])
	switch strings.ToLower(g[6]) {
	case "extend", "prefill", "-1", "1":
		n.Stage = "prefill"
	case "decode", "-2", "2":
		n.Stage = "decode"
	}
	if n.PP <= 0 {
		n.Rank = n.TP
	}
}

// nameNumber is a decimal number; -1 for the empty string.
func nameNumber(s string) int {
	v, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return v
}

// writtenStem is a path's last part without the endings that PyTorch gives it beside the format's.
func writtenStem(path string) string {
	return strings.TrimSuffix(strings.TrimSuffix(list.stem(path), ".trace"), ".pt")
}

// ParseFileName reads what the name of a trace's file says; path may have directories before it.
func ParseFileName(path string) trace.FileName {
	n := trace.FileName{Rank: -1, TP: -1, PP: -1, DP: -1, EP: -1}
	if n.FrontEnd = strings.Contains(filepath.Base(path), ".async_llm."); n.FrontEnd {
		return n
	}
	// What follows the first part is a time, a date, a pid: rank-34.Jul_15_10_52_41.1074.
	for stem := writtenStem(path); stem != ""; {
		for _, g := range nameGrammars {
			if m := g.pattern.FindStringSubmatch(stem); m != nil {
				g.take(&n, m)
				return n
			}
		}
		dot := strings.LastIndexByte(stem, '.')
		stem = stem[:max(dot, 0)]
	}
	return n
}

// writtenAt takes the stem of a name apart: who wrote the file, and when. The same writer's next profile differs in the
// time alone.
var writtenAt = regexp.MustCompile(`^(.*?)\.(\d+)\.pt\.trace$`)

// WriterAndTime says who wrote a trace, and when, as its name tells. A rank is the same writer whatever prefix its
// profile was given; other processes go by all of their name.
func WriterAndTime(path string) (writer string, at int64, ok bool) {
	m := writtenAt.FindStringSubmatch(list.stem(path))
	if m == nil {
		return "", 0, false
	}
	writer = m[1]
	if n := ParseFileName(path); n.Rank >= 0 {
		writer = fmt.Sprintf("dp%d rank%d", n.DP, n.Rank)
	}
	at, err := strconv.ParseInt(m[2], 10, 64)
	return writer, at, err == nil
}

// tableName matches the names of the tables that vLLM writes beside traces: rank0.profiler_out.txt, of older versions
// profiler_out_0.txt.
var tableName = regexp.MustCompile(`^(?:profiler_out_\d+|(.+)\.profiler_out)\.txt$`)

// NamedAsTable reports whether a file's name is that of a table of ops that vLLM writes beside traces; writer is what the names of
// the same process's traces begin with, up to a dot, if it tells.
func NamedAsTable(name string) (writer string, ok bool) {
	m := tableName.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	return m[1], true
}
