package roofline

import (
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// TestMeasureWithoutCommunication: a collective may say what it moves, but its time is the other ranks' too.
func TestMeasureWithoutCommunication(t *testing.T) {
	b := tracetest.New()
	b.Op("aten::mm", 0, 100)
	b.Collective("allreduce", 200, 50, 10, 4096)
	for i := range b.Trace.Ops.Len() {
		op := b.Trace.Ops.At(uint32(i))
		op.FLOPs, op.Bytes = 1000, 4096
	}
	r := Measure(index.New(b.Trace, &index.Options{}), nil)
	if r == nil || len(r.Ops) != 1 || r.Ops[0].Name != "aten::mm" {
		t.Errorf("%+v", r)
	}
}
