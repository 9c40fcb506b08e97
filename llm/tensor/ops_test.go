package tensor

import (
	"fmt"
	"math"
	"testing"
)

// inputs are random operands of n values.
type inputs struct {
	n                int
	x, y, w, b, wide []float32 // wide is spread over hundreds, so that exponentials under- and overflow
	rows             []float32 // [5][n+3], the last 3 of each row are not part of it
	five             []float32
}

const testRows = 5

func newInputs(n int) inputs {
	r := newRand(n)
	in := inputs{n: n, x: random(r, n), y: random(r, n), w: random(r, n), b: random(r, n), wide: random(r, n),
		rows: random(r, testRows*(n+3)), five: random(r, testRows)}
	for i := range in.wide {
		in.wide[i] *= 60
	}
	return in
}

// operations are all operations but the matrix product, each with a reference in float64.
var operations = []struct {
	name      string
	tolerance float64 // relative above 1, absolute below
	run       func(in inputs) []float32
	want      func(in inputs) []float64
}{
	{"Add", 1e-7,
		func(in inputs) []float32 { Add(in.x, in.y); return in.x },
		func(in inputs) []float64 { return each(in.n, func(i int) float64 { return f(in.x[i]) + f(in.y[i]) }) }},
	{"ReLU", 0,
		func(in inputs) []float32 { ReLU(in.x); return in.x },
		func(in inputs) []float64 { return each(in.n, func(i int) float64 { return max(f(in.x[i]), 0) }) }},
	{"GELU", 3e-7,
		func(in inputs) []float32 { GELU(in.x); return in.x },
		func(in inputs) []float64 {
			return each(in.n, func(i int) float64 { return f(in.x[i]) / 2 * math.Erfc(-f(in.x[i])/math.Sqrt2) })
		}},
	{"GELU wide", 3e-7,
		func(in inputs) []float32 { GELU(in.wide); return in.wide },
		func(in inputs) []float64 {
			return each(in.n, func(i int) float64 { return f(in.wide[i]) / 2 * math.Erfc(-f(in.wide[i])/math.Sqrt2) })
		}},
	{"GELUTanh", 3e-7,
		func(in inputs) []float32 { GELUTanh(in.x); return in.x },
		func(in inputs) []float64 { return each(in.n, func(i int) float64 { return geluTanh64(f(in.x[i])) }) }},
	{"GELUTanh wide", 3e-7,
		func(in inputs) []float32 { GELUTanh(in.wide); return in.wide },
		func(in inputs) []float64 { return each(in.n, func(i int) float64 { return geluTanh64(f(in.wide[i])) }) }},
	{"SiLUMul", 4e-7,
		func(in inputs) []float32 { SiLUMul(in.b, in.x, in.y); return in.b },
		func(in inputs) []float64 {
			return each(in.n, func(i int) float64 { return f(in.x[i]) / (1 + math.Exp(-f(in.x[i]))) * f(in.y[i]) })
		}},
	{"SiLUMul wide in place", 4e-7,
		func(in inputs) []float32 { SiLUMul(in.wide, in.wide, in.y); return in.wide },
		func(in inputs) []float64 {
			return each(in.n, func(i int) float64 { return f(in.wide[i]) / (1 + math.Exp(-f(in.wide[i]))) * f(in.y[i]) })
		}},
	{"Softmax", 3e-7,
		func(in inputs) []float32 { Softmax(in.x); return in.x },
		func(in inputs) []float64 { return softmax64(in.x) }},
	{"Softmax wide", 3e-7,
		func(in inputs) []float32 { Softmax(in.wide); return in.wide },
		func(in inputs) []float64 { return softmax64(in.wide) }},
	{"LayerNorm", 1e-6,
		func(in inputs) []float32 { LayerNorm(in.y, in.x, in.w, in.b, 1e-5); return in.y },
		func(in inputs) []float64 { return layerNorm64(in.x, in.w, in.b, 1e-5) }},
	{"LayerNorm in place", 1e-6,
		func(in inputs) []float32 { LayerNorm(in.wide, in.wide, in.w, in.b, 1e-5); return in.wide },
		func(in inputs) []float64 { return layerNorm64(in.wide, in.w, in.b, 1e-5) }},
	{"RMSNorm", 1e-6,
		func(in inputs) []float32 { RMSNorm(in.y, in.wide, in.w, 1e-6); return in.y },
		func(in inputs) []float64 {
			squares := 0.0
			for _, v := range in.wide {
				squares += f(v) * f(v)
			}
			return each(in.n, func(i int) float64 { return f(in.wide[i]) / math.Sqrt(squares/f(in.n)+1e-6) * f(in.w[i]) })
		}},
	{"Rope", 1e-6,
		func(in inputs) []float32 {
			x := append(clone(in.x), in.y...)
			Rope(x, in.w, in.b)
			return x
		},
		func(in inputs) []float64 {
			return append(
				each(in.n, func(i int) float64 { return f(in.x[i])*f(in.w[i]) - f(in.y[i])*f(in.b[i]) }),
				each(in.n, func(i int) float64 { return f(in.y[i])*f(in.w[i]) + f(in.x[i])*f(in.b[i]) })...)
		}},
	{"Dot", 1e-5,
		func(in inputs) []float32 { return []float32{Dot(in.x, in.y)} },
		func(in inputs) []float64 { return []float64{dot64(in.x, in.y)} }},
	{"DotRows", 1e-5,
		func(in inputs) []float32 {
			out := make([]float32, testRows)
			DotRows(in.x, in.rows, testRows, in.n+3, 0.5, out)
			return out
		},
		func(in inputs) []float64 {
			return each(testRows, func(i int) float64 { return 0.5 * dot64(in.x, in.rows[i*(in.n+3):]) })
		}},
	{"MixRows", 1e-6,
		func(in inputs) []float32 { MixRows(in.five, in.rows, testRows, in.n+3, in.x); return in.x },
		func(in inputs) []float64 {
			return each(in.n, func(c int) float64 {
				sum := f(in.x[c])
				for i, p := range in.five {
					sum += f(p) * f(in.rows[i*(in.n+3)+c])
				}
				return sum
			})
		}},
	{"Argmax", 0,
		func(in inputs) []float32 { return []float32{float32(Argmax(in.x))} },
		func(in inputs) []float64 {
			best := 0
			for i, v := range in.x {
				if v > in.x[best] {
					best = i
				}
			}
			return []float64{float64(best)}
		}},
}

func f[T int | float32](v T) float64 { return float64(v) }

func each(n int, value func(i int) float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = value(i)
	}
	return out
}

func geluTanh64(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func dot64(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += f(v) * f(b[i])
	}
	return sum
}

func softmax64(x []float32) []float64 {
	largest, sum := math.Inf(-1), 0.0
	for _, v := range x {
		largest = max(largest, f(v))
	}
	for _, v := range x {
		sum += math.Exp(f(v) - largest)
	}
	return each(len(x), func(i int) float64 { return math.Exp(f(x[i])-largest) / sum })
}

func layerNorm64(x, w, b []float32, eps float64) []float64 {
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += f(v) / f(len(x))
	}
	for _, v := range x {
		variance += (f(v) - mean) * (f(v) - mean) / f(len(x))
	}
	return each(len(x), func(i int) float64 { return (f(x[i])-mean)/math.Sqrt(variance+eps)*f(w[i]) + f(b[i]) })
}

func TestOperationsAgainstFloat64(t *testing.T) {
	oneThread(t)
	onEachSet(t, func(t *testing.T) {
		for _, op := range operations {
			t.Run(op.name, func(t *testing.T) {
				for _, n := range lengths() {
					want := op.want(newInputs(n))
					got := op.run(newInputs(n))
					if len(got) != len(want) {
						t.Fatalf("n=%d: %d values, want %d", n, len(got), len(want))
					}
					for i := range got {
						if tolerance := op.tolerance * max(1, math.Sqrt(f(n)/300)); !near(got[i], want[i], tolerance) {
							t.Fatalf("n=%d: [%d] = %.9g, want %.9g", n, i, got[i], want[i])
						}
					}
				}
			})
		}
	})
}

// lengths are all small ones and some real ones.
func lengths() []int {
	ns := []int{255, 300, 511, 768, 1000, 4096}
	for n := range 200 {
		ns = append(ns, n)
	}
	return ns
}

// An element's result depends on its value only, not on where it stands.
func TestElementwiseResultsDoNotDependOnPosition(t *testing.T) {
	functions := map[string]func(x []float32){
		"GELU": GELU, "GELUTanh": GELUTanh, "ReLU": ReLU,
		"SiLUMul": func(x []float32) { SiLUMul(x, x, x) },
	}
	onEachSet(t, func(t *testing.T) {
		for name, function := range functions {
			x := random(newRand(1), 70)
			want := clone(x)
			function(want)
			for first := range x {
				part := clone(x[first:])
				if function(part); !sameBits(part, want[first:]) {
					t.Errorf("%s: results change when the vector starts at %d", name, first)
				}
			}
		}
	})
}

func TestDotRowsEqualsScaledDots(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, n := range []int{1, 16, 31, 64, 80, 96, 128, 130} {
			for rows := range 11 {
				r := newRand(n)
				q, k := random(r, n), random(r, rows*(n+1))
				got, want := make([]float32, rows), make([]float32, rows)
				DotRows(q, k, rows, n+1, 0.125, got)
				for i := range want {
					want[i] = 0.125 * Dot(q, k[i*(n+1):])
				}
				if !sameBits(got, want) {
					t.Fatalf("%d rows of %d: %v, want %v", rows, n, got, want)
				}
			}
		}
	})
}

func TestMixRowsOneByOneIsTheSame(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, n := range []int{1, 16, 31, 64, 80, 96, 128, 300} {
			r := newRand(n)
			p, v, got := random(r, 9), random(r, 9*n), random(r, n)
			want := clone(got)
			MixRows(p, v, 9, n, got)
			for i := range p {
				MixRows(p[i:], v[i*n:], 1, n, want)
			}
			if !sameBits(got, want) {
				t.Fatalf("head size %d: rows together and one by one differ", n)
			}
		}
	})
}

// Special values must come out as the formulas say, at every position.
func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	tests := []struct {
		name        string
		run         func(x []float32)
		in          float32
		want, other float64 // at its place and, from 0, elsewhere; other -1: not looked at
	}{
		{"ReLU", ReLU, nan, math.NaN(), 0},
		{"ReLU", ReLU, inf, math.Inf(1), 0},
		{"ReLU", ReLU, -inf, 0, 0},
		{"GELU", GELU, nan, math.NaN(), 0},
		{"GELU", GELU, inf, math.Inf(1), 0},
		{"GELU", GELU, -inf, math.NaN(), 0},
		{"GELUTanh", GELUTanh, nan, math.NaN(), 0},
		{"GELUTanh", GELUTanh, inf, math.Inf(1), 0},
		{"GELUTanh", GELUTanh, -inf, math.NaN(), 0},
		{"SiLU", siluOne, nan, math.NaN(), 0},
		{"SiLU", siluOne, inf, math.Inf(1), 0},
		{"SiLU", siluOne, -inf, math.NaN(), 0},
		{"SiLU", siluOne, -200, 0, 0},
		{"Softmax", Softmax, nan, math.NaN(), math.NaN()},
		{"Softmax", Softmax, inf, math.NaN(), math.NaN()},
		{"Softmax", Softmax, -inf, 0, -1},
	}
	onEachSet(t, func(t *testing.T) {
		for _, test := range tests {
			const n = 37
			for at := range n {
				x := make([]float32, n)
				x[at] = test.in
				test.run(x)
				for i, v := range x {
					want := test.other
					if i == at {
						want = test.want
					}
					if want != -1 && !near(v, want, 1e-30) {
						t.Fatalf("%s with %g at %d: [%d] = %g, want %g", test.name, test.in, at, i, v, want)
					}
				}
			}
		}
		all := []float32{-inf, -inf, -inf}
		if Softmax(all); !math.IsNaN(f(all[0])) {
			t.Errorf("softmax of nothing but -Inf is %v, want NaN", all)
		}
	})
}

func siluOne(x []float32) {
	ones := make([]float32, len(x))
	for i := range ones {
		ones[i] = 1
	}
	SiLUMul(x, x, ones)
}

// Exponentials pass through the subnormal numbers and are as exact there as the format allows.
func TestExponentialOverItsRange(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		var x []float32
		for v := float32(-110); v < 90; v += 0.0371 {
			x = append(x, v)
		}
		got := clone(x)
		expSum(got, 0)
		for i, v := range got {
			want := math.Exp(f(x[i]))
			if want > math.MaxFloat32 {
				want = math.Inf(1)
			}
			tolerance := 2.4e-7*want + math.SmallestNonzeroFloat32
			if math.Abs(f(v)-want) > tolerance || math.IsInf(want, 1) != math.IsInf(f(v), 1) {
				t.Fatalf("exp(%g) = %g, want %g", x[i], v, want)
			}
		}
	})
}

func TestArgmax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	onEachSet(t, func(t *testing.T) {
		for _, test := range []struct {
			x    []float32
			want int
		}{
			{nil, 0},
			{[]float32{nan}, 0},
			{[]float32{nan, nan}, 0},
			{[]float32{nan, -3}, 1},
			{[]float32{nan, -inf}, 1},
			{[]float32{1, 2, 2, nan}, 1},
			{[]float32{-1, inf, inf}, 1},
			{[]float32{-5, -4, -3}, 2},
		} {
			if got := Argmax(test.x); got != test.want {
				t.Errorf("Argmax(%v) = %d, want %d", test.x, got, test.want)
			}
		}
		for at := range 100 {
			x := make([]float32, 100)
			for i := range x {
				x[i] = -2
			}
			x[at], x[99-at] = nan, -1
			if want := 99 - at; at != want && Argmax(x) != want {
				t.Errorf("NaN at %d: Argmax is %d, want %d", at, Argmax(x), want)
			}
		}
	})
}

func TestRowsOutsideAreRejected(t *testing.T) {
	for name, call := range map[string]func(){
		"dot": func() { DotRows(make([]float32, 4), make([]float32, 11), 3, 4, 1, make([]float32, 3)) },
		"mix": func() { MixRows(make([]float32, 3), make([]float32, 11), 3, 4, make([]float32, 4)) },
		"out": func() { DotRows(make([]float32, 4), make([]float32, 12), 3, 4, 1, make([]float32, 2)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: rows outside of the slice were accepted", name)
				}
			}()
			call()
		}()
	}
}

func FuzzOperations(fz *testing.F) {
	fz.Add(uint16(64))
	fz.Add(uint16(0))
	fz.Fuzz(func(t *testing.T, length uint16) {
		n := int(length % 3000)
		for _, op := range operations {
			want := op.want(newInputs(n))
			var results [][]float32
			for _, set := range KernelSets() {
				useSet(t, set)
				got := op.run(newInputs(n))
				results = append(results, got)
				for i := range got {
					if !near(got[i], want[i], 10*op.tolerance*max(1, math.Sqrt(f(n)/300))) {
						t.Fatalf("%s, %s, n=%d: [%d] = %g, want %g", set, op.name, n, i, got[i], want[i])
					}
				}
			}
			if len(results) == 3 && !sameBits(results[1], results[2]) {
				t.Fatalf("%s, n=%d: AVX2 and AVX-512 give different results", op.name, n)
			}
		}
	})
}

func ExampleSoftmax() {
	x := []float32{1, 1, 1, 1}
	Softmax(x)
	fmt.Println(x)
	// Output: [0.25 0.25 0.25 0.25]
}
