package model

import (
	"unsafe"

	"github.com/inferprof/inferprof/llm"
)

// TakeBlocks notes that key-value blocks went into use.
func (s *Shard) TakeBlocks(blocks []int32) { s.countBlocks(blocks, s.KVBlockBytes()) }

// ReleaseBlocks notes that key-value blocks are free again.
func (s *Shard) ReleaseBlocks(blocks []int32) { s.countBlocks(blocks, -s.KVBlockBytes()) }

func (s *Shard) countBlocks(blocks []int32, bytes int64) {
	for _, b := range blocks {
		s.usedBytes += bytes
		s.allocation(unsafe.Pointer(unsafe.SliceData(s.kv.Keys(0, b, 0))), bytes)
	}
}

// allocate gives buf n elements; what was in it is lost.
func (s *Shard) allocate(buf *[]float32, n int) {
	if old := 4 * int64(cap(*buf)); old > 0 {
		s.usedBytes -= old
		s.reservedBytes -= old
		s.allocation(unsafe.Pointer(unsafe.SliceData(*buf)), -old)
	}
	*buf = make([]float32, n)
	s.usedBytes += 4 * int64(n)
	s.reservedBytes += 4 * int64(n)
	s.allocation(unsafe.Pointer(unsafe.SliceData(*buf)), 4*int64(n))
}

func (s *Shard) allocation(at unsafe.Pointer, bytes int64) {
	if s.recorder != nil {
		s.recorder.Allocation(llm.Allocation{At: llm.Now(), Address: uintptr(at), Bytes: bytes, Total: s.usedBytes, Reserved: s.reservedBytes})
	}
}
