//go:build amd64 || arm64

package tensor

import (
	"math"
	"unsafe"

	"github.com/inferprof/inferprof/llm/tensor/internal/asm"
)

// What CPUs with kernels in assembly have in common.

// pause tells the CPU that it is in a loop that waits.
func pause() { asm.Pause() }

// roundRow writes one row's part of the records of x, of so many rows each, to dst.
func roundRow(x, dst []float32, rows int) {
	if active == setPortable {
		roundRowPortable(x, dst, rows)
		return
	}
	asm.RoundInt8(len(x)/int8Block, &x[0], &dst[0], rows)
}

// after is the address of the value n values after p.
func after(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}

// transpose writes dst[i*dstStride+r] = x[r*k+i] for rows r and i < k. It goes by blocks along k, so that the cache lines
// that it writes piecewise stay in the nearest cache.
func transpose(dst []float32, dstStride int, x []float32, rows, k int) {
	if active == setPortable {
		transposePortable(dst, dstStride, x, 0, rows, 0, k)
		return
	}
	const block = 32
	byFour, whole := rows/4*4, k/4*4
	if byFour > 0 && whole > 0 {
		_, _ = x[byFour*k-1], dst[(whole-1)*dstStride+byFour-1]
	}
	for k0 := 0; k0 < whole; k0 += block {
		steps := min(block, whole-k0) / 4
		for r := 0; r < byFour; r += 4 {
			asm.PackRows4(steps, &x[r*k+k0], k, &dst[k0*dstStride+r], dstStride)
		}
	}
	transposePortable(dst, dstStride, x, 0, byFour, whole, k)
	transposePortable(dst, dstStride, x, byFour, rows, 0, k)
}

// inverseRoot is 1/√(sum/n + eps).
func inverseRoot(sum float32, n float64, eps float32) float32 {
	return float32(1 / math.Sqrt(float64(sum)/n+float64(eps)))
}
