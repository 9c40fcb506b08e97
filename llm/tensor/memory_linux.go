package tensor

import (
	"runtime"
	"sync"
	"unsafe"
	"weak"

	"golang.org/x/sys/unix"
)

// Weights live outside of Go's heap, in regions of large pages. A row of activations needs all of them once, and with
// pages of 4 KiB the translation of addresses costs a quarter of the memory's speed; and in the heap they would
// let the garbage collector put off its work until as much garbage has gathered as there are weights.
//
// A region is handed out from its beginning and never taken back in parts: it goes when no matrix in it is in use any more.
// What is not handed out yet, or is left because the next matrix did not fit, is address space, not memory. Large
// matrices have regions of their own.

const (
	largePage   = 2 << 20
	regionBytes = 64 << 20
)

// A region is mapped memory, unmapped when the region is no longer reachable.
type region struct {
	free []float32 // not handed out
}

// newest is the region that matrices are taken from while they fit.
var newest struct {
	sync.Mutex
	region weak.Pointer[region]
}

// weightMemory returns n zeros at a multiple of 64 bytes. They live as long as the returned owner does, nil if the
// garbage collector knows them itself.
func weightMemory(n int) (data []float32, owner *region) {
	size := (n + 15) / 16 * 16 // whole cache lines
	if 4*size > regionBytes/2 {
		r := mapRegion(4 * size)
		return r.take(n, size), r
	}
	newest.Lock()
	defer newest.Unlock()
	r := newest.region.Value()
	if r == nil || len(r.free) < size {
		r = mapRegion(regionBytes)
		newest.region = weak.Make(r)
	}
	return r.take(n, size), r
}

// take hands out n values of a region, using up size; from the heap if there is no region.
func (r *region) take(n, size int) []float32 {
	if r == nil {
		return alignedFloats(n)
	}
	data := r.free[:n:n]
	r.free = r.free[size:]
	return data
}

// mapRegion maps a region, nil if the system refuses.
func mapRegion(bytes int) *region {
	b, err := unix.Mmap(-1, 0, bytes+largePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	// Best effort both: small pages work as well, and an address space that cannot be unmapped is lost, no more.
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	base := unsafe.Pointer(unsafe.SliceData(b))
	skip := -uintptr(base) % largePage
	r := &region{free: unsafe.Slice((*float32)(unsafe.Add(base, skip)), bytes/4)}
	runtime.AddCleanup(r, func(b []byte) { _ = unix.Munmap(b) }, b)
	return r
}
