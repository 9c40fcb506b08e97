package tensor

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guarded returns n values that end where memory ends (or, if atStart, begin where it begins): reading or writing
// beyond faults.
func guarded(t testing.TB, n int, atStart bool) []float32 {
	page := unix.Getpagesize()
	size := (4*n + page - 1) / page * page
	all, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{all[:page], all[page+size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if n == 0 {
		return []float32{}
	}
	first := page
	if !atStart {
		first += size - 4*n
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&all[first])), n)
}

// Kernels touch nothing outside of their slices.
func TestKernelsStayInBounds(t *testing.T) {
	oneThread(t)
	onEachSet(t, func(t *testing.T) {
		for _, atStart := range []bool{false, true} {
			for n := range 100 {
				for _, op := range operations {
					in := newInputs(n)
					want := op.run(newInputs(n))
					for _, x := range []*[]float32{&in.x, &in.y, &in.w, &in.b, &in.wide, &in.five} {
						g := guarded(t, len(*x), atStart)
						copy(g, *x)
						*x = g
					}
					rows := max(0, len(in.rows)-3) // the last row ends with its values
					g := guarded(t, rows, atStart)
					copy(g, in.rows)
					in.rows = g
					if got := op.run(in); !sameBits(got, want) {
						t.Errorf("%s, n=%d: another result in guarded memory", op.name, n)
					}
				}
			}
		}
	})
}

func TestMatMulStaysInBounds(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 1)
		for _, s := range [][2]int{{1, 1}, {17, 5}, {32, 8}, {33, 9}, {64, 4}} {
			n, k := s[0], s[1]
			for rows := 1; rows <= 26; rows++ {
				for _, atStart := range []bool{false, true} {
					r := newRand(rows)
					w, x, y, bias := guarded(t, n*k, atStart), guarded(t, rows*k, atStart), guarded(t, rows*n, atStart), guarded(t, n, atStart)
					copy(w, random(r, len(w)))
					copy(x, random(r, len(x)))
					m := NewMatrix(n, k)
					m.data = guarded(t, len(m.data), atStart)
					m.SetRows(0, w)
					m.MatMul(p, x, rows, y, bias)
					m.Row(n-1, x[:k])
					if !sameBits(x[:k], w[(n-1)*k:]) {
						t.Fatalf("N=%d, K=%d: the last row differs", n, k)
					}
				}
			}
		}
		// Packed activations end where memory ends, too.
		const rows, n, k = 23, 40, 31
		p.mul.scratch = guarded(t, rows*k, false)
		p.mul.edges[0] = guarded(t, rows*panelRows, false)
		m := NewMatrix(n, k)
		m.MatMul(p, make([]float32, rows*k), rows, make([]float32, rows*n), nil)
	})
}

// The kernels of the other formats touch nothing outside of their slices, either.
func TestFormatsStayInBounds(t *testing.T) {
	onEachSet(t, func(t *testing.T) {
		p := newPool(t, 1)
		r := newRand(1)
		for _, s := range [][2]int{{1, 1}, {17, 5}, {32, 8}, {33, 9}, {64, 40}} {
			n, k := s[0], s[1]
			dense := random(r, n*k)
			w := randomInt4(r, n, EvenGroups(k, 16))
			for _, m := range []*Matrix{PackAs(BFloat16, p, dense, n, k), PackAs(Float16, p, dense, n, k), w.matrix(n), rounding(p, dense, n, k)} {
				for _, atStart := range []bool{false, true} {
					data := guarded(t, len(m.data), atStart)
					copy(words(data), words(m.data))
					m.data = data
					for rows := 1; rows <= 14; rows++ {
						x, y := guarded(t, rows*k, atStart), guarded(t, rows*n, atStart)
						m.MatMul(p, x, rows, y, nil)
					}
					m.Row(n-1, guarded(t, k, atStart))
				}
			}
		}
		const rows, n, k = 23, 40, 31
		p.mul.scratch = guarded(t, 2*rows*pairs(k), false) // so do packed pairs
		rounding(p, make([]float32, n*k), n, k).MatMul(p, make([]float32, rows*k), rows, make([]float32, rows*n), nil)
		for _, f := range []Format{BFloat16, Float16} { // conversions end where memory ends
			for _, n := range []int{32, 33, 95} {
				from, to := guarded(t, n, false), guarded(t, (n+1)/2, false)
				h := unsafe.Slice((*uint16)(unsafe.Pointer(&to[0])), n)
				Narrow(f, from, h)
				Widen(f, h, from)
			}
		}
	})
}
