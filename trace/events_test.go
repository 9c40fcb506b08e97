package trace_test

import (
	"runtime"
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// filled is n events of which each column tells the row.
func filled(n int) *trace.Events {
	e := &trace.Events{}
	for i := range n {
		e.Append(trace.Event{
			StartNs: int64(i), DurationNs: int64(2 * i), Name: trace.StringID(3 * i), Track: trace.TrackID(4 * i),
			Side: uint32(5 * i), Category: trace.Category(i % 7), Phase: trace.Phase(i % 11),
		})
	}
	return e
}

// What a block says of a row is what the row says itself, for sizes on both sides of where blocks grow and end.
func TestBlocksAreTheRows(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000, 1<<15 - 1, 1 << 15, 1<<15 + 1, 1<<16 + 5} {
		e := filled(n)
		next := 0
		for b := range e.Blocks() {
			if b.First != next || b.Len() == 0 {
				t.Fatalf("of %d: a block of %d rows begins at %d, want %d", n, b.Len(), b.First, next)
			}
			for j := range b.Len() {
				got := trace.Event{StartNs: b.StartNs[j], DurationNs: b.DurationNs[j], Name: b.Name[j], Track: b.Track[j],
					Category: b.Category[j].Folded(), Phase: b.Phase[j], Side: b.Side[j]}
				i := b.First + j
				want := trace.Event{StartNs: int64(i), DurationNs: int64(2 * i), Name: trace.StringID(3 * i), Track: trace.TrackID(4 * i),
					Category: trace.Category(i % 7), Phase: trace.Phase(i % 11), Side: uint32(5 * i)}
				if got != want || e.At(i) != want || e.EndNs(i) != 3*int64(i) {
					t.Fatalf("row %d of %d: block %+v, row %+v, want %+v", i, n, got, e.At(i), want)
				}
			}
			next += b.Len()
		}
		if next != n || e.Len() != n {
			t.Errorf("blocks of %d rows, Len %d, want %d", next, e.Len(), n)
		}
	}
}

func TestBlocksStop(t *testing.T) {
	seen := 0
	for range filled(1 << 17).Blocks() {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("%d blocks after a break", seen)
	}
}

func TestBlocksOfOtherCategories(t *testing.T) {
	e := &trace.Events{}
	for _, name := range []string{"kernel", "odd", "odder"} {
		e.Append(trace.Event{Category: e.CategoryOf([]byte(name)), Side: trace.NoSide})
	}
	for b := range e.Blocks() {
		if got := []trace.Category{b.Category[0].Folded(), b.Category[1].Folded(), b.Category[2].Folded()}; got[0] != trace.CategoryKernel ||
			got[1] != trace.CategoryOther || got[2] != trace.CategoryOther || b.Category[1] == b.Category[2] {
			t.Errorf("categories %v of %v", got, b.Category)
		}
		for j, want := range []string{"kernel", "odd", "odder"} {
			if got := e.CategoryText(b.Category[j]); got != want || e.CategoryName(j) != want {
				t.Errorf("category %d is %q in the block and %q by its row, want %q", j, got, e.CategoryName(j), want)
			}
		}
	}
}

// heldBytes is how much memory what f returns keeps: the mean of many, since the runtime takes some kilobytes for itself
// whenever it likes.
func heldBytes(f func() any) int64 {
	const many = 500
	held := make([]any, many)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range held {
		held[i] = f()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(held)
	return (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / many
}

// The figures are about twice what is taken today: what is tested is that no table begins at its full size.
func TestFewEventsCostLittle(t *testing.T) {
	for _, c := range []struct{ events, kilobytes int }{{0, 1}, {10, 8}, {1000, 64}} {
		if got := heldBytes(func() any { return filled(c.events) }); got > int64(c.kilobytes)<<10 {
			t.Errorf("%d events take %d bytes, want at most %d kB", c.events, got, c.kilobytes)
		}
	}
}

func TestFewRowsCostLittle(t *testing.T) {
	got := heldBytes(func() any {
		x := &trace.Trace{Strings: trace.NewStrings()}
		for range 10 {
			x.GPU.Append(trace.GPUWork{})
			x.Ops.Append(trace.Op{})
			x.Calls.Append(trace.Call{})
			x.Collectives.Append(trace.Collective{})
		}
		return x
	})
	if got > 16<<10 {
		t.Errorf("ten rows of four tables take %d bytes", got)
	}
}

// Rows are where they were put, for sizes on both sides of where blocks grow and end.
func TestTable(t *testing.T) {
	var x trace.Table[int]
	for n := range 1<<13 + 5 {
		if got := x.Append(3 * n); int(got) != n || x.Len() != n+1 {
			t.Fatalf("row %d is %d of %d", n, got, x.Len())
		}
	}
	for n := range x.Len() {
		if got := *x.At(uint32(n)); got != 3*n {
			t.Fatalf("row %d holds %d", n, got)
		}
	}
}

var sum int64

// BenchmarkRows adds up the kernels of a million rows, value by value and block by block.
func BenchmarkRows(b *testing.B) {
	const n = 1 << 20
	e := filled(n)
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
	}
	b.Run("accessors", func(b *testing.B) {
		for b.Loop() {
			for i := range e.Len() {
				if e.Category(i) == trace.CategoryKernel {
					sum += e.EndNs(i) + int64(e.Name(i))
				}
			}
		}
		perRow(b)
	})
	b.Run("gathered", func(b *testing.B) {
		for b.Loop() {
			for i := range e.Len() {
				if v := e.At(i); v.Category == trace.CategoryKernel {
					sum += v.StartNs + v.DurationNs + int64(v.Name)
				}
			}
		}
		perRow(b)
	})
	b.Run("blocks", func(b *testing.B) {
		for b.Loop() {
			for block := range e.Blocks() {
				start, dur, name := block.StartNs, block.DurationNs[:len(block.StartNs)], block.Name[:len(block.StartNs)]
				for j, c := range block.Category[:len(start)] {
					if c == trace.CategoryKernel {
						sum += start[j] + dur[j] + int64(name[j])
					}
				}
			}
		}
		perRow(b)
	})
	b.Run("append", func(b *testing.B) {
		for b.Loop() {
			filled(n)
		}
		perRow(b)
	})
}
