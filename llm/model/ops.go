package model

import (
	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/tensor"
)

// linear is y = x·Wᵀ + b for so many rows.
func (s *Shard) linear(l *linear, x []float32, rows int, y []float32) {
	start := s.now()
	n, k := l.weight.N, l.weight.K
	l.weight.MatMul(s.pool, x, rows, y, l.bias)
	if s.recorder != nil {
		flops := 2 * int64(rows) * int64(n) * int64(k)
		bytes := l.weight.DataBytes() + 4*int64(rows)*int64(n+k)
		weight, third := l.shapes()
		s.op(start, l.site, flops, bytes, shape{rows, k}, weight, third)
	}
}

// norm writes the normalised rows of x to out, which may be x.
func (s *Shard) norm(v *norm, x []float32, rows int, out []float32) {
	start := s.now()
	s.rows.run(rowNorm, out, x, v, rows, s.config.Hidden)
	if s.recorder != nil {
		n := int64(len(x))
		s.op(start, v.site, 5*n, 8*n, shape{rows, s.config.Hidden}, shape{s.config.Hidden}, none)
	}
}

// add adds a block's result to the residual stream.
func (s *Shard) add(site *llm.Site, x, delta []float32, rows int) {
	start := s.now()
	s.rows.run(rowAdd, x, delta, nil, rows, s.config.Hidden)
	if s.recorder != nil {
		n := int64(len(x))
		s.op(start, site, n, 12*n, shape{rows, s.config.Hidden}, shape{rows, s.config.Hidden}, none)
	}
}

// allReduce sums x over the ranks.
func (s *Shard) allReduce(site *llm.Site, x []float32) {
	if s.group.Size() == 1 {
		return
	}
	start := s.now()
	wait := s.group.AllReduce(s.rank, x)
	if s.recorder != nil {
		s.collective(start, site, "allreduce", len(x), wait)
	}
}

// rotate turns queries and keys by their positions, after normalising each head where the family does that.
func (s *Shard) rotate(y *layer, b *Batch, qkv []float32) {
	start := s.now()
	d := s.config.HeadDim
	width, turned := (s.heads+2*s.kvHeads)*d, s.heads+s.kvHeads
	for i, p := range b.Positions {
		row := qkv[i*width:]
		for h := range turned {
			head := row[h*d : (h+1)*d]
			if y.qNorm != nil {
				weight := y.qNorm
				if h >= s.heads {
					weight = y.kNorm
				}
				tensor.RMSNorm(head, head, weight, float32(s.config.NormEps))
			}
			if s.rope != nil {
				cos, sin := s.rope.at(int(p))
				tensor.Rope(head, cos, sin)
			}
		}
	}
	if s.recorder != nil {
		rows := len(b.Positions)
		n := int64(rows * turned * d)
		s.op(start, y.sites.rope, 3*n, 8*n, shape{rows, s.heads * d}, shape{rows, s.kvHeads * d}, none)
	}
}

// store puts the new tokens' keys and values into the cache.
func (s *Shard) store(i int, y *layer, b *Batch, qkv []float32) {
	start := s.now()
	d := s.config.HeadDim
	width, q, kv := (s.heads+2*s.kvHeads)*d, s.heads*d, s.kvHeads*d
	for t, p := range b.Positions {
		row := qkv[t*width : (t+1)*width]
		s.kv.Put(i, b.Tables[b.Sequence[t]], int(p), row[q:q+kv], row[q+kv:])
	}
	if s.recorder != nil {
		rows := len(b.Positions)
		s.op(start, y.sites.store, 0, 16*int64(rows*kv), shape{rows, kv}, shape{rows, kv}, none)
	}
}

// rowJob runs an operation on every row of a matrix, on all threads if the matrix is worth it. It is a struct rather
// than a closure so that a step allocates nothing.
type rowJob struct {
	s       *Shard
	work    func(worker int)
	op      rowOp
	out, in []float32
	norm    *norm
	rows, w int
}

type rowOp uint8

const (
	rowNorm rowOp = iota
	rowAdd
	rowReLU
	rowGELU
	rowSiLUMul // of the halves of each row, into the first
)

// minParallel is how many elements make it worth waking the threads for work that costs about a nanosecond each.
const minParallel = 1 << 14

func (j *rowJob) init(s *Shard) { j.s, j.work = s, j.share }

func (j *rowJob) run(op rowOp, out, in []float32, v *norm, rows, width int) {
	j.op, j.out, j.in, j.norm, j.rows, j.w = op, out, in, v, rows, width
	if rows*width < minParallel || j.s.pool.Threads() == 1 {
		j.do(0, rows)
		return
	}
	j.s.pool.Run(j.work)
}

func (j *rowJob) share(worker int) {
	n := j.s.pool.Threads()
	j.do(j.rows*worker/n, j.rows*(worker+1)/n)
}

func (j *rowJob) do(lo, hi int) {
	out, in := j.out[lo*j.w:hi*j.w], j.in[lo*j.w:hi*j.w]
	switch j.op {
	case rowAdd:
		tensor.Add(out, in)
	case rowReLU:
		tensor.ReLU(out)
	case rowGELU:
		tensor.GELUTanh(out)
	case rowSiLUMul:
		for half := j.w / 2; len(out) > 0; out = out[j.w:] {
			tensor.SiLUMul(out[:half], out[:half], out[half:j.w])
		}
	case rowNorm:
		v := j.norm
		for ; len(out) > 0; out, in = out[j.w:], in[j.w:] {
			if v.bias == nil {
				tensor.RMSNorm(out[:j.w], in[:j.w], v.weight, v.eps)
			} else {
				tensor.LayerNorm(out[:j.w], in[:j.w], v.weight, v.bias, v.eps)
			}
		}
	}
}
