// Package kvcache keeps the attention keys and values of the tokens seen so far, in blocks of 16 tokens, as vLLM's
// paged attention does: a sequence owns a list of blocks (its block table), blocks are handed out as it grows and come
// back when it ends, so that memory is bounded and not fragmented however long sequences turn out to be.
//
// Blocks hands out block numbers, once for all ranks: ranks differ only in which heads they keep (blocks.go). Store is
// one rank's memory behind those numbers.
package kvcache

// BlockTokens is the number of tokens in a block.
const BlockTokens = 16

// Store is one rank's keys and values: for each layer and block, [heads][BlockTokens][headDim], so that one head's
// keys of a block lie together.
type Store struct {
	heads, dim int
	keys       [][]float32 // by layer
	values     [][]float32
}

// NewStore makes room for so many blocks. The operating system gives the memory when it is first written.
func NewStore(layers, heads, headDim, blocks int) *Store {
	s := &Store{heads: heads, dim: headDim, keys: make([][]float32, layers), values: make([][]float32, layers)}
	for l := range layers {
		s.keys[l] = make([]float32, blocks*heads*BlockTokens*headDim)
		s.values[l] = make([]float32, blocks*heads*BlockTokens*headDim)
	}
	return s
}

// BlockBytes is what one block takes over all layers, on a rank with so many heads.
func BlockBytes(layers, heads, headDim int) int64 {
	return int64(layers) * 2 * int64(heads) * BlockTokens * int64(headDim) * 4
}

// Keys are one head's keys in a block of a layer, [BlockTokens][headDim].
func (s *Store) Keys(layer int, block int32, head int) []float32 {
	return s.keys[layer][s.at(block, head):][:BlockTokens*s.dim]
}

// Values are one head's values in a block of a layer, [BlockTokens][headDim].
func (s *Store) Values(layer int, block int32, head int) []float32 {
	return s.values[layer][s.at(block, head):][:BlockTokens*s.dim]
}

func (s *Store) at(block int32, head int) int {
	return (int(block)*s.heads + head) * BlockTokens * s.dim
}

// Put stores the key and value of one token at a position, each [heads][headDim].
func (s *Store) Put(layer int, table []int32, position int, key, value []float32) {
	block, slot := table[position/BlockTokens], position%BlockTokens
	for h := range s.heads {
		o := s.at(block, h) + slot*s.dim
		copy(s.keys[layer][o:o+s.dim], key[h*s.dim:])
		copy(s.values[layer][o:o+s.dim], value[h*s.dim:])
	}
}
