package kineto

import (
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/inferprof/inferprof/trace"
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

// ReadFiles reads several traces side by side: as many at once as there are pairs of processors, since reading one keeps
// two busy (one inflates, one scans), and as fit into budgetBytes of memory by MemoryEstimate (0: no bound). Traces that
// have been read stay in memory and in the budget, so that a set that does not fit is read one after the other in the
// end, rather than not at all. The traces have the order of paths; the error is that of the first file that has one.
func ReadFiles(paths []string, o Options, budgetBytes int64) ([]*trace.Trace, error) {
	traces, errs := make([]*trace.Trace, len(paths)), make([]error, len(paths))
	places := make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	room := newBudget(budgetBytes)
	var reading sync.WaitGroup
	for i, path := range paths {
		places <- struct{}{}
		room.take(MemoryEstimate(path))
		reading.Go(func() {
			traces[i], errs[i] = ReadFile(path, o)
			room.done()
			<-places
		})
	}
	reading.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return traces, nil
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

// take waits until cost fits or nobody else is reading.
func (b *budget) take(cost int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.limit > 0 && b.used+cost > b.limit && b.active > 0 {
		b.changed.Wait()
	}
	b.used += cost
	b.active++
}

func (b *budget) done() {
	b.mu.Lock()
	b.active--
	b.mu.Unlock()
	b.changed.Broadcast()
}
