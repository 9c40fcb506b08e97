package report

import (
	"testing"

	"github.com/inferprof/inferprof/analyze/categories"
)

// TestKernelNamesApart: the kernels of real traces are told apart by their short names.
func TestKernelNamesApart(t *testing.T) {
	for name, r := range results(t) {
		var full []string
		for _, k := range r.Kernels {
			full = append(full, k.Name)
		}
		seen := map[string]string{}
		for i, short := range categories.ShortKernels(full) {
			if other, taken := seen[short]; taken {
				t.Logf("%s: %q and %q are both %q", name, other, full[i], short)
			}
			seen[short] = full[i]
		}
		if len(seen)+2 < len(full) {
			t.Errorf("%s: %d names of %d kernels", name, len(seen), len(full))
		}
	}
}
