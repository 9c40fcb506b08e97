package model

import (
	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/tensor"
)

// Batch is what one step computes: the new tokens of one or more sequences, one after another. It is shared, read
// only, by all ranks.
type Batch struct {
	Tokens    []int32   // the new tokens
	Positions []int32   // of each token in its sequence
	Sequence  []int32   // of each token: index into Tables
	Tables    [][]int32 // block tables, with room for the new tokens
	LogitRows []int32   // the tokens whose successors are asked for
}

// workspace holds the activations, for as many rows as the largest batch so far.
type workspace struct {
	rows, logitRows int
	residual        []float32 // [rows][Hidden]
	normed          []float32 // [rows][Hidden]
	delta           []float32 // [rows][Hidden], what a block adds to the residual
	narrow          []float32 // [rows][Embedding], only if it differs from Hidden
	qkv             []float32 // [rows][(heads+2·kvHeads)·headDim]
	mixed           []float32 // [rows][heads·headDim]
	inner           []float32 // [rows][FFN of the rank], twice if gated
	last            []float32 // [logitRows][Hidden]
	lastNarrow      []float32 // [logitRows][Embedding]
	logits          []float32 // [logitRows][vocabulary of the rank], only with several ranks
}

// Forward runs the batch and writes the logits of its LogitRows, [len(LogitRows)][VocabSize], into logits, which all
// ranks share; they are complete when Forward has returned on every rank.
func (s *Shard) Forward(b *Batch, logits []float32) {
	c, rows := s.config, len(b.Tokens)
	if s.recorder != nil {
		s.facts.clock = llm.Now()
	}
	start := s.now()
	s.grow(rows, len(b.LogitRows))

	x := s.space.residual[:rows*c.Hidden]
	s.embedTokens(b, x)
	for i := range s.layers {
		s.layer(i, &s.layers[i], b, x)
	}
	s.module(start, s.sites.model)
	s.head(b, x, logits)
}

func (s *Shard) embedTokens(b *Batch, x []float32) {
	c := s.config
	e := x
	if s.projectIn != nil {
		e = s.space.narrow[:len(b.Tokens)*c.Embedding]
	}
	start := s.now()
	for i, id := range b.Tokens {
		row := e[i*c.Embedding : (i+1)*c.Embedding]
		if local := int(id) - s.vocab.lo; local >= 0 && local < s.vocab.len() {
			s.embed.row(local, row)
		} else {
			clear(row) // another rank's
		}
	}
	if s.recorder != nil {
		s.op(start, s.sites.embed, 0, (4+s.embed.weightBytes())*int64(len(e)), shape{s.vocab.len(), c.Embedding}, shape{len(b.Tokens)}, none)
	}
	s.allReduce(s.sites.embedSum, e)
	if s.projectIn != nil {
		s.linear(s.projectIn, e, len(b.Tokens), x)
	}
	if c.Rope {
		return
	}
	start = s.now()
	position := s.space.normed[:c.Hidden]
	for i, p := range b.Positions {
		s.positions.Row(int(p)+c.PosOffset, position)
		tensor.Add(x[i*c.Hidden:(i+1)*c.Hidden], position)
	}
	if s.recorder != nil {
		s.op(start, s.sites.positions, int64(len(x)), (8+s.positions.RowBytes()/int64(c.Hidden))*int64(len(x)), shape{len(b.Tokens), c.Hidden}, shape{len(b.Tokens), c.Hidden}, none)
	}
}

// layer is one decoder block: attention and feed-forward, each added to the residual stream x, with the norm before or
// after.
func (s *Shard) layer(i int, y *layer, b *Batch, x []float32) {
	c, rows := s.config, len(b.Tokens)
	start := s.now()
	h, delta := s.space.normed[:len(x)], s.space.delta[:len(x)]
	if c.PostNorm {
		s.attend(i, y, b, x, delta)
		s.add(y.sites.addAttention, x, delta, rows)
		s.norm(&y.attnNorm, x, rows, x)
		s.feedForward(y, x, rows, delta)
		s.add(y.sites.addFFN, x, delta, rows)
		s.norm(&y.ffnNorm, x, rows, x)
	} else {
		s.norm(&y.attnNorm, x, rows, h)
		s.attend(i, y, b, h, delta)
		s.add(y.sites.addAttention, x, delta, rows)
		s.norm(&y.ffnNorm, x, rows, h)
		s.feedForward(y, h, rows, delta)
		s.add(y.sites.addFFN, x, delta, rows)
	}
	s.module(start, y.sites.layer)
}

func (s *Shard) attend(i int, y *layer, b *Batch, x, out []float32) {
	rows, d := len(b.Tokens), s.config.HeadDim
	start := s.now()
	qkv := s.space.qkv[:rows*(s.heads+2*s.kvHeads)*d]
	mixed := s.space.mixed[:rows*s.heads*d]
	s.linear(&y.qkv, x, rows, qkv)
	if s.config.Rope || y.qNorm != nil {
		s.rotate(y, b, qkv)
	}
	s.store(i, y, b, qkv)
	s.attn.run(i, y, b, qkv, mixed)
	s.linear(&y.out, mixed, rows, out)
	s.allReduce(y.sites.outSum, out)
	s.module(start, y.sites.attention)
}

func (s *Shard) feedForward(y *layer, x []float32, rows int, out []float32) {
	width := y.down.weight.K
	start := s.now()
	inner := s.space.inner[:rows*y.up.weight.N]
	s.linear(&y.up, x, rows, inner)
	s.activate(y, inner, rows, width)
	s.linear(&y.down, inner[:rows*width], rows, out)
	s.allReduce(y.sites.downSum, out)
	s.module(start, y.sites.ffn)
}

// activate applies the feed-forward block's nonlinearity to inner, in place: afterwards its first rows·width elements
// are the result.
func (s *Shard) activate(y *layer, inner []float32, rows, width int) {
	start := s.now()
	if !s.config.Gated {
		op := rowReLU
		if s.config.GELU {
			op = rowGELU
		}
		s.rows.run(op, inner, inner, nil, rows, width)
		if s.recorder != nil {
			s.op(start, y.sites.activation, int64(len(inner)), 8*int64(len(inner)), shape{rows, width}, none, none)
		}
		return
	}
	s.rows.run(rowSiLUMul, inner, inner, nil, rows, 2*width)
	for i := 1; i < rows; i++ { // row i's result goes where row i/2's input was: in order
		copy(inner[i*width:(i+1)*width], inner[i*2*width:])
	}
	if s.recorder != nil {
		n := int64(rows) * int64(width)
		s.op(start, y.sites.activation, 5*n, 12*n, shape{rows, width}, shape{rows, 2 * width}, none)
	}
}

// head turns the last hidden states into logits.
func (s *Shard) head(b *Batch, x, logits []float32) {
	c, n := s.config, len(b.LogitRows)
	if n == 0 {
		return
	}
	start := s.now()
	last := s.space.last[:n*c.Hidden]
	for i, r := range b.LogitRows {
		copy(last[i*c.Hidden:(i+1)*c.Hidden], x[int(r)*c.Hidden:])
	}
	if s.recorder != nil {
		s.op(start, s.sites.selectRows, 0, 8*int64(len(last)), shape{len(b.Tokens), c.Hidden}, shape{n}, none)
	}
	if s.finalNorm != nil {
		s.norm(s.finalNorm, last, n, last)
	}
	if s.projectOut != nil {
		narrow := s.space.lastNarrow[:n*c.Embedding]
		s.linear(s.projectOut, last, n, narrow)
		last = narrow
	}
	if s.group.Size() == 1 {
		s.linear(s.lmHead, last, n, logits[:n*c.VocabSize])
		return
	}
	part := s.space.logits[:n*s.vocab.len()]
	s.linear(s.lmHead, last, n, part)
	start = s.now()
	wait := s.group.AllGather(part, n, s.vocab.lo, s.vocab.hi, c.VocabSize, logits)
	if s.recorder != nil {
		s.collective(start, s.sites.gather, "allgather", len(part), wait)
	}
}

// grow makes the workspace large enough.
func (s *Shard) grow(rows, logitRows int) {
	c, w := s.config, &s.space
	if rows > w.rows {
		w.rows = rows
		for _, f := range []struct {
			buf   *[]float32
			width int
		}{
			{&w.residual, c.Hidden}, {&w.normed, c.Hidden}, {&w.delta, c.Hidden}, {&w.narrow, c.Embedding},
			{&w.qkv, (s.heads + 2*s.kvHeads) * c.HeadDim}, {&w.mixed, s.heads * c.HeadDim}, {&w.inner, s.layers[0].up.weight.N},
		} {
			if f.buf == &w.narrow && s.projectIn == nil {
				continue
			}
			s.allocate(f.buf, rows*f.width)
		}
	}
	if logitRows > w.logitRows {
		w.logitRows = logitRows
		s.allocate(&w.last, logitRows*c.Hidden)
		if s.projectOut != nil {
			s.allocate(&w.lastNarrow, logitRows*c.Embedding)
		}
		if s.group.Size() > 1 {
			s.allocate(&w.logits, logitRows*s.vocab.len())
		}
	}
}
