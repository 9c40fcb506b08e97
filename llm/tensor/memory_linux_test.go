package tensor

import (
	"runtime"
	"testing"
	"unsafe"
)

func TestWeightMemoryIsSharedAlignedAndReturned(t *testing.T) {
	var matrices []*Matrix
	for i, n := range []int{1, 40, 33, 5000, 300, 2, 9000} {
		m := NewMatrix(n, 64+i)
		if uintptr(unsafe.Pointer(unsafe.SliceData(m.data)))%64 != 0 {
			t.Errorf("matrix %d does not start at a cache line", i)
		}
		for j := range m.data {
			if m.data[j] != 0 {
				t.Fatalf("matrix %d is not zero", i)
			}
			m.data[j] = float32(i + 1)
		}
		matrices = append(matrices, m)
	}
	for i, m := range matrices {
		for j := range m.data {
			if m.data[j] != float32(i+1) {
				t.Fatalf("matrix %d shares memory with another", i)
			}
		}
	}

	large := NewMatrix(32, regionBytes/128) // has a region of its own
	gone := make(chan struct{})
	runtime.AddCleanup(large.owner, func(c chan struct{}) { close(c) }, gone)
	runtime.KeepAlive(large) // and no longer
	for done := false; !done; {
		runtime.GC()
		select {
		case <-gone:
			done = true
		default:
			runtime.Gosched()
		}
	}
	runtime.KeepAlive(matrices)
}
