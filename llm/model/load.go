package model

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/tensor"
)

// part is a piece of a weight: some rows (outputs) and columns (inputs).
type part struct {
	name string // without .weight
	rows span
	cols span
}

// loader reads weights until something fails.
type loader struct {
	w    *Weights
	pool *tensor.Pool
	err  error
}

// linear is a layer of parts, one under another, in the format of the matrices.
func (ld *loader) linear(site *llm.Site, parts ...part) *linear {
	l := &linear{site: site, weight: ld.matrix(parts)}
	l.nameTypes()
	return l
}

// quantizable is a layer of parts which may be in 4 bits: as stored, or rounded to that.
func (ld *loader) quantizable(site *llm.Site, parts ...part) *linear {
	l := &linear{site: site}
	switch stored := ld.packedParts(parts); {
	case stored != nil:
		l.weight = ld.int4(parts, stored)
	case ld.w.rounding != "" && !slices.ContainsFunc(parts, ld.isPacked):
		l.weight = ld.rounded(parts)
	default:
		l.weight = ld.matrix(parts)
	}
	if l.weight.Format() == tensor.Int4 {
		site.Name = int4Ops[ld.w.method()]
		if ld.w.rounds {
			l.weight.RoundActivations() // those that cannot stay exact
		}
	}
	l.nameTypes()
	return l
}

// int4Ops are vLLM's names of products with weights of 4 bits.
var int4Ops = map[string]string{"awq": "_C::awq_gemm", "gptq": "_C::gptq_gemm"}

// method is how the weights of 4 bits were made.
func (w *Weights) method() string {
	if q := w.config.quantization; q != nil {
		return q.method
	}
	return w.rounding
}

func (ld *loader) isPacked(p part) bool { return ld.w.packed[p.name] != "" }

// rowsOf is how many outputs the parts have.
func rowsOf(parts []part) (n int) {
	for _, p := range parts {
		n += p.rows.len()
	}
	return n
}

// matrix packs parts one under another.
func (ld *loader) matrix(parts []part) *tensor.Matrix {
	m := tensor.NewMatrixOf(ld.w.format, rowsOf(parts), parts[0].cols.len())
	if ld.w.rounds {
		m.RoundActivations() // for bfloat16, if the CPU multiplies that
	}
	first := 0
	for _, p := range parts {
		var stored *packed
		if ld.isPacked(p) { // next to one that is not, or in other groups
			var err error
			if stored, err = ld.w.readPacked(p.name); err != nil {
				ld.fail(err)
				return m
			}
		}
		ld.each(p.rows, func() func(row, rows int) error {
			buf := make([]float32, packRows*p.cols.len())
			return func(row, rows int) error {
				piece := buf[:rows*p.cols.len()]
				if err := ld.read(p, stored, row, rows, piece); err != nil {
					return err
				}
				m.SetRows(first+row-p.rows.lo, piece)
				return nil
			}
		})
		first += p.rows.len()
	}
	return m
}

// read reads some outputs of a part, from what is stored in 4 bits if that is not nil.
func (ld *loader) read(p part, stored *packed, row, rows int, dst []float32) error {
	if stored != nil {
		stored.dense(row, rows, p.cols, dst)
		return nil
	}
	return ld.w.source.read(ld.w.path[p.name+".weight"], row, rows, p.cols.lo, p.cols.len(), dst)
}

// packedParts reads parts that are stored in 4 bits, all in the same groups; nil if they are not.
func (ld *loader) packedParts(parts []part) (stored []*packed) {
	for _, p := range parts {
		if ld.err != nil || !ld.isPacked(p) {
			return nil
		}
		x, err := ld.w.readPacked(p.name)
		if err != nil {
			ld.fail(err)
			return nil
		}
		if len(stored) > 0 && !slices.Equal(stored[0].groupOf, x.groupOf) {
			return nil
		}
		stored = append(stored, x)
	}
	return stored
}

// int4 packs parts that are stored in 4 bits.
func (ld *loader) int4(parts []part, stored []*packed) *tensor.Matrix {
	cols := parts[0].cols
	m := tensor.NewInt4Matrix(rowsOf(parts), stored[0].groupOf[cols.lo:cols.hi])
	first := 0
	for i, p := range parts {
		x := stored[i]
		ld.each(p.rows, func() func(row, rows int) error {
			b := newInt4Buffer(cols.len(), x.groups)
			return func(row, rows int) error {
				b.resize(rows)
				x.rows(row, rows, cols, b.q, b.scales, b.zeros)
				m.SetInt4Rows(first+row-p.rows.lo, b.q, b.scales, b.zeros, x.groups)
				return nil
			}
		})
		first += p.rows.len()
	}
	return m
}

// rounded rounds parts to 4 bits. The groups are those of the whole layer, so that every split over ranks is of the same
// model.
func (ld *loader) rounded(parts []part) *tensor.Matrix {
	const size = roundingGroup
	cols := parts[0].cols
	shape, _ := ld.w.source.shape(ld.w.path[parts[0].name+".weight"])
	whole := span{cols.lo / size * size, min((cols.hi+size-1)/size*size, shape[1])}
	groupOf := tensor.EvenGroups(whole.len(), size)
	m := tensor.NewInt4Matrix(rowsOf(parts), groupOf[cols.lo-whole.lo:cols.hi-whole.lo])
	groups := int(groupOf[len(groupOf)-1]) + 1
	first := 0
	for _, p := range parts {
		ld.each(p.rows, func() func(row, rows int) error {
			buf := make([]float32, packRows*whole.len())
			q := make([]uint8, whole.len())
			b := newInt4Buffer(cols.len(), groups)
			return func(row, rows int) error {
				b.resize(rows)
				if err := ld.w.source.read(ld.w.path[p.name+".weight"], row, rows, whole.lo, whole.len(), buf[:rows*whole.len()]); err != nil {
					return err
				}
				for r := range rows {
					for g := range groups {
						lo, hi := g*size, min((g+1)*size, whole.len())
						b.scales[r*groups+g], b.zeros[r*groups+g] = roundToInt4(ld.w.rounding, buf[r*whole.len()+lo:r*whole.len()+hi], q[lo:hi])
					}
					copy(b.q[r*cols.len():], q[cols.lo-whole.lo:cols.hi-whole.lo])
				}
				m.SetInt4Rows(first+row-p.rows.lo, b.q, b.scales, b.zeros, groups)
				return nil
			}
		})
		first += p.rows.len()
	}
	return m
}

// int4Buffer is some rows of weights of 4 bits.
type int4Buffer struct {
	inputs, groups int
	q, zeros       []uint8
	scales         []uint16
}

func newInt4Buffer(inputs, groups int) *int4Buffer {
	return &int4Buffer{inputs, groups, make([]uint8, packRows*inputs), make([]uint8, packRows*groups), make([]uint16, packRows*groups)}
}

func (b *int4Buffer) resize(rows int) {
	b.q, b.zeros, b.scales = b.q[:rows*b.inputs], b.zeros[:rows*b.groups], b.scales[:rows*b.groups]
}

// packRows is how many rows are read at once: as few as fill a panel, so that the piece stays in the cache.
const packRows = 32

func (ld *loader) fail(err error) {
	if ld.err == nil {
		ld.err = err
	}
}

// each calls do for all rows, packRows at a time, on all threads, each with a do of its own.
func (ld *loader) each(rows span, newDo func() func(row, rows int) error) {
	if ld.err != nil {
		return
	}
	chunks := (rows.len() + packRows - 1) / packRows
	var next atomic.Int64
	var failed sync.Once
	ld.pool.Run(func(int) {
		do := newDo()
		for {
			i := int(next.Add(1)) - 1
			if i >= chunks {
				return
			}
			lo := rows.lo + i*packRows
			if err := do(lo, min(packRows, rows.hi-lo)); err != nil {
				failed.Do(func() { ld.err = err })
				return
			}
		}
	})
}

// table reads rows of a matrix to be looked up.
func (ld *loader) table(name string, rows span, width int) *tensor.Table {
	t := tensor.NewTable(ld.w.format, rows.len(), width)
	ld.each(rows, func() func(row, rows int) error {
		buf := make([]float32, packRows*width)
		return func(row, n int) error {
			piece := buf[:n*width]
			if err := ld.w.source.read(ld.w.path[name], row, n, 0, width, piece); err != nil {
				return err
			}
			t.SetRows(row-rows.lo, piece)
			return nil
		}
	})
	return t
}

func (ld *loader) vector(name string, n int) []float32 { return ld.slice(name, span{0, n}) }

func (ld *loader) slice(name string, s span) []float32 {
	if ld.err != nil {
		return nil
	}
	v, err := ld.w.vector(name, s.lo, s.hi)
	ld.err = err
	return v
}

// biases are the biases of parts, one after another.
func (ld *loader) biases(parts ...part) []float32 {
	var b []float32
	for _, p := range parts {
		b = append(b, ld.slice(p.name+".bias", p.rows)...)
	}
	return b
}

// biasOnce is the bias of a projection that is summed over the ranks: only the first rank adds it.
func (ld *loader) biasOnce(rank int, name string, n int) []float32 {
	if rank != 0 {
		return nil
	}
	return ld.vector(name+".bias", n)
}

func (ld *loader) norm(name string) norm {
	c := ld.w.config
	v := norm{site: opSite(c.normOp(), "model."+name), weight: ld.vector(name+".weight", c.Hidden), eps: float32(c.NormEps)}
	if !c.RMSNorm {
		v.bias = ld.vector(name+".bias", c.Hidden)
	}
	return v
}
