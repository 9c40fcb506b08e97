package graphs

import (
	"fmt"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// layers are the kernels of a graph: a few before, n layers of five, and a few after.
func layers(n int) []string {
	names := []string{"embed", "Memset (Device)"}
	for range n {
		names = append(names, "norm", "gemm", "attention", "gemm", "silu")
	}
	return append(names, "norm", "head")
}

// without is a replay that lacks some kernels.
func without(names []string, lost ...int) []string {
	var out []string
	for i, n := range names {
		if !slices.Contains(lost, i) {
			out = append(out, n)
		}
	}
	return out
}

// swapped is a replay in which two kernels ran in the other order.
func swapped(names []string, i int) []string {
	out := slices.Clone(names)
	out[i], out[i+1] = out[i+1], out[i]
	return out
}

// renamed is a replay in which a kernel has another name.
func renamed(names []string, from, to string) []string {
	out := slices.Clone(names)
	for i := range out {
		if out[i] == from {
			out[i] = to
		}
	}
	return out
}

// TestFamilies: which replays are of one graph, and what of them is missing. No step is marked.
func TestFamilies(t *testing.T) {
	whole := layers(12) // 64 kernels
	piece := []string{"gemm", "norm", "silu", "rope"}
	for _, c := range []struct {
		name    string
		replays [][]string
		graphs  string // kernels × replays, most first
		lost    int
	}{
		{"alike", [][]string{whole, whole, whole}, "64×3", 0},
		{"other orders", [][]string{whole, swapped(whole, 7), swapped(whole, 20)}, "64×3", 0},
		{"a set of no name", [][]string{whole, renamed(whole, "Memset (Device)", "Memset (Unknown)")}, "64×2", 0},
		{"one kernel", [][]string{whole, whole, without(whole, 23), whole}, "64×4", 1},
		{"one kernel, in other orders", [][]string{whole, swapped(whole, 7), without(swapped(whole, 20), 41), swapped(whole, 30)}, "64×4", 1},
		{"the same name twice, elsewhere", [][]string{whole, whole, without(whole, 23), without(whole, 33), whole}, "64×5", 2},
		{"all of them", [][]string{without(whole, 8, 30), without(whole, 9), without(whole, 40), without(whole, 17, 18)}, "63×4", 5},
		{"other shapes", [][]string{whole, whole, renamed(whole, "gemm", "gemm_128"), renamed(whole, "gemm", "gemm_128")}, "64×2 64×2", 0},
		{"another shape once", [][]string{whole, whole, renamed(whole, "gemm", "gemm_128")}, "64×2 64×1", 0},
		{"a name of every layer less", [][]string{whole, whole, without(whole, 6, 11, 16, 21, 26, 31, 36, 41, 46, 51, 56, 61)}, "64×2 52×1", 0},
		{"another end", [][]string{whole, without(whole, 63), whole}, "64×3", 1}, // between two of them
		{"another end by itself", [][]string{whole, whole, piece, without(whole, 63)}, "64×2 63×1 4×1", 0},
		{"pieces", [][]string{piece, piece, piece, piece[:3]}, "4×3 3×1", 0},
		{"two once, rare names differ", [][]string{whole, renamed(whole, "head", "other head")}, "64×1 64×1", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := tracetest.New()
			for i, names := range c.replays {
				at := int64(10_000 * (i + 1))
				b.Call("cudaGraphLaunch", int64(i+1), at, 5)
				for k, name := range names {
					b.Kernel(name, 7, int64(i+1), at+100+10*int64(k), 9)
				}
			}
			b.Call("cudaLaunchKernel", 900, 900_000, 5) // so that no replay is at the stop
			b.Call("cudaGraphLaunch", 901, 900_010, 5)
			b.Kernel("last", 7, 901, 900_100, 9)
			x := index.New(b.Trace, &index.Options{})
			table, r := Measure(x, nil)
			got := ""
			slices.SortStableFunc(table, func(a, b Graph) int { return b.Replays - a.Replays })
			for _, g := range table {
				if g.Kernels > 1 {
					got += fmt.Sprintf("%d×%d ", g.Kernels, g.Replays)
				}
			}
			if got != c.graphs+" " {
				t.Errorf("graphs %s, want %s", got, c.graphs)
			}
			if r.LostKernels != c.lost || (r.Short > 0) != (c.lost > 0) {
				t.Errorf("lost %+v, want %d", r, c.lost)
			}
		})
	}
}

// TestAlign: a replay's kernels are given the places that they have.
func TestAlign(t *testing.T) {
	ids := func(letters string) (out []trace.StringID) {
		for _, l := range letters {
			out = append(out, trace.StringID(l))
		}
		return out
	}
	for _, c := range []struct {
		graph, own string
		lost       []int32
	}{
		{"abcabcabc", "abcabcabc", nil},
		{"abcabcabc", "abcacabc", []int32{4}},
		{"abcdef", "bcdef", []int32{0}},
		{"abcdef", "acbdef", nil},
		{"abcxabcyabcz", "abcxbayabcz", []int32{6}},      // two ran in the other order, and a c is lost
		{"gxgxgxgxgxgygz", "gxgxgxgxgxgyz", []int32{12}}, // the last of seven
		{"ab", "abq", nil},                               // one that the graph has not
	} {
		slots, lost := align(ids(c.graph), ids(c.own))
		if len(slots) != len(c.own) || !slices.Equal(lost, c.lost) {
			t.Errorf("%s in %s: lost %v, want %v", c.own, c.graph, lost, c.lost)
		}
		for i, s := range slots {
			if s >= 0 && c.graph[s] != c.own[i] {
				t.Errorf("%s in %s: place %d is another's", c.own, c.graph, s)
			}
		}
	}
}

// TestCutOfBranches: of a graph whose branches overtake each other too, what the stop cuts off is no loss.
func TestCutOfBranches(t *testing.T) {
	whole := layers(40)
	replays := [][]string{whole, swapped(whole, 30), swapped(whole, 80), swapped(whole, 99)[:101]}
	for _, lost := range []int{0, 1} {
		b := tracetest.New()
		for i, names := range replays {
			if i == 1 && lost > 0 {
				names = without(names, 50)
			}
			at := int64(10_000 * (i + 1))
			b.Call("cudaGraphLaunch", int64(i+1), at, 5)
			for k, name := range names {
				b.Kernel(name, 7, int64(i+1), at+100+10*int64(k), 9)
			}
		}
		if r := Losses(index.New(b.Trace, &index.Options{})); r.LostKernels != lost {
			t.Errorf("lost %+v, want %d", r, lost)
		}
	}
}
