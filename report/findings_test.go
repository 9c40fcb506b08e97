package report

import (
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings"
)

// TestOneRounding: a duration is written the same way in a finding's sentence, in its evidence and in tables.
func TestOneRounding(t *testing.T) {
	for _, ns := range []int64{0, 1, 738, 999, 1000, 1234, 9_999, 10_000, 99_994, 99_995, 99_996, 168_490_500, 999_949, 999_950, 999_951, 1_230_935,
		2_724_900_000, 999_949_999, 999_950_000, 13_250_000_000, 1_234_567_000_000} {
		e := analyze.Evidence{Value: float64(ns), Unit: "ns"}
		if said, shown := findings.Written(e), plain(ns); said != shown || evidence(e) != shown {
			t.Errorf("%d ns: said %q, shown %q and %q", ns, said, shown, evidence(e))
		}
	}
}
