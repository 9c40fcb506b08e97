package tensor

import "math"

// The portable kernels: what the assembly does, in plain Go, for CPUs that have none of it and as its reference. They
// convert each product to float32 before they add it, which forbids the compiler to fuse the two: they give the same
// results on every architecture.

func addPortable(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] += v
	}
}

func scalePortable(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}

func dotPortable(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 {
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		s0 += float32(v * b[i])
	}
	return (s0 + s2) + (s1 + s3)
}

// maximumPortable is the largest number in x, -Inf if there is none.
func maximumPortable(x []float32) float32 {
	largest := float32(math.Inf(-1))
	for _, v := range x {
		if v > largest {
			largest = v
		}
	}
	return largest
}

func reluPortable(x []float32) {
	for i, v := range x {
		if v < 0 {
			x[i] = 0
		}
	}
}

func geluPortable(x []float32) {
	for i, v := range x {
		x[i] = gelu32(v)
	}
}

const (
	geluTanhLinear = -2 * 0.7978845608028654 // -2√(2/π): x/2·(1+tanh u) = x/(1+exp(-2u))
	geluTanhCubic  = 0.044715
)

func geluTanhPortable(x []float32) {
	for i, v := range x {
		cubic := float32(float32(v*v)*geluTanhCubic) + 1
		x[i] = v / (1 + exp32(float32(v*cubic)*geluTanhLinear))
	}
}

func siluMulPortable(dst, gate, up []float32) {
	for i, g := range gate[:len(dst)] {
		dst[i] = g / (1 + exp32(-g)) * up[i]
	}
}

// expSumPortable replaces x by exp(x-shift) and returns the sum.
func expSumPortable(x []float32, shift float32) float32 {
	sum := 0.0
	for i, v := range x {
		e := exp32(v - shift)
		x[i] = e
		sum += float64(e)
	}
	return float32(sum)
}

func layerNormPortable(dst, x, weight, bias []float32, eps float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	mean := sum / float64(len(x))
	squares := 0.0
	for _, v := range x {
		d := float64(v) - mean
		squares += float64(d * d)
	}
	m, r := float32(mean), float32(1/math.Sqrt(squares/float64(len(x))+float64(eps)))
	for i, v := range x {
		dst[i] = float32(float32((v-m)*r)*weight[i]) + bias[i]
	}
}

func rmsNormPortable(dst, x, weight []float32, eps float32) {
	squares := 0.0
	for _, v := range x {
		squares += float64(v) * float64(v) // exact products: fusing changes nothing
	}
	r := float32(1 / math.Sqrt(squares/float64(len(x))+float64(eps)))
	for i, v := range x {
		dst[i] = float32(v*r) * weight[i]
	}
}

// ropePortable rotates the pairs (a[i], b[i]).
func ropePortable(a, b, cos, sin []float32) {
	b, cos, sin = b[:len(a)], cos[:len(a)], sin[:len(a)]
	for i, v := range a {
		u := b[i]
		a[i] = float32(v*cos[i]) - float32(u*sin[i])
		b[i] = float32(u*cos[i]) + float32(v*sin[i])
	}
}

func dotRowsPortable(q, k []float32, stride int, scale float32, out []float32) {
	for i := range out {
		out[i] = scale * dotPortable(q, k[i*stride:])
	}
}

func mixRowsPortable(p, v []float32, stride int, out []float32) {
	for i, w := range p {
		row := v[i*stride:][:len(out)]
		for c, x := range row {
			out[c] += float32(w * x)
		}
	}
}

// readPortable reads x as fast as it can, for MeasureBandwidth. The result keeps the compiler from skipping the work.
func readPortable(x []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(x) >= 16 {
		s0 += x[0] + x[4] + x[8] + x[12]
		s1 += x[1] + x[5] + x[9] + x[13]
		s2 += x[2] + x[6] + x[10] + x[14]
		s3 += x[3] + x[7] + x[11] + x[15]
		x = x[16:]
	}
	return s0 + s1 + s2 + s3
}

// multiplyAddsPortable does what multiplyAdds says, with scalars.
func multiplyAddsPortable(rounds int) (flops float64) {
	var s0, s1, s2, s3 float32
	a, b := float32(rounds), float32(0)
	for range rounds {
		s0 += float32(a * b)
		s1 += float32(a * b)
		s2 += float32(a * b)
		s3 += float32(a * b)
	}
	if s0+s1+s2+s3 != 0 {
		return 0
	}
	return float64(rounds) * 8
}
