package tensor

import (
	"math"
	"testing"
)

// The assembly of all sets and architectures computes in one order, with the same fused multiply-adds. No machine can run all
// of it: so each set is compared, bit for bit, with this description of that order.

// Conversions keep compilers from fusing what is not fused here.

// fused is a·b + c, rounded once. The product is exact in float64. The sum is not, but rounded to odd there it keeps what the
// rounding to float32 has to know: whether anything followed.
func fused(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	t := s - p
	rest := (p - (s - t)) + (q - t)
	bits := math.Float64bits(s)
	switch {
	case rest == 0 || bits&1 == 1:
	case rest > 0 == (s > 0):
		bits++
	default:
		bits--
	}
	return float32(math.Float64frombits(bits))
}

func TestFused(t *testing.T) {
	for _, test := range []struct{ a, b, c, want float32 }{
		{2, 3, 4, 10},
		{0x1p-30, 1, 1, 1},
		{1 + 0x1p-23, 1 + 0x1p-23, -1, 0x1p-22 + 0x1p-46},
		{1 + 0x1p-12, 1 - 0x1p-12, -1, -0x1p-24},
		// Just above and below the middle of 1 and the next: rounded twice, both would be the middle, which goes to 1.
		{0x1p-24, 1 + 0x1p-23, 1, 1 + 0x1p-23},
		{0x1p-24, 1, 1, 1},
		{0x1p-62, 0x1p-62, 1 + 0x1p-23, 1 + 0x1p-23},
		{-0x1p-24 - 0x1p-47, 0.5, 1, 1 - 0x1p-24},
	} {
		if got := fused(test.a, test.b, test.c); got != test.want {
			t.Errorf("%g·%g + %g = %g, want %g", test.a, test.b, test.c, got, test.want)
		}
	}
}

// folded adds up values that go to 32 partial sums in turn: halves first, then neighbours.
func folded(n int, addTo func(sum float32, i int) float32) float32 {
	var sums [32]float32
	for i := range n {
		sums[i%32] = addTo(sums[i%32], i)
	}
	for h := 16; h >= 4; h /= 2 {
		for i := range h {
			sums[i] += sums[i+h]
		}
	}
	return (sums[0] + sums[1]) + (sums[2] + sums[3])
}

func orderedDot(a, b []float32) float32 {
	return folded(len(a), func(sum float32, i int) float32 { return fused(a[i], b[i], sum) })
}

func orderedExp(x float32) float32 {
	x = min(max(x, expLowest), expHighest)
	n := float32(math.RoundToEven(float64(float32(x * log2e))))
	x = fused(-n, ln2High, x)
	x = fused(-n, ln2Low, x)
	p := expPolynomial[0]
	for _, c := range expPolynomial[1:] {
		p = fused(p, x, c)
	}
	return float32(float64(p) * math.Ldexp(1, int(n)))
}

func orderedGELU(x float32) float32 {
	z := max(x, -x)
	t := 1 / fused(z, tailP, 1)
	q := tailPolynomial[0]
	for _, c := range tailPolynomial[1:] {
		q = fused(q, t, c)
	}
	tail := float32(float32(q*t) * orderedExp(float32(z*z)*-0.5))
	if x > 0 {
		tail = 1 - tail
	}
	return x * tail
}

func orderedGELUTanh(x float32) float32 {
	cubic := fused(float32(x*x), geluTanhCubic, 1)
	return x / (1 + orderedExp(float32(cubic*x)*geluTanhLinear))
}

func orderedSoftmax(x []float32) []float32 {
	largest := maximumPortable(x)
	out := values(len(x), func(i int) float32 { return orderedExp(x[i] - largest) })
	inverse := 1 / folded(len(x), func(sum float32, i int) float32 { return sum + out[i] })
	for i := range out {
		out[i] *= inverse
	}
	return out
}

func orderedLayerNorm(x, weight, bias []float32, eps float32) []float32 {
	n := float64(len(x))
	mean := float32(float64(folded(len(x), func(sum float32, i int) float32 { return sum + x[i] })) / n)
	squares := folded(len(x), func(sum float32, i int) float32 { return fused(x[i]-mean, x[i]-mean, sum) })
	factor := orderedRoot(squares, n, eps)
	return values(len(x), func(i int) float32 { return fused(float32((x[i]-mean)*factor), weight[i], bias[i]) })
}

func orderedRoot(sum float32, n float64, eps float32) float32 {
	return float32(1 / math.Sqrt(float64(sum)/n+float64(eps)))
}

func values(n int, value func(i int) float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = value(i)
	}
	return out
}

func TestAssemblyComputesInOrder(t *testing.T) {
	operations := []struct {
		name      string
		got, want func(in inputs) []float32
	}{
		{"Dot",
			func(in inputs) []float32 { return []float32{Dot(in.x, in.y)} },
			func(in inputs) []float32 { return []float32{orderedDot(in.x, in.y)} }},
		{"Softmax",
			func(in inputs) []float32 { Softmax(in.wide); return in.wide },
			func(in inputs) []float32 { return orderedSoftmax(in.wide) }},
		{"GELU",
			func(in inputs) []float32 { GELU(in.x); return in.x },
			func(in inputs) []float32 { return values(in.n, func(i int) float32 { return orderedGELU(in.x[i]) }) }},
		{"GELUTanh",
			func(in inputs) []float32 { GELUTanh(in.x); return in.x },
			func(in inputs) []float32 {
				return values(in.n, func(i int) float32 { return orderedGELUTanh(in.x[i]) })
			}},
		{"SiLUMul",
			func(in inputs) []float32 { SiLUMul(in.b, in.wide, in.y); return in.b },
			func(in inputs) []float32 {
				return values(in.n, func(i int) float32 {
					return float32(in.wide[i]/(1+orderedExp(-in.wide[i]))) * in.y[i]
				})
			}},
		{"LayerNorm",
			func(in inputs) []float32 { LayerNorm(in.y, in.x, in.w, in.b, 1e-5); return in.y },
			func(in inputs) []float32 { return orderedLayerNorm(in.x, in.w, in.b, 1e-5) }},
		{"RMSNorm",
			func(in inputs) []float32 { RMSNorm(in.y, in.x, in.w, 1e-6); return in.y },
			func(in inputs) []float32 {
				factor := orderedRoot(orderedDot(in.x, in.x), float64(in.n), 1e-6)
				return values(in.n, func(i int) float32 { return float32(in.x[i]*factor) * in.w[i] })
			}},
		{"MixRows",
			func(in inputs) []float32 { MixRows(in.five, in.rows, testRows, in.n+3, in.x); return in.x },
			func(in inputs) []float32 {
				return values(in.n, func(c int) float32 {
					sum := in.x[c]
					for i, p := range in.five {
						sum = fused(p, in.rows[i*(in.n+3)+c], sum)
					}
					return sum
				})
			}},
	}
	onEachAssembly(t, func(t *testing.T) {
		for _, op := range operations {
			for _, n := range lengths() {
				got, want := op.got(newInputs(n)), op.want(newInputs(n))
				if n > 0 && !sameBits(got, want) {
					t.Fatalf("%s, n=%d: another order", op.name, n)
				}
			}
		}
	})
}

func TestProductsAreInOrder(t *testing.T) {
	onEachAssembly(t, func(t *testing.T) {
		p := newPool(t, 1)
		const n, k = 45, 515
		r := newRand(1)
		w, bias := random(r, n*k), random(r, n)
		for _, f := range []Format{Float32, BFloat16, Float16} {
			m := PackAs(f, p, w, n, k)
			for rows := 1; rows <= 14; rows++ {
				x, y := random(r, rows*k), make([]float32, rows*n)
				m.MatMul(p, x, rows, y, bias)
				for i := range y {
					want, row, column := bias[i%n], x[i/n*k:][:k], w[i%n*k:][:k]
					for j, v := range row {
						weight := column[j]
						if f != Float32 {
							weight = f.value(f.narrow(weight))
						}
						want = fused(v, weight, want)
					}
					if y[i] != want {
						t.Fatalf("%v, %d rows: y[%d][%d] = %g, want %g", f, rows, i/n, i%n, y[i], want)
					}
				}
			}
		}
	})
}

// The rounded products are sums of whole numbers, which are scaled and added in one order, whatever instructions there are
// for them.
func TestRoundedProductsAreInOrder(t *testing.T) {
	onEachAssembly(t, func(t *testing.T) {
		t.Run("best", testRoundedProducts)
		t.Run("without dots", func(t *testing.T) {
			withoutDots(t)
			testRoundedProducts(t)
		})
	})
}

func testRoundedProducts(t *testing.T) {
	const n, k = 40, 320
	r, p := newRand(2), newPool(t, 1)
	w := randomInt4(r, n, EvenGroups(k, 64))
	matrix := w.matrix(n)
	matrix.RoundActivations()
	for rows := 1; rows <= 5; rows++ {
		x, y := random(r, rows*k), make([]float32, rows*n)
		for i := range x {
			if i/int8Block%3 == 1 {
				x[i] = float32(1 - i%2*2) // ±127
			}
		}
		matrix.MatMul(p, x, rows, y, nil)
		for i := range y {
			if want := w.orderedRounded(x[i/n*k:][:k], i%n); y[i] != want {
				t.Fatalf("%d rows: y[%d][%d] = %g, want %g", rows, i/n, i%n, y[i], want)
			}
		}
	}
}

// orderedRounded is the product of one row, rounded to 8 bits, and one output.
func (w *int4Weights) orderedRounded(x []float32, output int) float32 {
	k, result := len(x), float32(0)
	sum := float32(0)
	for first := 0; first < k; first += int8Block {
		record := make([]float32, recordSize)
		roundRowPortable(x[first:first+int8Block], record, 1)
		products := int32(0)
		for i := range int8Block {
			a := int8(math.Float32bits(record[i/4]) >> (8 * (i % 4)))
			products += int32(a) * int32(w.q[output*k+first+i])
		}
		group := output*w.groups + int(w.groupOf[first])
		sum = fused(record[8], float32(products), sum)
		sum = fused(-record[9], float32(w.zeros[group]), sum)
		if end := first + int8Block; end == k || w.groupOf[end] != w.groupOf[first] {
			result = fused(sum, Float16Value(w.scales[group]), result)
			sum = 0
		}
	}
	return result
}

// onEachAssembly runs a test once for each set but the portable one.
func onEachAssembly(t *testing.T, test func(t *testing.T)) {
	if len(KernelSets()) == 1 {
		t.Skip("there is no assembly for this CPU")
	}
	onEachSet(t, func(t *testing.T) {
		if KernelSet() != setNames[setPortable] {
			test(t)
		}
	})
}
