package tensor

import (
	"fmt"
	"math"
	"testing"
)

// int8Reference is the product with activations rounded to 8 bits by blocks, in float64; size is that of the terms.
func int8Reference(w []float32, k int, x []float32, n int) (want, size float64) {
	for first := 0; first < k; first += int8Block {
		largest := 0.0
		for _, v := range x[first : first+int8Block] {
			largest = max(largest, math.Abs(float64(v)))
		}
		scale := float64(float32(largest) / 127)
		for i := first; i < first+int8Block; i++ {
			q := 0.0
			if largest > 0 {
				q = math.RoundToEven(float64(float32(x[i] * float32(127/float32(largest)))))
			}
			term := scale * q * float64(w[n*k+i])
			want += term
			size += math.Abs(term) + scale*math.Abs(q)
		}
	}
	return want, size
}

func TestMatMulWithRoundedActivations(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 2)
		for _, s := range [][2]int{{1, 32}, {33, 64}, {70, 256}, {97, 352}} {
			n, k := s[0], s[1]
			r := newRand(k)
			for _, group := range []int{32, 64, 128, k} {
				w := randomInt4(r, n, EvenGroups(k, group))
				for i := range w.q {
					if i%5 == 0 {
						w.q[i] = 15 // the sums in 16 bits come near their limit
					}
				}
				m, dense := w.matrix(n), w.dense()
				if !m.RoundActivations() {
					t.Fatalf("groups of %d of %d inputs are not taken", group, k)
				}
				for rows := 1; rows <= 11; rows += rowStep(5) {
					x, bias := random(r, rows*k), random(r, n)
					for i := range x {
						if i/int8Block%7 == 3 {
							x[i] = 0
						}
						if i/int8Block%7 == 5 {
							x[i] = 127
						}
					}
					y, single := make([]float32, rows*n), make([]float32, n)
					m.MatMul(p, x, rows, y, bias)
					for i := range rows {
						m.MatMul(p, x[i*k:(i+1)*k], 1, single, bias)
						if !sameBits(single, y[i*n:(i+1)*n]) {
							t.Fatalf("%d rows, N=%d, K=%d: row %d differs from its own product", rows, n, k, i)
						}
						for c := range n {
							want, size := int8Reference(dense, k, x[i*k:(i+1)*k], c)
							if d := math.Abs(want + float64(bias[c]) - float64(y[i*n+c])); d > 2e-5*(1+size) {
								t.Fatalf("%d rows, N=%d, K=%d, groups of %d: y[%d][%d] = %g, want %g", rows, n, k, group, i, c, y[i*n+c], want+float64(bias[c]))
							}
						}
					}
				}
			}
		}
	})
}

// All sets round to the same records.
func TestRoundedRows(t *testing.T) {
	r := newRand(1)
	x := random(r, 4*int8Block)
	clear(x[int8Block : 2*int8Block])
	x[70], x[71], x[100] = 1e30, -1e-30, -5
	for rows := 1; rows <= int8TileRows; rows++ {
		want := make([]float32, 4*recordSize*rows)
		roundRowPortable(x, want, rows)
		onEachSet(t, func(t *testing.T) {
			got := make([]float32, len(want))
			roundRow(x, got, rows)
			if !sameBits(got, want) {
				t.Errorf("records of %d rows: %v, want %v", rows, got, want)
			}
		})
	}
}

func TestRoundActivationsRefuses(t *testing.T) {
	for _, m := range []*Matrix{NewMatrix(3, 32), NewMatrixOf(Float16, 3, 32), NewInt4Matrix(3, EvenGroups(64, 16)), NewInt4Matrix(3, EvenGroups(48, 32))} {
		if m.RoundActivations() {
			t.Errorf("%v of %d inputs in %d groups is taken", m.Format(), m.K, m.Groups())
		}
	}
}

func ExampleMatrix_RoundActivations() {
	pool := NewPool(1)
	defer pool.Close()
	m := NewInt4Matrix(1, EvenGroups(32, 32))
	q := make([]uint8, 32)
	q[0], q[31] = 10, 6
	m.SetInt4Rows(0, q, []uint16{Float16Bits(0.5)}, []uint8{8}, 1) // weights 1, -4 …, -1
	x := make([]float32, 32)
	x[0], x[31] = 2, 1
	y := make([]float32, 1)
	m.MatMul(pool, x, 1, y, nil)
	exact := y[0]
	fmt.Print(m.RoundActivations(), " ")
	m.MatMul(pool, x, 1, y, nil)
	fmt.Printf("%v %.4f\n", exact, y[0])
	// Output: true 1 0.9921
}
