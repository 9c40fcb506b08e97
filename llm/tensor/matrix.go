package tensor

import (
	"fmt"
	"runtime"
	"unsafe"
)

// panelRows is the number of outputs that are computed together: two AVX-512 registers, four of AVX2.
const panelRows = 32

// Matrix is a weight of N outputs by K inputs, PyTorch's Linear.weight, packed for MatMul: panels of 32 outputs, each
// stored as [K][32] so that one step along K is 128 consecutive bytes, two cache lines, in float32, and half of that in
// 16 bits; int4.go tells how 4 bits are stored. The last panel is padded with zeros. Reading a Matrix from several
// goroutines at once is safe.
type Matrix struct {
	N, K int

	format    Format
	steps     int       // along K in a panel: K, or more if groups had to be padded
	panelSize int       // in float32s, whatever they hold
	data      []float32 // [ceil(N/32)][panelSize], 64-byte aligned
	owner     *region   // keeps data alive

	groups []group // of Int4
	rounds bool    // activations are rounded: to 8 bits for Int4, to bfloat16 for that
	order  []int32 // [steps] the input that a step multiplies, -1 for none; nil: step k is input k
}

// NewMatrix returns a matrix of zeros of n outputs by k inputs in float32, both at least 1, to be filled by SetRows.
func NewMatrix(n, k int) *Matrix { return NewMatrixOf(Float32, n, k) }

// NewMatrixOf returns a matrix of zeros in float32, bfloat16 or float16. SetRows rounds to that, to nearest even.
func NewMatrixOf(f Format, n, k int) *Matrix {
	if n < 1 || k < 1 || f > Float16 {
		panic(fmt.Sprintf("tensor: matrix of %d outputs by %d inputs in %v", n, k, f))
	}
	return (&Matrix{N: n, K: k, format: f, steps: k, panelSize: panelRows * k * f.size() / 4}).allocate()
}

func (m *Matrix) allocate() *Matrix {
	m.data, m.owner = weightMemory(m.panels() * m.panelSize)
	return m
}

// Format is what the weights are stored in.
func (m *Matrix) Format() Format { return m.format }

// Pack packs w, row-major [n][k], on the pool's threads, in float32.
func Pack(p *Pool, w []float32, n, k int) *Matrix { return PackAs(Float32, p, w, n, k) }

// PackAs packs w in a format other than Int4.
func PackAs(f Format, p *Pool, w []float32, n, k int) *Matrix {
	m := NewMatrixOf(f, n, k)
	panels, threads := m.panels(), p.Threads()
	p.Run(func(worker int) {
		first, end := panels*worker/threads*panelRows, min(panels*(worker+1)/threads*panelRows, n)
		if first < end {
			m.SetRows(first, w[first*k:end*k])
		}
	})
	return m
}

// SetRows packs rows, row-major [len(rows)/K][K], as the outputs firstRow and following, of a matrix that is not Int4.
// Goroutines may set different rows at once.
func (m *Matrix) SetRows(firstRow int, rows []float32) {
	n := len(rows) / m.K
	if len(rows) != n*m.K || firstRow < 0 || firstRow+n > m.N || m.format == Int4 {
		panic(fmt.Sprintf("tensor: set %d values from row %d in a matrix of %d by %d in %v", len(rows), firstRow, m.N, m.K, m.format))
	}
	for n > 0 {
		lane := firstRow % panelRows
		count := min(panelRows-lane, n)
		panel := m.panel(firstRow / panelRows)
		if m.format == Float32 {
			transpose(panel[lane:], panelRows, rows, count, m.K)
		} else {
			m.setHalves(halves(panel), lane, rows[:count*m.K], count)
		}
		rows = rows[count*m.K:]
		firstRow += count
		n -= count
	}
	runtime.KeepAlive(m)
}

// setHalves packs some rows of one panel in 16 bits, a piece along K at a time: transposed in float32, then rounded.
func (m *Matrix) setHalves(panel []uint16, lane int, rows []float32, count int) {
	const piece = 64
	var columns [panelRows * piece]float32
	var line [piece * panelRows]float32
	for k0 := 0; k0 < m.K; k0 += piece {
		n := min(piece, m.K-k0)
		for r := range count {
			copy(line[r*n:(r+1)*n], rows[r*m.K+k0:])
		}
		transpose(columns[:], count, line[:count*n], count, n)
		to := panel[k0*panelRows:]
		if count == panelRows {
			Narrow(m.format, columns[:n*panelRows], to)
			continue
		}
		for k := range n {
			for r, v := range columns[k*count : (k+1)*count] {
				to[k*panelRows+lane+r] = m.format.narrow(v)
			}
		}
	}
}

// halves is the same memory as values of 16 bits.
func halves(panel []float32) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(panel))), 2*len(panel))
}

// words is the same memory as words of 32 bits.
func words(panel []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(panel))), len(panel))
}

// Row unpacks the weights of output i into dst, of length K.
func (m *Matrix) Row(i int, dst []float32) {
	panel, lane := m.panel(i/panelRows), i%panelRows
	dst = dst[:m.K]
	switch m.format {
	case Float32:
		column := panel[lane:]
		for k := range dst {
			dst[k] = column[k*panelRows]
		}
	case Int4:
		m.rowInt4(panel, lane, dst)
	default:
		column := halves(panel)[lane:]
		for k := range dst {
			dst[k] = m.format.value(column[k*panelRows])
		}
	}
	runtime.KeepAlive(m)
}

// Bytes is the memory that the weights occupy, padding included.
func (m *Matrix) Bytes() int64 { return int64(len(m.data)) * 4 }

// DataBytes is the size of the weights without the padding: what a product has to read.
func (m *Matrix) DataBytes() int64 { return int64(m.N) * int64(m.panelSize) * 4 / panelRows }

func (m *Matrix) panels() int { return (m.N + panelRows - 1) / panelRows }

func (m *Matrix) panel(i int) []float32 {
	return m.data[i*m.panelSize : (i+1)*m.panelSize : (i+1)*m.panelSize]
}

// widen writes steps first to first+count of a panel to dst, [count][32], in float32. In Int4 both are multiples of 8.
func (m *Matrix) widen(panel []float32, first, count int, dst []float32) {
	if m.format == Int4 {
		m.widenInt4(panel, first, count, dst)
		return
	}
	widen(m.format, halves(panel)[first*panelRows:(first+count)*panelRows], dst[:count*panelRows])
}
