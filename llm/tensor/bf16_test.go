package tensor

import (
	"fmt"
	"math"
	"testing"
)

// rounding packs w in bfloat16 for rounded activations, whatever the CPU.
func rounding(p *Pool, w []float32, n, k int) *Matrix {
	m := PackAs(BFloat16, p, w, n, k)
	m.rounds = true
	return m
}

func toBF16(x []float32) []float32 {
	rounded := make([]float32, len(x))
	for i, v := range x {
		rounded[i] = BFloat16Value(BFloat16Bits(v))
	}
	return rounded
}

// Products with activations in bfloat16 are those of the rounded values, and of one row those of many.
func TestMatMulOfPairs(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		if KernelSet() == "avx512" && !canDotBF16() {
			t.Log("this CPU has no AVX512-BF16: portable kernels do its work")
		}
		p := newPool(t, 2)
		for _, s := range [][2]int{{1, 1}, {7, 2}, {33, 3}, {40, 31}, {64, 260}, {97, 517}} {
			n, k := s[0], s[1]
			for rows := 1; rows <= 26; rows += rowStep(5) {
				r := newRand(rows*1009 + k)
				x, w, bias := random(r, rows*k), toBF16(random(r, n*k)), random(r, n)
				rounded := toBF16(x)
				m := rounding(p, w, n, k)
				y, single := random(r, rows*n), make([]float32, n)
				m.MatMul(p, x, rows, y, bias)
				for i := range rows {
					m.MatMul(p, x[i*k:(i+1)*k], 1, single, bias)
					if !sameBits(single, y[i*n:(i+1)*n]) {
						t.Fatalf("%d rows, N=%d, K=%d: row %d differs from its own product", rows, n, k, i)
					}
					for c := range n {
						want, size := float64(bias[c]), math.Abs(float64(bias[c]))
						for j := range k {
							product := float64(rounded[i*k+j]) * float64(w[c*k+j])
							want += product
							size += math.Abs(product)
						}
						if d := math.Abs(float64(y[i*n+c]) - want); d > 6e-8*(size+1)*math.Sqrt(float64(k)+4) {
							t.Fatalf("%d rows, N=%d, K=%d: y[%d][%d] = %g, want %g", rows, n, k, i, c, y[i*n+c], want)
						}
					}
				}
			}
		}
		for _, rows := range []int{chunkRows + 3, 2 * chunkRows} { // more than are packed at once
			const n, k = 35, 19
			r := newRand(rows)
			x, w := random(r, rows*k), random(r, n*k)
			m, y, single := rounding(p, w, n, k), make([]float32, rows*n), make([]float32, n)
			m.MatMul(p, x, rows, y, nil)
			for i := range rows {
				if m.MatMul(p, x[i*k:(i+1)*k], 1, single, nil); !sameBits(single, y[i*n:(i+1)*n]) {
					t.Fatalf("%d rows: row %d differs from its own product", rows, i)
				}
			}
		}
	})
}

// Whole numbers that float32 can add exactly: every order of the sums gives the same.
func TestMatMulOfPairsIsExactForWholeNumbers(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 1)
		const n, k = 70, 301
		for rows := 1; rows <= 14; rows++ {
			x, w := make([]float32, rows*k), make([]float32, n*k)
			for i := range x {
				x[i] = float32(i*7%41 - 20)
			}
			for i := range w {
				w[i] = float32(i*11%61 - 30)
			}
			got, want := make([]float32, rows*n), make([]float32, rows*n)
			rounding(p, w, n, k).MatMul(p, x, rows, got, nil)
			Pack(p, w, n, k).MatMul(p, x, rows, want, nil)
			if !sameBits(got, want) {
				t.Fatalf("%d rows: %v, want %v", rows, got, want)
			}
		}
	})
}

func TestMatMulOfPairsPropagatesNaNAndInf(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 1)
		for _, k := range []int{21, 22} {
			for rows := 1; rows <= 14; rows++ {
				const n = 35
				x, w := make([]float32, rows*k), make([]float32, n*k)
				for i := range x {
					x[i] = 1
				}
				for i := range w {
					w[i] = 1
				}
				w[3*k+5], w[33*k+k-1] = nan, inf
				x[(rows-1)*k+4] = inf
				y := make([]float32, rows*n)
				rounding(p, w, n, k).MatMul(p, x, rows, y, nil)
				for r := range rows {
					for c := range n {
						want := float64(k)
						switch {
						case c == 3:
							want = math.NaN()
						case c == 33 || r == rows-1:
							want = math.Inf(1)
						}
						if !near(y[r*n+c], want, 0) {
							t.Fatalf("%d rows, K=%d: y[%d][%d] = %g, want %g", rows, k, r, c, y[r*n+c], want)
						}
					}
				}
			}
		}
	})
}

func TestRoundActivationsToBF16(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		m := NewMatrixOf(BFloat16, 3, 5)
		if got := m.RoundActivations(); got != canDotBF16() || m.rounds != got {
			t.Errorf("activations are rounded: %v, the CPU can: %v", got, canDotBF16())
		}
		if NewMatrixOf(Float16, 3, 5).RoundActivations() || CanRoundActivations(Float32) || !CanRoundActivations(Int4) {
			t.Error("a format is taken that cannot be, or one refused that can")
		}
		withoutDots(t)
		if NewMatrixOf(BFloat16, 3, 5).RoundActivations() {
			t.Error("activations are rounded for nothing")
		}
	})
}

func ExampleMatrix_RoundActivations_bfloat16() {
	pool := NewPool(1)
	defer pool.Close()
	m := NewMatrixOf(BFloat16, 1, 2)
	m.SetRows(0, []float32{1, 1})
	y := make([]float32, 1)
	m.MatMul(pool, []float32{1, 1.0 / 512}, 1, y, nil) // both are bfloat16s
	fmt.Println(m.RoundActivations() == CanRoundActivations(BFloat16), y[0])
	// Output: true 1.0019531
}
