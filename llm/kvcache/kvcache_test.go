package kvcache

import "testing"

// What is put at a position of one sequence is found there, and nowhere else.
func TestStoreKeepsSequencesApart(t *testing.T) {
	const layers, heads, dim, tokens = 2, 3, 4, 40
	b := NewBlocks(6)
	s := NewStore(layers, heads, dim, b.Total())
	var tables [2][]int32
	for i := range tables { // grow in turns, so that the tables interleave
		tables[i], _ = b.Grow(nil, 16)
	}
	for i := range tables {
		tables[i], _ = b.Grow(tables[i], tokens)
	}
	value := func(seq, layer, position, i int) float32 {
		return float32(((seq*layers+layer)*tokens+position)*100 + i)
	}
	for seq, table := range tables {
		for layer := range layers {
			for p := range tokens {
				k, v := make([]float32, heads*dim), make([]float32, heads*dim)
				for i := range k {
					k[i], v[i] = value(seq, layer, p, i), -value(seq, layer, p, i)
				}
				s.Put(layer, table, p, k, v)
			}
		}
	}
	for seq, table := range tables {
		for layer := range layers {
			for p := range tokens {
				for h := range heads {
					at := p % BlockTokens * dim
					k := s.Keys(layer, table[p/BlockTokens], h)[at : at+dim]
					v := s.Values(layer, table[p/BlockTokens], h)[at : at+dim]
					for i := range dim {
						if want := value(seq, layer, p, h*dim+i); k[i] != want || v[i] != -want {
							t.Fatalf("sequence %d layer %d position %d head %d: %v %v, want ±%v", seq, layer, p, h, k[i], v[i], want)
						}
					}
				}
			}
		}
	}
}
