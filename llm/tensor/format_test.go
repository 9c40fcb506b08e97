package tensor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Every float16 comes back, and every float32 becomes the nearest float16, the even one of two.
func TestFloat16(t *testing.T) {
	for bits, want := range map[uint16]float32{0: 0, 0x3c00: 1, 0xc000: -2, 1: 0x1p-24, 0x03ff: 0x3ffp-24, 0x7bff: 65504, 0x0400: 0x1p-14} {
		if got := Float16Value(bits); got != want {
			t.Errorf("%#04x is %v, want %v", bits, got, want)
		}
	}
	for h := range 1 << 16 {
		v := Float16Value(uint16(h))
		back := Float16Bits(v)
		if v != v {
			if got := Float16Value(back); got == got {
				t.Fatalf("NaN %#04x becomes %v", h, got)
			}
			continue
		}
		if back != uint16(h) {
			t.Fatalf("%#04x is %v, which becomes %#04x", h, v, back)
		}
		if h&0x7fff >= 0x7bff {
			continue
		}
		next := Float16Value(uint16(h + 1))
		middle := float32((float64(v) + float64(next)) / 2) // exact
		even := uint16(h + h&1)
		for x, want := range map[float32]uint16{
			middle:                         even,
			math.Nextafter32(middle, v):    uint16(h),
			math.Nextafter32(middle, next): uint16(h + 1),
		} {
			if got := Float16Bits(x); got != want {
				t.Fatalf("%v becomes %#04x, want %#04x", x, got, want)
			}
		}
	}
	for x, want := range map[float32]uint16{65519.996: 0x7bff, 65520: 0x7c00, -1e9: 0xfc00, 1e-30: 0} {
		if got := Float16Bits(x); got != want {
			t.Errorf("%v becomes %#04x, want %#04x", x, got, want)
		}
	}
}

func TestBFloat16(t *testing.T) {
	for h := range 1 << 16 {
		v := BFloat16Value(uint16(h))
		if v != v {
			continue
		}
		if back := BFloat16Bits(v); back != uint16(h) {
			t.Fatalf("%#04x becomes %#04x", h, back)
		}
		if h&0x7fff >= 0x7f7f {
			continue
		}
		bits := uint32(h) << 16
		even := uint16(h + h&1)
		for x, want := range map[uint32]uint16{bits + 0x7fff: uint16(h), bits + 0x8000: even, bits + 0x8001: uint16(h + 1)} {
			if got := BFloat16Bits(math.Float32frombits(x)); got != want {
				t.Fatalf("%#08x becomes %#04x, want %#04x", x, got, want)
			}
		}
	}
	if got := BFloat16Value(BFloat16Bits(float32(math.NaN()))); got == got {
		t.Errorf("NaN becomes %v", got)
	}
}

// The kernels convert as the scalar functions do.
func TestWidenAndNarrow(t *testing.T) {
	r := newRand(1)
	x := random(r, 8*panelRows)
	for i := range x {
		switch i % 8 {
		case 0:
			x[i] *= 1e-6 // subnormal in float16
		case 1:
			x[i] *= 1e5 // too large for it
		case 2:
			x[i] = math.Float32frombits(math.Float32bits(x[i])&^0x1fff | 0x1000) // halfway
		}
	}
	x[3], x[40], x[41] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
	onEachSet(t, func(t *testing.T) {
		for _, f := range []Format{BFloat16, Float16} {
			for _, n := range []int{0, 1, 31, 32, 33, 97, len(x)} {
				h, back := make([]uint16, n), make([]float32, n)
				Narrow(f, x[:n], h)
				Widen(f, h, back)
				for i, v := range x[:n] {
					if v != v {
						if back[i] == back[i] {
							t.Errorf("%v: NaN comes back as %v", f, back[i])
						}
						continue
					}
					if h[i] != f.narrow(v) || back[i] != f.value(h[i]) {
						t.Fatalf("%v: %v becomes %#04x and %v, want %#04x and %v", f, v, h[i], back[i], f.narrow(v), f.value(f.narrow(v)))
					}
				}
			}
		}
	})
}

// int4Weights are random 4-bit weights of n outputs.
type int4Weights struct {
	q       []uint8
	scales  []uint16
	zeros   []uint8
	groups  int
	groupOf []int32
}

func randomInt4(r *rand.Rand, n int, groupOf []int32) int4Weights {
	w := int4Weights{groupOf: groupOf}
	for _, g := range groupOf {
		w.groups = max(w.groups, int(g)+1)
	}
	for range n * len(groupOf) {
		w.q = append(w.q, uint8(r.IntN(16)))
	}
	for range n * w.groups {
		w.scales = append(w.scales, Float16Bits(float32(r.NormFloat64())*0.1))
		w.zeros = append(w.zeros, uint8(r.IntN(17)))
	}
	return w
}

func (w *int4Weights) matrix(n int) *Matrix {
	m := NewInt4Matrix(n, w.groupOf)
	k := len(w.groupOf)
	for first, step := 0, 1; first < n; first, step = first+step, step+3 { // in pieces
		end := min(first+step, n)
		m.SetInt4Rows(first, w.q[first*k:end*k], w.scales[first*w.groups:end*w.groups], w.zeros[first*w.groups:], w.groups)
	}
	return m
}

// dense are the weights as float32s.
func (w *int4Weights) dense() []float32 {
	k := len(w.groupOf)
	out := make([]float32, len(w.q))
	for i, q := range w.q {
		g := i/k*w.groups + int(w.groupOf[i%k])
		out[i] = Float16Value(w.scales[g]) * (float32(q) - float32(w.zeros[g]))
	}
	return out
}

// groupings are ways to put k inputs in groups.
func groupings(r *rand.Rand, k int) map[string][]int32 {
	mixed, cut := EvenGroups(k, 16), EvenGroups(k+4, 8)[4:]
	r.Shuffle(k, func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return map[string][]int32{"of 8": EvenGroups(k, 8), "of 128": EvenGroups(k, 128), "one": EvenGroups(k, k), "mixed": mixed, "cut": cut}
}

// Products in 16 bits equal those of the float32 matrix of the rounded weights, bit for bit.
func TestMatMulOfHalvesEqualsFloat32(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, f := range []Format{BFloat16, Float16} {
			for _, s := range [][2]int{{1, 1}, {33, 17}, {64, 67}, {97, 259}, {40, 600}} {
				n, k := s[0], s[1]
				w := random(newRand(n), n*k)
				rounded := make([]float32, len(w))
				for i, v := range w {
					rounded[i] = f.value(f.narrow(v))
				}
				p := newPool(t, 2)
				compareMatrices(t, p, fmt.Sprintf("%v, N=%d, K=%d", f, n, k), PackAs(f, p, w, n, k), Pack(p, rounded, n, k), rounded)
			}
		}
	})
}

// So do those of 4-bit weights, if the inputs are in order; else the sums are in that of the groups.
func TestMatMulOfInt4EqualsFloat32(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		for _, s := range [][2]int{{1, 1}, {33, 24}, {70, 136}, {97, 300}, {40, 600}} {
			n, k := s[0], s[1]
			r := newRand(k)
			for name, groupOf := range groupings(r, k) {
				w := randomInt4(r, n, groupOf)
				m, p := w.matrix(n), newPool(t, 2)
				what := fmt.Sprintf("groups %s, N=%d, K=%d", name, n, k)
				if m.order == nil {
					compareMatrices(t, p, what, m, Pack(p, w.dense(), n, k), w.dense())
					continue
				}
				dense, sorted := w.dense(), make([]float32, n*m.steps)
				for i := range n {
					m.gather(dense[i*k:(i+1)*k], sorted[i*m.steps:])
				}
				reference := Pack(p, sorted, n, m.steps)
				for rows := 1; rows <= 14; rows += rowStep(4) {
					x, gathered := random(r, rows*k), make([]float32, rows*m.steps)
					for i := range rows {
						m.gather(x[i*k:(i+1)*k], gathered[i*m.steps:])
					}
					got, want := make([]float32, rows*n), make([]float32, rows*n)
					m.MatMul(p, x, rows, got, nil)
					reference.MatMul(p, gathered, rows, want, nil)
					if !sameBits(got, want) {
						t.Fatalf("%s: %d rows: another product than in float32", what, rows)
					}
				}
				checkRowsOf(t, what, m, dense)
			}
		}
	})
}

// compareMatrices compares the products and rows of two matrices bit for bit.
func compareMatrices(t *testing.T, p *Pool, what string, m, reference *Matrix, weights []float32) {
	t.Helper()
	r := newRand(m.N)
	for rows := 1; rows <= 26; rows += rowStep(5) {
		x, bias := random(r, rows*m.K), random(r, m.N)
		got, want := make([]float32, rows*m.N), make([]float32, rows*m.N)
		m.MatMul(p, x, rows, got, bias)
		reference.MatMul(p, x, rows, want, bias)
		if !sameBits(got, want) {
			t.Fatalf("%s: %d rows: another product than in float32", what, rows)
		}
	}
	checkRowsOf(t, what, m, weights)
}

func checkRowsOf(t *testing.T, what string, m *Matrix, weights []float32) {
	t.Helper()
	row := make([]float32, m.K)
	for i := range m.N {
		if m.Row(i, row); !sameBits(row, weights[i*m.K:(i+1)*m.K]) {
			t.Fatalf("%s: row %d differs", what, i)
		}
	}
}

func TestDataBytes(t *testing.T) {
	for _, test := range []struct {
		m    *Matrix
		want int64
	}{
		{NewMatrix(33, 10), 33 * 10 * 4},
		{NewMatrixOf(BFloat16, 33, 10), 33 * 10 * 2},
		{NewInt4Matrix(64, EvenGroups(256, 128)), 64 * (256/2 + 2*4)},
	} {
		if got := test.m.DataBytes(); got != test.want {
			t.Errorf("%v: %d bytes, want %d", test.m.Format(), got, test.want)
		}
	}
}

func TestTable(t *testing.T) {
	const rows, width = 5, 37
	x := random(newRand(1), rows*width)
	for _, f := range []Format{Float32, BFloat16, Float16} {
		table := NewTable(f, rows, width)
		table.SetRows(0, x[:2*width])
		table.SetRows(2, x[2*width:])
		got := make([]float32, width)
		for i := range rows {
			table.Row(i, got)
			for c, v := range got {
				want := x[i*width+c]
				if f != Float32 {
					want = f.value(f.narrow(want))
				}
				if v != want {
					t.Fatalf("%v: row %d has %v at %d, want %v", f, i, v, c, want)
				}
			}
		}
		if want := int64(rows * width * f.size()); table.Bytes() != want {
			t.Errorf("%v: %d bytes, want %d", f, table.Bytes(), want)
		}
	}
}

func FuzzMatMulFormats(f *testing.F) {
	f.Add(uint8(1), uint8(32), uint16(768), uint8(1), uint8(7))
	f.Add(uint8(13), uint8(50), uint16(257), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, rows, n uint8, k uint16, kind, size uint8) {
		r, inputs, outputs, m := newRand(int(k)), int(k%700)+1, int(n)+1, int(rows%40)+1
		for _, set := range KernelSets() {
			useSet(t, set)
			p := newPool(t, 1)
			var x *Matrix
			var dense []float32
			switch Format(kind % 3) {
			case 0:
				groups := EvenGroups((inputs+7)/8*8, (int(size)+1)*8)
				w := randomInt4(r, outputs, groups)
				x, dense = w.matrix(outputs), w.dense()
			default:
				format := Format(kind % 3)
				dense = random(r, outputs*inputs)
				for i, v := range dense {
					dense[i] = format.value(format.narrow(v))
				}
				x = PackAs(format, p, dense, outputs, inputs)
			}
			in := random(r, m*x.K)
			got, want := make([]float32, m*outputs), make([]float32, m*outputs)
			x.MatMul(p, in, m, got, nil)
			Pack(p, dense, outputs, x.K).MatMul(p, in, m, want, nil)
			if !sameBits(got, want) {
				t.Errorf("%v, %s: another product than in float32", x.Format(), set)
			}
		}
	})
}

// Nor do products of the other formats allocate.
func TestFormatsDoNotAllocate(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		const n, k, rows = 70, 320, 33
		p := newPool(t, 2)
		mixed := EvenGroups(k, 64)
		mixed[0], mixed[k-1] = mixed[k-1], mixed[0]
		bytes := NewInt4Matrix(n, EvenGroups(k, 64))
		if !bytes.RoundActivations() {
			t.Fatal("groups of 64 are not taken")
		}
		pairs := rounding(p, make([]float32, n*k), n, k)
		x, y := make([]float32, rows*k), make([]float32, rows*n)
		for _, m := range []*Matrix{NewMatrixOf(BFloat16, n, k), NewMatrixOf(Float16, n, k), NewInt4Matrix(n, mixed), bytes, pairs} {
			for _, rows := range []int{1, 5, 33} {
				m.MatMul(p, x, rows, y, nil)
				if a := testing.AllocsPerRun(10, func() { m.MatMul(p, x, rows, y, nil) }); a >= 1 {
					t.Errorf("%v, %d rows: %g allocations a call", m.Format(), rows, a)
				}
			}
		}
	})
}
