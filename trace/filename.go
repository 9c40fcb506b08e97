package trace

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// FileName is what the name of a trace's file says. The grammars:
//
//	vLLM     [prefix_]dp0_pp0_tp1_dcp0_ep1_rank1.<ns>.pt.trace.json.gz, [prefix_]rank1.<ns>…, <id>-rank-1.<ns>…
//	         <host>_<pid>.async_llm.<ns>…              the API server's own trace, without GPU work
//	         capture_traces/graph_capture_rank_0.<ns>… graphs being recorded, not run
//	SGLang   [prefix-]<id>-TP-1[-DP-0][-PP-0][-EP-1][-DECODE].trace.json.gz, merged-<id>.trace.json.gz
//	others   worker3_step_12.<ms>…, worker0.<ms>…, rank-34.<date>.<pid>…, <host>_<pid>.<ms>…
type FileName struct {
	Rank     int    // -1 if the name does not say
	Prefix   string // what comes before the grammar, such as the user's profile prefix
	TP, PP   int    // -1 if the name does not say
	DP, EP   int    // -1 if the name does not say
	Stage    string // "prefill" or "decode" if SGLang profiled them apart
	FrontEnd bool   // vLLM's API server
	Merged   bool   // SGLang's all ranks in one file
	Capture  bool   // graph capture
}

var nameGrammars = []struct {
	pattern *regexp.Regexp
	take    func(n *FileName, groups []string)
}{
	{regexp.MustCompile(`^(?:(.*)_)?dp(\d+)_pp(\d+)_tp(\d+)((?:_[a-z]+\d+)*)_rank(\d+)$`), func(n *FileName, g []string) {
		n.Prefix, n.DP, n.PP, n.TP, n.Rank = g[1], nameNumber(g[2]), nameNumber(g[3]), nameNumber(g[4]), nameNumber(g[6])
		if ep := expertRank.FindStringSubmatch(g[5]); ep != nil {
			n.EP = nameNumber(ep[1])
		}
	}},
	{regexp.MustCompile(`^graph_capture_rank_(\d+)$`), func(n *FileName, g []string) { n.Rank, n.Capture = nameNumber(g[1]), true }},
	{regexp.MustCompile(`^cuda_graph_capture-.*-TP-(\d+)$`), func(n *FileName, g []string) {
		n.TP, n.Rank, n.Capture = nameNumber(g[1]), nameNumber(g[1]), true
	}},
	{regexp.MustCompile(`^merged-(.*)$`), func(n *FileName, g []string) { n.Prefix, n.Merged = g[1], true }},
	{regexp.MustCompile(`^(.*)-TP-(\d+)(?:-DP-(\d+))?(?:-PP-(\d+))?(?:-EP-(\d+))?(?:-([A-Za-z]+|-?\d+))?$`), takeSGLang},
	{regexp.MustCompile(`^(.*?)[-_.]?rank[-_](\d+)$`), func(n *FileName, g []string) { n.Prefix, n.Rank = g[1], nameNumber(g[2]) }},
	{regexp.MustCompile(`^(?:(.*)[-_.])?rank(\d+)$`), func(n *FileName, g []string) { n.Prefix, n.Rank = g[1], nameNumber(g[2]) }},
	{regexp.MustCompile(`^worker(\d+)(?:_step_\d+)?$`), func(n *FileName, g []string) { n.Rank = nameNumber(g[1]) }},
}

var expertRank = regexp.MustCompile(`_ep(\d+)`)

// takeSGLang: the rank is the TP rank unless there are pipeline stages, whose size the name does not tell.
func takeSGLang(n *FileName, g []string) {
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

// rankBehind is how TensorRT-LLM names ranks' files if it was told trace.json.gz: trace.json-rank-0.gz.
var rankBehind = regexp.MustCompile(`\.json-rank-\d+$`)

// UncompressedName is a trace's file name as it would be without compression: it ends in .json if it is any trace's.
func UncompressedName(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	if at := rankBehind.FindStringIndex(name); at != nil {
		return name[:at[0]] + ".json"
	}
	return name
}

// IsFrontEnd is FileName.FrontEnd alone, which costs next to nothing.
func IsFrontEnd(path string) bool { return strings.Contains(filepath.Base(path), ".async_llm.") }

// ParseFileName reads what the name of a trace's file says; path may have directories before it.
func ParseFileName(path string) FileName {
	n := FileName{Rank: -1, TP: -1, PP: -1, DP: -1, EP: -1}
	if n.FrontEnd = IsFrontEnd(path); n.FrontEnd {
		return n
	}
	base := filepath.Base(path)
	for _, suffix := range []string{".gz", ".zst", ".json", ".trace", ".pt"} {
		base = strings.TrimSuffix(base, suffix)
	}
	// What follows the first part is a time, a date, a pid: rank-34.Jul_15_10_52_41.1074.
	for stem := base; stem != ""; {
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
