package tensor

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Table is rows to be looked up, such as embeddings: [Rows][Width], in float32 or a format of 16 bits.
type Table struct {
	Rows, Width int
	format      Format
	wide        []float32
	narrow      []uint16
	owner       *region // keeps the rows alive
}

// NewTable returns a table of zeros.
func NewTable(f Format, rows, width int) *Table {
	t := &Table{Rows: rows, Width: width, format: f}
	n := rows * width
	if f == Float32 {
		t.wide, t.owner = weightMemory(n)
		return t
	}
	data, owner := weightMemory((n + 1) / 2)
	t.owner = owner
	if n > 0 {
		t.narrow = unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(data))), n)
	}
	return t
}

// SetRows stores rows, row-major, from firstRow on. Goroutines may set different rows at once.
func (t *Table) SetRows(firstRow int, rows []float32) {
	at := firstRow * t.Width
	if at < 0 || at+len(rows) > t.Rows*t.Width {
		panic(fmt.Sprintf("tensor: set %d values from row %d in a table of %d by %d", len(rows), firstRow, t.Rows, t.Width))
	}
	if t.format == Float32 {
		copy(t.wide[at:], rows)
		return
	}
	Narrow(t.format, rows, t.narrow[at:at+len(rows)])
	runtime.KeepAlive(t)
}

// Row writes row i to dst, of length Width.
func (t *Table) Row(i int, dst []float32) {
	if t.format == Float32 {
		copy(dst[:t.Width], t.wide[i*t.Width:])
	} else {
		Widen(t.format, t.narrow[i*t.Width:(i+1)*t.Width], dst)
	}
	runtime.KeepAlive(t)
}

// Bytes is the memory that the rows occupy.
func (t *Table) Bytes() int64 {
	if t == nil {
		return 0
	}
	return 4*int64(len(t.wide)) + 2*int64(len(t.narrow))
}

// RowBytes is the memory of one row.
func (t *Table) RowBytes() int64 { return int64(t.Width) * int64(t.format.size()) }
