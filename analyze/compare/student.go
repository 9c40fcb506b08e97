package compare

import "math"

// studentQuantiles are the 97.5 % quantiles of Student's t, two sides of Level, by degrees of freedom.
var studentQuantiles = []struct{ df, t float64 }{
	{1, 12.706}, {2, 4.303}, {3, 3.182}, {4, 2.776}, {5, 2.571}, {6, 2.447}, {7, 2.365}, {8, 2.306}, {9, 2.262}, {10, 2.228}, {12, 2.179},
	{15, 2.131}, {20, 2.086}, {30, 2.042}, {60, 2.000}, {120, 1.980}, {math.Inf(1), 1.960},
}

// studentT is the quantile for df ≥ 1 degrees of freedom, which need not be whole: Welch and Satterthwaite's of two captures
// a side are between 1 and 2, where the quantile falls to a third. Logarithms of tabled quantiles are interpolated over
// 1/df, which is exact to 3 % and never too little.
func studentT(df float64) float64 {
	for i, upper := range studentQuantiles[1:] {
		if df <= upper.df {
			lower := studentQuantiles[i]
			w := (1/max(df, 1) - 1/upper.df) / (1/lower.df - 1/upper.df)
			return upper.t * math.Pow(lower.t/upper.t, w)
		}
	}
	return studentQuantiles[0].t // not a number
}
