package tensor

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestPoolCallsEachWorkerOnce(t *testing.T) {
	for _, threads := range []int{-1, 1, 2, 3, 16} {
		p := newPool(t, threads)
		if want := max(threads, 1); p.Threads() != want {
			t.Fatalf("%d threads, want %d", p.Threads(), want)
		}
		calls := make([]int, p.Threads()) // not atomic: Run orders what happens before, in and after it
		for range 500 {
			p.Run(func(worker int) { calls[worker]++ })
		}
		for worker, n := range calls {
			if n != 500 {
				t.Errorf("%d threads: worker %d was called %d times, want 500", threads, worker, n)
			}
		}
	}
}

// With the caller's share done, it does those of workers that do not come.
func TestPoolNeedsNoWorkers(t *testing.T) {
	p := NewPool(4)
	p.Close()
	p.Close()
	calls := 0
	p.Run(func(int) { calls++ })
	if calls != 4 {
		t.Errorf("a closed pool made %d calls, want 4", calls)
	}
}

func TestPoolsOfMoreThreadsThanCores(t *testing.T) {
	var pools sync.WaitGroup
	var calls atomic.Int64
	const ranks, threads, rounds = 4, 5, 200
	for range ranks {
		p := newPool(t, threads)
		pools.Go(func() {
			for range rounds {
				p.Run(func(int) { calls.Add(1) })
			}
		})
	}
	pools.Wait()
	if want := int64(ranks * threads * rounds); calls.Load() != want {
		t.Errorf("%d calls, want %d", calls.Load(), want)
	}
}

// Workers park when there is nothing to do, also when they hold all processors and the caller must wait for one.
func TestPoolOnOneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	p := newPool(t, 3)
	sum := make([]int, 3)
	for range 300 {
		p.Run(func(worker int) { sum[worker] += worker; runtime.Gosched() })
	}
	if sum[1] != 300 || sum[2] != 600 {
		t.Errorf("sums %v, want [0 300 600]", sum)
	}
}

func TestIdlePoolUsesNoCPU(t *testing.T) {
	p := newPool(t, 2)
	p.Run(func(int) {})
	for deadline := time.Now().Add(time.Minute); !p.workers[1].parked.Load(); {
		if time.Now().After(deadline) {
			t.Fatal("the worker does not park")
		}
		runtime.Gosched()
	}
	var ran [2]bool
	p.Run(func(worker int) { ran[worker] = true })
	if ran != [2]bool{true, true} {
		t.Errorf("a parked pool's workers ran: %v", ran)
	}
}

func TestClosedPoolsAreNotCounted(t *testing.T) {
	before := poolThreads.Load()
	p := NewPool(7)
	if got := poolThreads.Load() - before; got != 7 {
		t.Errorf("a pool of 7 threads counts %d", got)
	}
	p.Close()
	p.Close()
	if got := poolThreads.Load() - before; got != 0 {
		t.Errorf("%d threads are left of a closed pool", got)
	}
}

func BenchmarkFork(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(map[int]string{1: "threads=1", 2: "threads=2"}[threads], func(b *testing.B) {
			p := newPool(b, threads)
			nothing := func(int) {}
			for b.Loop() {
				p.Run(nothing)
			}
		})
	}
}
