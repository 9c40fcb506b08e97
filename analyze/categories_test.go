package analyze

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/index"
)

// What may be wrong with the categories of a trace, as shares of its GPU time.
const (
	otherShare    = 0.005 // in kernels that no rule knows
	misfiledShare = 0.010 // in kernels that are something else by testdata/kernel_categories.tsv
	unjudgedShare = 0.005 // in kernels that are not in that table, which has what makes up the rest
)

// judged are the categories of kernels by hand, by judgedKey.
var judged = sync.OnceValue(func() map[string]string {
	text, err := os.ReadFile(filepath.Join("testdata", "kernel_categories.tsv"))
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		category, key, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && !strings.HasPrefix(line, "#") {
			out[key] = category
		}
	}
	return out
})

var digits = regexp.MustCompile(`\d+`)

// judgedKey is a name as the table has it: numbers tell sizes and architectures, and what comes late is parameters.
func judgedKey(name string) string {
	key, longest := digits.ReplaceAllString(name, "#"), 36
	if strings.ContainsAny(key, "<(:") {
		longest = 200
	}
	return key[:min(len(key), longest)]
}

// checkCategories: the rules know the kernels of real traces, and as what they are.
func checkCategories(t *testing.T, path string, res *Result) {
	t.Helper()
	if set := filepath.Base(filepath.Dir(filepath.Dir(path))); res.Kind != index.KindGPU || set != "own" && set != "public" {
		return
	}
	var whole, other, misfiled, unjudged int64
	for _, k := range res.Kernels {
		whole += k.TotalNs
		want := judged()[judgedKey(k.Name)]
		switch {
		case k.Category == categories.Memcpy || k.Category == categories.Memset: // by what the file says
		case want == "":
			unjudged += k.TotalNs
		case want != k.Category:
			misfiled += k.TotalNs
			t.Logf("%d ns of %s, want %s: %s", k.TotalNs, k.Category, want, k.Name)
		}
		if k.Category == categories.Other && want != categories.Other { // some names say nothing: "Kernel"
			other += k.TotalNs
		}
	}
	share := func(ns int64) float64 { return float64(ns) / float64(max(whole, 1)) }
	if share(other) > otherShare || share(misfiled) > misfiledShare || share(unjudged) > unjudgedShare {
		t.Errorf("of the GPU's time %.2f %% is in kernels of no category, %.2f %% in a wrong one, %.2f %% is not judged; at most %.1f, %.1f and %.1f %%",
			100*share(other), 100*share(misfiled), 100*share(unjudged), 100*otherShare, 100*misfiledShare, 100*unjudgedShare)
	}
}
