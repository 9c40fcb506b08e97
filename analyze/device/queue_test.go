package device

import (
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestQueue(t *testing.T) {
	b := tracetest.New()
	b.Call("cudaLaunchKernel", 1, 0, 5)
	b.Call("cudaGraphLaunch", 2, 10, 5)
	b.Kernel("a", 7, 1, 20, 10)
	b.Kernel("b", 7, 2, 30, 10)
	b.Kernel("c", 7, 2, 40, 10)
	q := Queues(index.New(b.Trace, &index.Options{}))[0]
	// Depths: 1 from 0, 3 from 10, 2 from 20, 1 from 30, 0 from 40.
	if q.MaxDepth != 3 || q.Launched != 3 || q.Graph != 2 || q.SpanNs != 40 || q.MeanDepth != 70.0/40 || q.EmptyNs != 0 {
		t.Errorf("%+v", q)
	}
}
