package tensor

import (
	"fmt"
	"math"
	"testing"
)

// checkMatMul compares a product with one in float64, and with the products of single rows bit for bit.
func checkMatMul(t *testing.T, p *Pool, rows, n, k int, withBias bool) []float32 {
	t.Helper()
	r := newRand(rows*1_000_003 + n*1009 + k)
	x, w := random(r, rows*k), random(r, n*k)
	var bias []float32
	if withBias {
		bias = random(r, n)
	}
	m := Pack(p, w, n, k)
	y := random(r, rows*n) // what was there must not matter
	m.MatMul(p, x, rows, y, bias)

	single := make([]float32, n)
	for i := range rows {
		m.MatMul(p, x[i*k:(i+1)*k], 1, single, bias)
		if !sameBits(single, y[i*n:(i+1)*n]) {
			t.Fatalf("%d rows, N=%d, K=%d: row %d differs from its own product", rows, n, k, i)
		}
		for c := range n {
			want, size := 0.0, 0.0
			if bias != nil {
				want = float64(bias[c])
			}
			for j := range k {
				product := float64(x[i*k+j]) * float64(w[c*k+j])
				want += product
				size += math.Abs(product)
			}
			// Each of the k additions may err by half a unit of the sum so far.
			if tolerance := 6e-8 * (size + math.Abs(want) + 1) * math.Sqrt(float64(k)+4); math.Abs(float64(y[i*n+c])-want) > tolerance {
				t.Fatalf("%d rows, N=%d, K=%d: y[%d][%d] = %g, want %g", rows, n, k, i, c, y[i*n+c], want)
			}
		}
	}
	return y
}

func TestMatMulOfAllTails(t *testing.T) {
	shapes := [][2]int{{1, 1}, {7, 3}, {31, 5}, {32, 8}, {33, 17}, {64, 67}, {97, 259}, {40, 600}}
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 2)
		for rows := 1; rows <= 37; rows += rowStep(7) {
			for i, s := range shapes {
				checkMatMul(t, p, rows, s[0], s[1], (rows+i)%2 == 0)
			}
		}
		checkMatMul(t, p, chunkRows+3, 35, 19, true)
		checkMatMul(t, p, 2*chunkRows, 32, 300, false)
	})
}

func TestMatMulIsTheSameOnAnyNumberOfThreads(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, rows := range []int{1, 2, 5, 13, 130} {
			want := checkMatMul(t, newPool(t, 1), rows, 77, 301, true)
			for _, threads := range []int{2, 3, 8} {
				if got := checkMatMul(t, newPool(t, threads), rows, 77, 301, true); !sameBits(got, want) {
					t.Errorf("%d rows: %d threads give another result than one", rows, threads)
				}
			}
		}
	})
}

func TestMatMulOfNoRows(t *testing.T) {
	p := newPool(t, 2)
	NewMatrix(3, 4).MatMul(p, nil, 0, nil, nil)
}

func TestMatMulPropagatesNaNAndInf(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 1)
		const n, k = 35, 21
		for rows := 1; rows <= 14; rows++ {
			x, w := make([]float32, rows*k), make([]float32, n*k)
			for i := range x {
				x[i] = 1
			}
			for i := range w {
				w[i] = 1
			}
			w[3*k+5], w[33*k+20], w[33*k+1] = nan, inf, 2
			w[7*k], w[7*k+1] = inf, -inf
			x[(rows-1)*k+4] = inf
			y := make([]float32, rows*n)
			Pack(p, w, n, k).MatMul(p, x, rows, y, nil)
			for r := range rows {
				for c := range n {
					want := float64(k)
					switch {
					case c == 3 || c == 7:
						want = math.NaN()
					case c == 33 || r == rows-1:
						want = math.Inf(1)
					}
					if !near(y[r*n+c], want, 0) {
						t.Fatalf("%d rows: y[%d][%d] = %g, want %g", rows, r, c, y[r*n+c], want)
					}
				}
			}
		}
	})
}

func TestMatMulRejectsShortSlices(t *testing.T) {
	p := newPool(t, 1)
	m := NewMatrix(8, 4)
	for name, call := range map[string]func(){
		"x":    func() { m.MatMul(p, make([]float32, 7), 2, make([]float32, 16), nil) },
		"y":    func() { m.MatMul(p, make([]float32, 8), 2, make([]float32, 15), nil) },
		"bias": func() { m.MatMul(p, make([]float32, 8), 2, make([]float32, 16), make([]float32, 7)) },
		"rows": func() { m.SetRows(7, make([]float32, 8)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a short %s was accepted", name)
				}
			}()
			call()
		}()
	}
}

func TestMatrixRowsComeBack(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, s := range [][2]int{{1, 1}, {5, 3}, {32, 4}, {70, 33}, {101, 18}} {
			n, k := s[0], s[1]
			w := random(newRand(n), n*k)
			whole, pieces := Pack(newPool(t, 3), w, n, k), NewMatrix(n, k)
			for first, step := 0, 1; first < n; first, step = first+step, step+3 {
				pieces.SetRows(first, w[first*k:min(first+step, n)*k])
			}
			row := make([]float32, k)
			for i := range n {
				for name, m := range map[string]*Matrix{"packed": whole, "set in pieces": pieces} {
					if m.Row(i, row); !sameBits(row, w[i*k:(i+1)*k]) {
						t.Fatalf("N=%d, K=%d, %s: row %d differs", n, k, name, i)
					}
				}
			}
			if want := int64((n+31)/32*32*k) * 4; whole.Bytes() != want {
				t.Errorf("N=%d, K=%d: %d bytes, want %d", n, k, whole.Bytes(), want)
			}
		}
	})
}

func TestMatMulDoesNotAllocate(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, threads := range []int{1, 2} {
			p := newPool(t, threads)
			const n, k, rows = 70, 300, 33
			m := NewMatrix(n, k)
			x, y := make([]float32, rows*k), make([]float32, rows*n)
			for _, rows := range []int{1, 3, 33} {
				m.MatMul(p, x, rows, y, nil)
				if a := testing.AllocsPerRun(20, func() { m.MatMul(p, x, rows, y, nil) }); a >= 1 {
					t.Errorf("%d threads, %d rows: %g allocations a call", threads, rows, a)
				}
			}
		}
	})
}

// The assembly sets agree bit for bit.
func TestAVX2EqualsAVX512(t *testing.T) {
	if len(KernelSets()) < 3 {
		t.Skip("this CPU has no AVX-512")
	}
	results := func(set string) (all []float32) {
		useSet(t, set)
		p := newPool(t, 1)
		for rows := 1; rows <= 15; rows++ {
			all = append(all, checkMatMul(t, p, rows, 45, 515, true)...)
		}
		for n := range 200 {
			for _, op := range operations {
				all = append(all, op.run(newInputs(n))...)
			}
		}
		return all
	}
	if !sameBits(results("avx2"), results("avx512")) {
		t.Error("AVX2 and AVX-512 give different results")
	}
}

func FuzzMatMul(f *testing.F) {
	f.Add(uint8(1), uint8(32), uint16(768), uint8(1), true)
	f.Add(uint8(13), uint8(50), uint16(257), uint8(3), false)
	f.Fuzz(func(t *testing.T, rows, n uint8, k uint16, threads uint8, withBias bool) {
		var results [][]float32
		for _, set := range KernelSets() {
			useSet(t, set)
			results = append(results, checkMatMul(t, newPool(t, int(threads%4)+1), int(rows%64)+1, int(n)+1, int(k%700)+1, withBias))
		}
		if len(results) == 3 && !sameBits(results[1], results[2]) {
			t.Error("AVX2 and AVX-512 give different results")
		}
	})
}

func ExampleMatrix_MatMul() {
	pool := NewPool(2)
	defer pool.Close()
	weight := Pack(pool, []float32{1, 2, 3, 4, 5, 6}, 2, 3) // two outputs of three inputs
	x := []float32{1, 0, 0, 1, 1, 1}                        // two rows
	y := make([]float32, 4)
	weight.MatMul(pool, x, 2, y, []float32{10, 20})
	fmt.Println(y)
	// Output: [11 24 16 35]
}
