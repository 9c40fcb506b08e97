package trace

import (
	"strconv"
	"strings"
)

// What an op was called with. A profiler that records shapes writes, for each argument of each call, the shape and the
// type of the tensor in it. Calls repeat each other: a trace of a million ops has a few hundred different lists. Each is
// kept once, decoded, and named by a number, which an op has. Reading one is an index, and who keeps something for each
// list (what a matrix product of these shapes costs) can do so by the number.

// ShapesID names a list of shapes in Trace.Inputs; 0: the file gives none.
type ShapesID uint32

// DtypesID names a list of types in Trace.Inputs; 0: the file gives none.
type DtypesID uint32

// Shape is that of one argument.
type Shape struct {
	Dims []int64   // of a tensor; empty for a scalar, for what is absent, and for a list of tensors
	List [][]int64 // of the members of a list of tensors; nil for anything else
}

// Shapes are those of all arguments of a call, in order.
type Shapes struct {
	Args []Shape // nil if the file's text cannot be read
	// Text is the list for people, in one spelling: [[8, 768], []]. It is the file's where that cannot be read.
	Text   string
	Source StringID // as the file spells it, if it was read from one
}

// Dtypes are the types of all arguments of a call, in order, as the profiler names them: c10::Half, Scalar; "" for what
// is absent.
type Dtypes struct {
	Names  []string // nil if the file's text cannot be read
	Source StringID // as the file spells it, if it was read from one
}

// Inputs are the different lists of a trace.
type Inputs struct {
	shapes Table[Shapes]
	dtypes Table[Dtypes]
}

// AddShapes adds a list, without looking whether it is there already.
func (in *Inputs) AddShapes(s Shapes) ShapesID {
	if s.Text == "" {
		s.Text = shapesText(s.Args)
	}
	return ShapesID(in.shapes.Append(s) + 1)
}

// AddDtypes adds a list, without looking whether it is there already.
func (in *Inputs) AddDtypes(d Dtypes) DtypesID { return DtypesID(in.dtypes.Append(d) + 1) }

var (
	noShapes Shapes
	noDtypes Dtypes
)

// Shapes are those that id names; empty ones for 0. They must not be written to.
func (in *Inputs) Shapes(id ShapesID) *Shapes {
	if id == 0 {
		return &noShapes
	}
	return in.shapes.At(uint32(id - 1))
}

// Dtypes are those that id names; empty ones for 0. They must not be written to.
func (in *Inputs) Dtypes(id DtypesID) *Dtypes {
	if id == 0 {
		return &noDtypes
	}
	return in.dtypes.At(uint32(id - 1))
}

// shapesText spells shapes: [[8, 768], [], [[4], [4]]].
func shapesText(args []Shape) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, s := range args {
		if i > 0 {
			b.WriteString(", ")
		}
		if s.List == nil {
			writeDims(&b, s.Dims)
			continue
		}
		b.WriteByte('[')
		for k, dims := range s.List {
			if k > 0 {
				b.WriteString(", ")
			}
			writeDims(&b, dims)
		}
		b.WriteByte(']')
	}
	b.WriteByte(']')
	return b.String()
}

func writeDims(b *strings.Builder, dims []int64) {
	b.WriteByte('[')
	for i, d := range dims {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatInt(d, 10))
	}
	b.WriteByte(']')
}
