package compare

import (
	"math"
	"testing"
)

// Quantiles of fractional degrees of freedom are SciPy's (scipy.stats.t.ppf(0.975, df)).
func TestStudentT(t *testing.T) {
	for _, c := range []struct{ df, want float64 }{
		{1, 12.7062}, {1.25, 8.02795}, {1.5, 6.01666}, {1.75, 4.94885}, {2, 4.30265}, {2.5, 3.57465}, {4, 2.77645}, {11, 2.20099}, {17, 2.10982},
		{25, 2.05954}, {45, 2.01410}, {90, 1.98667}, {500, 1.96472}, {math.Inf(1), 1.95996}, {math.NaN(), 12.7062},
	} {
		if got := studentT(c.df); got < c.want*0.9995 || got > c.want*1.03 {
			t.Errorf("df %g: %g, want %g or a little more", c.df, got, c.want)
		}
	}
	for df := 1.0; df < 200; df += 0.01 {
		if studentT(df+0.01) > studentT(df) {
			t.Fatalf("more at %g than below", df+0.01)
		}
	}
}
