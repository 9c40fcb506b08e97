package model

import (
	"math"

	"github.com/inferprof/inferprof/llm/kvcache"
	"github.com/inferprof/inferprof/llm/tensor"
)

// Attention over the paged cache. For each head and each new token: scores against the keys of all earlier tokens and
// itself, softmax, the values mixed by it. A block's keys of one head lie together ([16][headDim]), so the inner loops
// are short matrix products over blocks.
//
// The unit of work is one (head, token) pair; the pairs are numbered head by head, and each thread takes a run of
// them, so that a thread stays with one head's cache while the causal triangle of a prefill still splits evenly. Scores
// of one token are kept whole rather than streamed (as flash attention would): a float per earlier token is little next
// to the keys that have just been read.
type attention struct {
	s    *Shard
	work func(worker int)

	layer      int
	batch      *Batch
	qkv, mixed []float32
	scores     [][]float32 // by worker
}

func (a *attention) init(s *Shard) {
	a.s, a.work, a.scores = s, a.share, make([][]float32, s.pool.Threads())
}

func (a *attention) run(layer int, y *layer, b *Batch, qkv, mixed []float32) {
	s := a.s
	start := s.now()
	a.layer, a.batch, a.qkv, a.mixed = layer, b, qkv, mixed
	s.pool.Run(a.work)
	if s.recorder != nil {
		rows, d := len(b.Tokens), s.config.HeadDim
		flops, bytes := s.attentionCost(b)
		kv := shape{rows, s.kvHeads * d}
		s.op(start, y.sites.attend, flops, bytes, shape{rows, s.heads * d}, kv, kv)
	}
}

func (a *attention) share(worker int) {
	n, rows := a.s.pool.Threads(), len(a.batch.Tokens)
	pairs := a.s.heads * rows
	for i := pairs * worker / n; i < pairs*(worker+1)/n; i++ {
		a.one(worker, i/rows, i%rows)
	}
}

// one computes one head of one token.
func (a *attention) one(worker, head, row int) {
	s, b := a.s, a.batch
	d := s.config.HeadDim
	kvHead := head * s.kvHeads / s.heads
	position, table := int(b.Positions[row]), b.Tables[b.Sequence[row]]
	width := (s.heads + 2*s.kvHeads) * d
	q := a.qkv[row*width+head*d:][:d]

	first := s.firstVisible(position)
	if n := position + 1 - first; cap(a.scores[worker]) < n {
		a.scores[worker] = make([]float32, n, 2*n)
	}
	scores := a.scores[worker][:position+1-first]
	scale := float32(1 / math.Sqrt(float64(d)))

	for p := first; p <= position; {
		slot := p % kvcache.BlockTokens
		n := min(kvcache.BlockTokens-slot, position+1-p)
		keys := s.kv.Keys(a.layer, table[p/kvcache.BlockTokens], kvHead)
		tensor.DotRows(q, keys[slot*d:], n, d, scale, scores[p-first:])
		p += n
	}
	tensor.Softmax(scores)
	out := a.mixed[(row*s.heads+head)*d:][:d]
	clear(out)
	for p := first; p <= position; {
		slot := p % kvcache.BlockTokens
		n := min(kvcache.BlockTokens-slot, position+1-p)
		values := s.kv.Values(a.layer, table[p/kvcache.BlockTokens], kvHead)
		tensor.MixRows(scores[p-first:], values[slot*d:], n, d, out)
		p += n
	}
}

// firstVisible is the earliest position that a token sees.
func (s *Shard) firstVisible(position int) int {
	if w := s.config.SlidingWindow; w > 0 {
		return max(0, position+1-w)
	}
	return 0
}

// attentionCost counts, for this rank, two multiply-adds per head element and visible token, and the traffic of
// queries, results and, once per sequence, its visible keys and values.
func (s *Shard) attentionCost(b *Batch) (flops, bytes int64) {
	d := int64(s.config.HeadDim)
	for i, p := range b.Positions {
		visible := int64(int(p) + 1 - s.firstVisible(int(p)))
		flops += 4 * visible * d * int64(s.heads)
		bytes += 8 * d * int64(s.heads)
		if i+1 == len(b.Positions) || b.Sequence[i+1] != b.Sequence[i] {
			bytes += 8 * visible * d * int64(s.kvHeads)
		}
	}
	return flops, bytes
}
