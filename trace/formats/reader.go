package formats

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// How much memory a file takes when it is read, per byte of the file: columns, tables and texts are a fifth to a third of
// the text, which is about fifteen times the compressed file.
const (
	bytesPerCompressed = 4.5
	bytesPerPlain      = 0.3
)

// MemoryEstimate is about how much memory a trace's file takes when it is read; 0 for what is no file.
func MemoryEstimate(path string) int64 {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return 0
	}
	per := bytesPerPlain
	if strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") {
		per = bytesPerCompressed
	}
	return int64(float64(st.Size()) * per)
}

// Reader reads traces side by side and hands each on, so that a profile of any number of ranks takes the memory of those
// that are in hand. As many are read at once as there are pairs of processors, since reading one keeps two busy (one
// inflates, one scans), as many are used meanwhile, and of both together as many as fit into a budget.
type Reader struct {
	formats List
	options source.Options
	reading chan struct{} // a place for each
	using   chan struct{}
	room    *budget
}

// NewReader returns a reader for which a trace takes its MemoryEstimate of budgetBytes (0: no bound). One that does not fit
// is read all the same, alone.
func NewReader(o source.Options, budgetBytes int64) *Reader {
	places := max(1, runtime.GOMAXPROCS(0)/2)
	return &Reader{list, o, make(chan struct{}, places), make(chan struct{}, places), newBudget(budgetBytes)}
}

// Start begins to read files, and returns when the last has begun. use is called with each one's place among the paths and
// its trace, or those of the ranks that were merged into it, in any order and several at a time; what it does not keep of
// them is freed. The function that Start returns waits for all. Its error is that of the first file that has one; use may
// not have seen those behind it.
//
// The end of ctx ends reading soon, in the middle of a file too, but not a use that has begun; then the error is ctx's.
func (r *Reader) Start(ctx context.Context, paths []string, use func(i int, traces []*trace.Trace)) (wait func() error) {
	errs := make([]error, len(paths))
	var failed atomic.Bool
	var all sync.WaitGroup
	for i, path := range paths {
		r.reading <- struct{}{}
		if failed.Load() { // one before it
			<-r.reading
			break
		}
		cost := MemoryEstimate(path)
		r.room.take(cost)
		all.Go(func() {
			defer r.room.give(cost)
			t, err := r.formats.readFile(ctx, path, r.options)
			if err != nil {
				errs[i] = err
				failed.Store(true)
				<-r.reading
				return
			}
			r.using <- struct{}{} // before the next is read, so that few are in memory
			<-r.reading
			use(i, splitMerged(t))
			<-r.using
		})
	}
	return func() error {
		all.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// budget lets readers begin while their estimates fit.
type budget struct {
	mu      sync.Mutex
	changed *sync.Cond
	limit   int64
	used    int64
	active  int
}

func newBudget(limit int64) *budget {
	b := &budget{limit: limit}
	b.changed = sync.NewCond(&b.mu)
	return b
}

// take waits until cost fits or nothing else is in memory.
func (b *budget) take(cost int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.limit > 0 && b.used+cost > b.limit && b.active > 0 {
		b.changed.Wait()
	}
	b.used += cost
	b.active++
}

func (b *budget) give(cost int64) {
	b.mu.Lock()
	b.used -= cost
	b.active--
	b.mu.Unlock()
	b.changed.Broadcast()
}
