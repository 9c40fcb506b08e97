package kvcache

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestGrowGivesAllOrNothing(t *testing.T) {
	b := NewBlocks(4)
	a, ok := b.Grow(nil, 33)
	if !ok || !slices.Equal(a, []int32{0, 1, 2}) {
		t.Fatalf("33 tokens got %v, %v", a, ok)
	}
	if more, ok := b.Grow(a, 48); !ok || len(more) != 3 {
		t.Errorf("48 tokens fit 3 blocks, got %v, %v", more, ok)
	}
	if c, ok := b.Grow(nil, 17); ok || len(c) != 0 || b.Free() != 1 {
		t.Errorf("two blocks of one free: got %v, %v, %d free", c, ok, b.Free())
	}
	if a = b.Release(a); len(a) != 0 || b.Free() != 4 {
		t.Errorf("after release %v, %d free", a, b.Free())
	}
	if a, ok = b.Grow(a, 64); !ok || len(slices.Compact(slices.Sorted(slices.Values(a)))) != 4 {
		t.Errorf("all blocks again: %v, %v", a, ok)
	}
}

// chain is the hashes of n blocks that begin with first.
func chain(first int32, n int) []Hash {
	var list []Hash
	h := Hash{}
	for i := range n {
		tokens := make([]int32, BlockTokens)
		tokens[0] = first + int32(i)
		h = h.Next(tokens)
		list = append(list, h)
	}
	return list
}

// fill takes blocks for a chain and keeps them.
func fill(t *testing.T, b *Blocks, hashes []Hash) []int32 {
	t.Helper()
	table, ok := b.Grow(nil, len(hashes)*BlockTokens)
	if !ok {
		t.Fatal("no blocks")
	}
	for i, h := range hashes {
		b.Keep(table[i], h)
	}
	return table
}

func TestBlocksAreFoundUntilTheyAreNeeded(t *testing.T) {
	b := NewBlocks(5)
	x, y := chain(1, 2), chain(100, 2)
	first := slices.Clone(fill(t, b, x))
	b.Release(fill(t, b, y))
	if got := b.Find(nil, append(slices.Clone(x), Hash{9})); !slices.Equal(got, first) || b.Free() != 3 {
		t.Errorf("found %v, want %v; %d free", got, first, b.Free())
	}
	b.Release(slices.Clone(first)) // one owner of two
	if b.Free() != 3 {
		t.Errorf("%d free: a block that has an owner came back", b.Free())
	}
	b.Release(first)

	// One block was never used, and goes first; then y's, which was let go first, the later one before the earlier.
	one, _ := b.Grow(nil, BlockTokens)
	if len(b.Find(nil, x)) != 2 {
		t.Error("x is gone while an empty block was there")
	}
	two, _ := b.Grow(nil, BlockTokens)
	y2 := b.Find(nil, y)
	if len(y2) != 1 {
		t.Errorf("%d blocks of y are left, want the first", len(y2))
	}
	b.Release(y2)
	three, _ := b.Grow(nil, BlockTokens)
	if len(b.Find(nil, y)) != 0 || slices.Equal(one, two) || slices.Equal(two, three) {
		t.Error("y is there after its blocks were handed out")
	}
}

// Random use agrees with a plain model: no block has two contents, none is lost, a hash finds its block until that is
// handed out again.
func TestRandomUse(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := NewBlocks(1 + r.IntN(12))
		var tables [][]int32
		owners, content := map[int32]int{}, map[int32]Hash{}
		for range 200 {
			switch r.IntN(3) {
			case 0:
				table, ok := b.Grow(nil, r.IntN(4*BlockTokens))
				if !ok {
					break
				}
				for i, h := range chain(int32(r.IntN(3)*100), len(table)) {
					delete(content, table[i])
					if r.IntN(4) > 0 && i == 0 || i > 0 && content[table[i-1]] != (Hash{}) {
						b.Keep(table[i], h)
						content[table[i]] = h
					}
				}
				for _, x := range table {
					if owners[x]++; owners[x] > 1 {
						t.Fatal("a block with an owner was handed out")
					}
				}
				tables = append(tables, table)
			case 1:
				hashes := chain(int32(r.IntN(3)*100), 1+r.IntN(4))
				table := b.Find(nil, hashes)
				for i, x := range table {
					owners[x]++
					if content[x] != hashes[i] {
						t.Fatalf("block %d holds something else", x)
					}
				}
				tables = append(tables, table)
			case 2:
				if len(tables) == 0 {
					break
				}
				i := r.IntN(len(tables))
				for _, x := range tables[i] {
					owners[x]--
				}
				b.Release(tables[i])
				tables = slices.Delete(tables, i, i+1)
			}
			used := 0
			for _, n := range owners {
				if n > 0 {
					used++
				}
			}
			if b.Free() != b.Total()-used {
				t.Fatalf("%d free of %d, %d used", b.Free(), b.Total(), used)
			}
		}
	}
}

// What went into use and came back is told once.
func TestChanges(t *testing.T) {
	b := NewBlocks(4)
	table, _ := b.Grow(nil, 40)
	taken, released := b.Changes()
	if len(taken) != 3 || len(released) != 0 {
		t.Errorf("taken %v, released %v", taken, released)
	}
	b.Keep(table[0], chain(1, 1)[0])
	shared := b.Find(nil, chain(1, 1))
	b.Release(table)
	if taken, released := b.Changes(); len(taken) != 0 || len(released) != 2 {
		t.Errorf("taken %v, released %v: one is still owned", taken, released)
	}
	b.Release(shared)
	if taken, released := b.Changes(); len(taken) != 0 || len(released) != 1 {
		t.Errorf("taken %v, released %v", taken, released)
	}
}

func TestHashesTellContentsApart(t *testing.T) {
	tokens := make([]int32, BlockTokens)
	other := slices.Clone(tokens)
	other[BlockTokens-1] = 1
	seen := map[Hash]bool{}
	for _, h := range []Hash{{}, Salt("a"), Salt("b"), Hash{}.Next(tokens), Hash{}.Next(other), Salt("a").Next(tokens), Hash{}.Next(tokens).Next(tokens)} {
		if seen[h] {
			t.Errorf("%x comes twice", h)
		}
		seen[h] = true
	}
	if Salt("") != (Hash{}) || (Hash{}).Next(tokens) != (Hash{}).Next(slices.Clone(tokens)) {
		t.Error("the same contents have different hashes")
	}
}

func BenchmarkHash(b *testing.B) {
	tokens := make([]int32, BlockTokens)
	h := Hash{}
	for b.Loop() {
		h = h.Next(tokens)
	}
}
