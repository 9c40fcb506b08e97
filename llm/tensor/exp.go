package tensor

import "math"

// The exponential function, the same in every kernel set but for fused multiply-adds: x = n·ln 2 + r with n whole and
// |r| ≤ ln 2 / 2, exp(x) = 2ⁿ·p(r), where p is the polynomial of degree 7 of Cephes' expf. ln 2 is subtracted in two parts, the
// first so short that n times it is exact. The result is within 2 units in the last place, overflows to +Inf and
// underflows through the subnormal numbers to 0. The assembly's generator has the same constants.
const (
	expLowest  = -104 // exp is 0 below
	expHighest = 89   // exp is +Inf above
	log2e      = 1.44269504
	ln2High    = 0.693359375
	ln2Low     = -2.12194440e-4
)

var expPolynomial = [...]float32{
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1,
}

func exp32(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, expLowest), expHighest)
	n := math.RoundToEven(float64(float32(x * log2e)))
	r := x - float32(float32(n)*ln2High)
	r -= float32(float32(n) * ln2Low)
	p := expPolynomial[0]
	for _, c := range expPolynomial[1:] {
		p = float32(p*r) + c
	}
	power := math.Float64frombits(uint64(1023+int(n)) << 52)
	return float32(float64(p) * power)
}

// The normal distribution's upper tail for z ≥ 0, Abramowitz and Stegun 7.1.26 with erfc(z/√2)/2:
// Q(z) = t·q(t)·exp(-z²/2), t = 1/(1+p·z), absolute error below 7.5e-8. The constants are halved and scaled accordingly.
const tailP = 0.3275911 / math.Sqrt2

var tailPolynomial = [...]float32{
	1.061405429 / 2, -1.453152027 / 2, 1.421413741 / 2, -0.284496736 / 2, 0.254829592 / 2,
}

func gelu32(x float32) float32 {
	z := max(x, -x)
	t := 1 / (1 + float32(z*tailP))
	q := tailPolynomial[0]
	for _, c := range tailPolynomial[1:] {
		q = float32(q*t) + c
	}
	tail := float32(float32(q*t) * exp32(-float32(float32(z*z)*0.5)))
	if x > 0 {
		tail = 1 - tail
	}
	return x * tail
}
