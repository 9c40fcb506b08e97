package trace

import "iter"

// Events are the columns, in blocks of blockRows rows. Row i is in block i>>blockBits, at i&blockMask of each column.
//
// A block is allocated whole, so that growing never copies: a trace of millions of events is written once where it
// stays. Only the first block begins small and doubles, because most traces in tests and many in life have few events.
//
// Who asks for some rows uses the methods of one value (StartNs(i), Name(i) …); who goes through all of them uses
// Blocks, which costs one bounds check per column and block instead of one per value.
type Events struct {
	blocks []Block
	n      int
	room   int      // rows that the blocks hold
	others []string // texts of the categories that are CategoryOther
}

const (
	blockBits = 15
	blockRows = 1 << blockBits
	blockMask = blockRows - 1
	firstRows = 1 << 6 // of the first block, at first
)

// Block is some consecutive rows of Events, in columns: element j of each is row First+j. All have the same length.
type Block struct {
	First      int        // row number of the first
	StartNs    []int64    // since Meta.BaseTimeNanoseconds
	DurationNs []int64    // 0 for instants
	Name       []StringID // into Trace.Strings
	Track      []TrackID  // into Trace.Tracks
	Side       []uint32   // row in the category's side table, or NoSide
	Category   []Category // as kept: beyond CategoryOther, one value for each further name (Category.Folded, Events.CategoryText)
	Phase      []Phase
}

// Len is the number of rows.
func (b *Block) Len() int { return len(b.StartNs) }

// Blocks are all rows, block by block, in file order. What it yields shares the columns' memory: it must not be written
// to, and is good until the next Append.
func (e *Events) Blocks() iter.Seq[Block] {
	return func(yield func(Block) bool) {
		for k := range e.blocks {
			if !yield(e.blocks[k].to(e.n - k<<blockBits)) {
				return
			}
		}
	}
}

// to is the block's first n rows, or all of them if they are fewer.
func (b Block) to(n int) Block {
	n = min(n, len(b.StartNs))
	b.StartNs, b.DurationNs, b.Name, b.Track = b.StartNs[:n:n], b.DurationNs[:n:n], b.Name[:n:n], b.Track[:n:n]
	b.Side, b.Category, b.Phase = b.Side[:n:n], b.Category[:n:n], b.Phase[:n:n]
	return b
}

// Append adds a row and returns its number.
func (e *Events) Append(v Event) int {
	if e.n == e.room {
		e.grow()
	}
	i := e.n
	b, j := &e.blocks[i>>blockBits], i&blockMask
	b.StartNs[j], b.DurationNs[j], b.Name[j], b.Track[j] = v.StartNs, v.DurationNs, v.Name, v.Track
	b.Side[j], b.Category[j], b.Phase[j] = v.Side, v.Category, v.Phase
	e.n++
	return i
}

// grow makes room for a row: another block, or twice the first one.
func (e *Events) grow() {
	switch {
	case e.n == 0:
		e.blocks = append(e.blocks, newBlock(0, firstRows))
	case e.n < blockRows:
		bigger := newBlock(0, 2*e.n)
		copy(bigger.StartNs, e.blocks[0].StartNs)
		copy(bigger.DurationNs, e.blocks[0].DurationNs)
		copy(bigger.Name, e.blocks[0].Name)
		copy(bigger.Track, e.blocks[0].Track)
		copy(bigger.Side, e.blocks[0].Side)
		copy(bigger.Category, e.blocks[0].Category)
		copy(bigger.Phase, e.blocks[0].Phase)
		e.blocks[0] = bigger
	default:
		e.blocks = append(e.blocks, newBlock(e.n, blockRows))
	}
	last := &e.blocks[len(e.blocks)-1]
	e.room = last.First + last.Len()
}

func newBlock(first, rows int) Block {
	return Block{
		First: first, StartNs: make([]int64, rows), DurationNs: make([]int64, rows), Name: make([]StringID, rows),
		Track: make([]TrackID, rows), Side: make([]uint32, rows), Category: make([]Category, rows), Phase: make([]Phase, rows),
	}
}

// Len is the number of rows.
func (e *Events) Len() int { return e.n }

// At gathers row i.
func (e *Events) At(i int) Event {
	b, j := &e.blocks[i>>blockBits], i&blockMask
	return Event{b.StartNs[j], b.DurationNs[j], b.Name[j], b.Track[j], b.Category[j].Folded(), b.Phase[j], b.Side[j]}
}

// The columns, one value at a time.

// StartNs is when event i began.
func (e *Events) StartNs(i int) int64 { return e.blocks[i>>blockBits].StartNs[i&blockMask] }

// DurationNs is how long event i lasted.
func (e *Events) DurationNs(i int) int64 { return e.blocks[i>>blockBits].DurationNs[i&blockMask] }

// EndNs is when event i ended.
func (e *Events) EndNs(i int) int64 {
	b, j := &e.blocks[i>>blockBits], i&blockMask
	return b.StartNs[j] + b.DurationNs[j]
}

// Name is event i's name.
func (e *Events) Name(i int) StringID { return e.blocks[i>>blockBits].Name[i&blockMask] }

// Track is the track event i is on.
func (e *Events) Track(i int) TrackID { return e.blocks[i>>blockBits].Track[i&blockMask] }

// Category is event i's category.
func (e *Events) Category(i int) Category {
	return e.blocks[i>>blockBits].Category[i&blockMask].Folded()
}

// Phase is event i's phase.
func (e *Events) Phase(i int) Phase { return e.blocks[i>>blockBits].Phase[i&blockMask] }

// Side is event i's row in its category's side table, or NoSide.
func (e *Events) Side(i int) uint32 { return e.blocks[i>>blockBits].Side[i&blockMask] }
