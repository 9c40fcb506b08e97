package model

import (
	"fmt"

	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/kvcache"
	"github.com/inferprof/inferprof/llm/parallel"
	"github.com/inferprof/inferprof/llm/tensor"
)

// Shard is one rank's part of a model: its slice of the weights, its keys and values, its threads. Forward of all ranks
// of a group must run at the same time.
type Shard struct {
	config *Config
	rank   int
	group  *parallel.Group
	pool   *tensor.Pool
	kv     *kvcache.Store

	heads, kvHeads int           // of this rank
	vocab          span          // rows of the vocabulary that this rank owns
	embed          lookup        // token embeddings
	positions      *tensor.Table // nil with rotary positions
	projectIn      *linear       // nil unless embeddings are narrower than the model
	projectOut     *linear
	layers         []layer
	finalNorm      *norm // nil if there is none
	lmHead         *linear
	rope           *ropeTable // nil with learned positions
	sites          modelSites

	recorder                 llm.Recorder
	facts                    facts
	usedBytes, reservedBytes int64
	space                    workspace
	attn                     attention
	rows                     rowJob
}

// span is a half-open range.
type span struct{ lo, hi int }

func (s span) len() int { return s.hi - s.lo }

// linear is y = x·Wᵀ + b.
type linear struct {
	site   *llm.Site
	weight *tensor.Matrix
	bias   []float32 // nil: none
}

// norm is a layer norm, or an RMS norm if it has no bias.
type norm struct {
	site         *llm.Site
	weight, bias []float32
	eps          float32
}

// lookup is an embedding table: the packed output matrix if the two are tied, else rows of its own.
type lookup struct {
	tied  *tensor.Matrix
	table *tensor.Table
}

func (l *lookup) row(i int, dst []float32) {
	if l.tied != nil {
		l.tied.Row(i, dst)
	} else {
		l.table.Row(i, dst)
	}
}

// weightBytes is what an element is stored in.
func (l *lookup) weightBytes() int64 {
	if l.tied != nil {
		return l.tied.DataBytes() / (int64(l.tied.N) * int64(l.tied.K))
	}
	return l.table.RowBytes() / int64(l.table.Width)
}

type layer struct {
	attnNorm, ffnNorm norm
	qkv, out          linear
	qNorm, kNorm      []float32 // nil unless the family has them
	up, down          linear    // up holds gate and up, one after the other, if gated
	sites             layerSites
}

// NewShard reads rank's part of the weights and makes room for so many blocks of keys and values. maxLen is the
// longest context that will be asked for.
func NewShard(w *Weights, rank int, group *parallel.Group, pool *tensor.Pool, blocks, maxLen int) (*Shard, error) {
	c, n := w.config, group.Size()
	if err := c.CheckSplit(n); err != nil {
		return nil, err
	}
	s := &Shard{
		config: c, rank: rank, group: group, pool: pool,
		heads: c.Heads / n, kvHeads: max(1, c.KVHeads/n),
		vocab: span{c.VocabSize * rank / n, c.VocabSize * (rank + 1) / n},
	}
	if s.vocab.len() == 0 {
		return nil, fmt.Errorf("tensor_parallel_size %d is more than the vocabulary of %d can be split into", n, c.VocabSize)
	}
	if err := s.load(w); err != nil {
		return nil, err
	}
	if c.Rope {
		s.rope = newRopeTable(c, maxLen)
	}
	s.kv = kvcache.NewStore(c.Layers, s.kvHeads, c.HeadDim, blocks)
	s.usedBytes = s.WeightBytes()
	s.reservedBytes = s.usedBytes + int64(blocks)*s.KVBlockBytes()
	s.attn.init(s)
	s.rows.init(s)
	return s, nil
}

// KVBlockBytes is what one block of keys and values takes on this rank.
func (s *Shard) KVBlockBytes() int64 {
	return kvcache.BlockBytes(s.config.Layers, s.kvHeads, s.config.HeadDim)
}

// WeightBytes is what the rank's weights take in memory.
func (s *Shard) WeightBytes() int64 {
	floats, total := 0, s.positions.Bytes()+s.embed.table.Bytes()
	for _, l := range []*linear{s.projectIn, s.projectOut, s.lmHead} {
		if l != nil {
			total += l.bytes()
		}
	}
	for i := range s.layers {
		y := &s.layers[i]
		for _, l := range []*linear{&y.qkv, &y.out, &y.up, &y.down} {
			total += l.bytes()
		}
		for _, v := range [][]float32{y.attnNorm.weight, y.attnNorm.bias, y.ffnNorm.weight, y.ffnNorm.bias, y.qNorm, y.kNorm} {
			floats += len(v)
		}
	}
	return total + int64(floats)*4
}

// shapes are those of the weight and of the bias; of a weight in 4 bits, those of its words and scales in the method's layout.
func (l *linear) shapes() (weight, third shape) {
	n, k := l.weight.N, l.weight.K
	switch {
	case l.site.Name == int4Ops["awq"]:
		return shape{k, (n + 7) / 8}, shape{l.weight.Groups(), n}
	case l.site.Name == int4Ops["gptq"]:
		return shape{(k + 7) / 8, n}, shape{l.weight.Groups(), n}
	case l.bias != nil:
		return shape{n, k}, shape{n}
	}
	return shape{n, k}, none
}

// nameTypes tells a layer's site what its inputs are.
func (l *linear) nameTypes() {
	switch l.weight.Format() {
	case tensor.Int4:
		l.site.Types = [3]string{"float", "int", "c10::Half"}
	case tensor.Float16:
		l.site.Types = [3]string{"float", "c10::Half", "float"}
	case tensor.BFloat16:
		l.site.Types = [3]string{"float", "c10::BFloat16", "float"}
	}
}

func (l *linear) bytes() int64 { return l.weight.Bytes() + int64(len(l.bias))*4 }

// load reads the rank's slices. Projections out of the residual stream are split by output (heads, feed-forward
// columns, vocabulary rows), those back into it by input, so that one sum over the ranks ends each block.
func (s *Shard) load(w *Weights) error {
	c, n := s.config, &s.config.family.names
	ld := &loader{w: w, pool: s.pool}
	s.sites = newModelSites(c)

	all := func(name string, rows, cols int) part { return part{name, span{0, rows}, span{0, cols}} }
	if c.TieEmbeddings {
		s.lmHead = ld.linear(opSite("aten::linear", n.lmHead), part{n.embed, s.vocab, span{0, c.Embedding}})
		s.embed = lookup{tied: s.lmHead.weight}
	} else {
		s.lmHead = ld.linear(opSite("aten::linear", n.lmHead), part{n.lmHead, s.vocab, span{0, c.Embedding}})
		s.embed = lookup{table: ld.table(n.embed+".weight", s.vocab, c.Embedding)}
	}
	if !c.Rope {
		s.positions = ld.table(n.positions+".weight", span{0, c.MaxLen + c.PosOffset}, c.Hidden)
	}
	if c.Embedding != c.Hidden {
		s.projectIn = ld.linear(opSite("aten::linear", "model."+n.projectIn), all(n.projectIn, c.Hidden, c.Embedding))
		s.projectOut = ld.linear(opSite("aten::linear", "model."+n.projectOut), all(n.projectOut, c.Embedding, c.Hidden))
	}
	if !c.NoFinalNorm {
		s.finalNorm = new(norm)
		*s.finalNorm = ld.norm(n.finalNorm)
	}

	// The rank's heads. With fewer key-value heads than ranks, several ranks keep the same one.
	d := c.HeadDim
	q := span{s.rank * s.heads * d, (s.rank + 1) * s.heads * d}
	firstKV := s.rank * c.KVHeads / s.group.Size()
	kv := span{firstKV * d, (firstKV + s.kvHeads) * d}
	ffn := span{c.FFN * s.rank / s.group.Size(), c.FFN * (s.rank + 1) / s.group.Size()}
	hidden := span{0, c.Hidden}

	s.layers = make([]layer, c.Layers)
	for i := range s.layers {
		at := func(name string) string { return n.inLayer(i, name) }
		y := &s.layers[i]
		y.sites = newLayerSites(c, i)
		y.attnNorm, y.ffnNorm = ld.norm(at(n.attnNorm)), ld.norm(at(n.ffnNorm))

		qkv := []part{{at(n.q), q, hidden}, {at(n.k), kv, hidden}, {at(n.v), kv, hidden}}
		y.qkv = *ld.quantizable(y.sites.qkv, qkv...)
		if c.QKVBias {
			y.qkv.bias = ld.biases(qkv...)
		}
		if c.QKNorm {
			y.qNorm = ld.vector(at(n.qNorm)+".weight", d)
			y.kNorm = ld.vector(at(n.kNorm)+".weight", d)
		}
		y.out = *ld.quantizable(y.sites.out, part{at(n.o), hidden, q})
		up := []part{{at(n.up), ffn, hidden}}
		if c.Gated {
			up = []part{{at(n.gate), ffn, hidden}, up[0]}
		}
		y.up = *ld.quantizable(y.sites.up, up...)
		y.down = *ld.quantizable(y.sites.down, part{at(n.down), hidden, ffn})
		if c.OutBias {
			y.out.bias = ld.biasOnce(s.rank, at(n.o), c.Hidden)
			if !c.Gated {
				y.up.bias = ld.biases(up...)
				y.down.bias = ld.biasOnce(s.rank, at(n.down), c.Hidden)
			}
		}
	}
	return ld.err
}
