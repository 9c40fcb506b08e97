package kvcache

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Blocks hands out block numbers, once for all ranks, and remembers what full blocks hold, so that sequences which begin
// alike can share them (prefix caching, as vLLM does it).
//
// A full block is known by the hash of its tokens and of all tokens before it: equal hashes, equal keys and values. It
// may have several owners and comes back when the last lets go. A block that comes back keeps its contents, and its
// hash, until it is handed out for something else; those without contents worth keeping go first, then the one whose
// last owner left longest ago. Of one sequence's blocks the later ones go before the earlier ones, without which they
// would be of no use.
type Blocks struct {
	owners []int32 // by block
	hashes []Hash  // of blocks that are in known
	known  map[Hash]int32

	// Free blocks are a ring of links through block total, the sentinel; next(sentinel) is handed out first.
	next, prev []int32
	free       int

	taken, released []int32
}

// Hash names a block's contents: a hash of its tokens and of what comes before it.
type Hash [16]byte

// Next is the hash of a block that holds tokens and follows a block of hash h; the zero Hash is that of nothing, and a
// salt's hash that of nothing under the salt.
func (h Hash) Next(tokens []int32) Hash {
	var text [len(h) + 4*BlockTokens]byte
	b := append(text[:0], h[:]...)
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	sum := sha256.Sum256(b)
	return Hash(sum[:len(h)])
}

// Salt is the hash to begin with where only sequences of the same salt may share blocks.
func Salt(salt string) Hash {
	if salt == "" {
		return Hash{}
	}
	sum := sha256.Sum256([]byte("salt " + salt))
	return Hash(sum[:len(Hash{})])
}

// NewBlocks makes n blocks.
func NewBlocks(n int) *Blocks {
	b := &Blocks{
		owners: make([]int32, n), hashes: make([]Hash, n), known: map[Hash]int32{},
		next: make([]int32, n+1), prev: make([]int32, n+1), free: n,
	}
	for i := range n + 1 {
		b.next[i], b.prev[i] = int32((i+1)%(n+1)), int32((i+n)%(n+1))
	}
	return b
}

// Needed is the number of blocks that so many tokens take.
func Needed(tokens int) int { return (tokens + BlockTokens - 1) / BlockTokens }

// Free is the number of blocks that nobody owns.
func (b *Blocks) Free() int { return b.free }

// Total is the number of blocks in all.
func (b *Blocks) Total() int { return len(b.owners) }

// Grow appends blocks to a sequence's table until it has room for so many tokens. It gives all or none.
func (b *Blocks) Grow(table []int32, tokens int) ([]int32, bool) {
	need := Needed(tokens) - len(table)
	if need > b.free {
		return table, false
	}
	for range need {
		block := b.next[b.sentinel()]
		if b.isKnown(block) {
			delete(b.known, b.hashes[block])
		}
		b.own(block)
		table = append(table, block)
	}
	return table, true
}

// Find appends to an empty table the blocks of the longest beginning of hashes that is there, and makes the sequence an
// owner of them.
func (b *Blocks) Find(table []int32, hashes []Hash) []int32 {
	for _, h := range hashes {
		block, ok := b.known[h]
		if !ok {
			break
		}
		b.own(block)
		table = append(table, block)
	}
	return table
}

// Keep notes that a block will hold what h names when the step that is being planned has run. If another block is known
// to hold the same, that one stays known.
func (b *Blocks) Keep(block int32, h Hash) {
	if _, twice := b.known[h]; !twice {
		b.known[h], b.hashes[block] = block, h
	}
}

// Release takes a sequence's blocks back and returns the emptied table.
func (b *Blocks) Release(table []int32) []int32 {
	for _, block := range slices.Backward(table) {
		if b.owners[block]--; b.owners[block] > 0 {
			continue
		}
		at := b.sentinel() // before it: the last
		if !b.isKnown(block) {
			at = b.next[at]
		}
		b.next[b.prev[at]], b.prev[block] = block, b.prev[at]
		b.next[block], b.prev[at] = at, block
		b.free++
		b.released = append(b.released, block)
	}
	return table[:0]
}

// Changes returns the blocks that went into use and those that are free again since the last call, good until something
// else is done with the blocks.
func (b *Blocks) Changes() (taken, released []int32) {
	taken, released = b.taken, b.released
	b.taken, b.released = b.taken[:0], b.released[:0]
	return taken, released
}

// own adds an owner to a block.
func (b *Blocks) own(block int32) {
	if b.owners[block]++; b.owners[block] > 1 {
		return
	}
	b.next[b.prev[block]], b.prev[b.next[block]] = b.next[block], b.prev[block]
	b.free--
	b.taken = append(b.taken, block)
}

func (b *Blocks) sentinel() int32 { return int32(len(b.owners)) }

func (b *Blocks) isKnown(block int32) bool {
	of, ok := b.known[b.hashes[block]]
	return ok && of == block
}
