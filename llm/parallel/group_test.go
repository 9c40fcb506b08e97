package parallel

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// onRanks runs f on every rank at once.
func onRanks(g *Group, f func(rank int)) {
	var wg sync.WaitGroup
	for r := range g.Size() {
		wg.Go(func() { f(r) })
	}
	wg.Wait()
}

func TestAllReduceSumsOnEveryRank(t *testing.T) {
	for _, ranks := range []int{1, 2, 3, 4, 8} { // more ranks than most machines have cores, too
		for _, n := range []int{1, 5, 16, 17, 1000} {
			t.Run(fmt.Sprintf("%d ranks, %d elements", ranks, n), func(t *testing.T) {
				g := NewGroup(ranks, 1)
				bufs := make([][]float32, ranks)
				onRanks(g, func(r int) {
					for round := range 50 {
						x := make([]float32, n)
						for i := range x {
							x[i] = float32(r + i + round)
						}
						g.AllReduce(r, x)
						bufs[r] = x
						g.Barrier()
					}
				})
				for i := range n {
					want := float32(ranks*(ranks-1)/2 + ranks*(i+49))
					if bufs[0][i] != want {
						t.Fatalf("element %d is %v, want %v", i, bufs[0][i], want)
					}
				}
				for r := range ranks {
					if !slices.Equal(bufs[r], bufs[0]) {
						t.Fatalf("rank %d has another sum", r)
					}
				}
			})
		}
	}
}

func TestAllGatherPutsColumnsTogether(t *testing.T) {
	const ranks, rows, width = 3, 4, 10
	g := NewGroup(ranks, 1)
	dst := make([]float32, rows*width)
	onRanks(g, func(r int) {
		lo, hi := width*r/ranks, width*(r+1)/ranks
		part := make([]float32, rows*(hi-lo))
		for i := range rows {
			for j := lo; j < hi; j++ {
				part[i*(hi-lo)+j-lo] = float32(i*width + j)
			}
		}
		g.AllGather(part, rows, lo, hi, width, dst)
	})
	for i, v := range dst {
		if v != float32(i) {
			t.Fatalf("element %d is %v", i, v)
		}
	}
}

func BenchmarkAllReduce(b *testing.B) {
	for _, ranks := range []int{2, 4} {
		for _, n := range []int{768, 768 * 128} {
			b.Run(fmt.Sprintf("ranks=%d/elements=%d", ranks, n), func(b *testing.B) {
				g := NewGroup(ranks, 1)
				var others sync.WaitGroup
				loop := func(rank, rounds int) {
					x := make([]float32, n)
					for range rounds {
						g.AllReduce(rank, x)
					}
				}
				b.SetBytes(int64(4 * n))
				for r := 1; r < ranks; r++ {
					others.Go(func() { loop(r, b.N) })
				}
				loop(0, b.N)
				others.Wait()
			})
		}
	}
}
