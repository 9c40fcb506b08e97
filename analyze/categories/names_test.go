package categories

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNames: kernels of public libraries are what their sources say, most of them. What is wrong is logged: a rule that puts it
// right without a special case is welcome.
func TestNames(t *testing.T) {
	for file, bar := range map[string]struct {
		names int
		right float64
	}{"names.tsv": {2400, 0.95}, "names_set_aside.tsv": {150, 0.90}} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		c, n, right := New(Kernels()), 0, 0
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(fields) != 3 {
				t.Fatalf("%s: %q is not a category, a name and a source", file, line)
			}
			n++
			if got := c.Of(fields[1]); slices.Contains(strings.Split(fields[0], "|"), got) {
				right++
			} else {
				t.Logf("%s is %s, want %s (%s)", fields[1], got, fields[0], fields[2])
			}
		}
		if share := float64(right) / float64(max(n, 1)); n < bar.names || share < bar.right {
			t.Errorf("%s: %d of %d are right; want %.0f %% of at least %d", file, right, n, 100*bar.right, bar.names)
		}
	}
}

// TestRules: every rule has a category and says where its names come from, and no pattern is there twice.
func TestRules(t *testing.T) {
	for _, rules := range [][]Rule{kernelRules, opRules} {
		seen := map[string]bool{}
		for _, r := range rules {
			if !isCategory(r.Category) || r.Source == "" || seen[r.Pattern] {
				t.Errorf("%+v: wants a category and a source, and a pattern of its own", r)
			}
			seen[r.Pattern] = true
		}
	}
}

// BenchmarkNames is what the names of a few libraries take, each asked about once.
func BenchmarkNames(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("..", "testdata", "kernel_categories.tsv"))
	if err != nil {
		b.Fatal(err)
	}
	names := strings.Split(string(text), "\n")
	Kernels()
	for b.Loop() {
		c := New(Kernels())
		for _, n := range names {
			c.Of(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(names)), "ns/name")
}
