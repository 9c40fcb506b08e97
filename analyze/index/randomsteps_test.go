package index

import (
	"math/rand/v2"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// Of whatever trace, on however many threads: iterations come one after the other, the parts of each sum to it, a closed one ends
// where the next begins, the last is not closed, and work that is in a step is busy in it.
func TestStepsOfRandomTraces(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	names := []string{"execute_context_0(0)_generation_2(2)", "execute_context_1(9)_generation_0(0)", "execute_context_1(9)_generation_2(2)",
		"execute_context_0(0)_generation_0(0)", "step[DECODE bs=3]", "step[EXTEND bs=1 toks=8]"}
	for _, events := range []int{0, 5, 60, 400} {
		for round := range 60 {
			b := randomEvents(random, events)
			if round%3 == 0 { // a CPU's
				b = onHost(random, events)
			}
			for range random.IntN(12) {
				name := names[random.IntN(len(names))]
				b.OpOn(tracetest.Thread+random.Int64N(2), trace.CategoryUserAnnotation, name, random.Int64N(2000), 1+random.Int64N(200))
			}
			x := New(b.Trace, &Options{})
			checkRandom(t, x, x.StepTable())
		}
	}
}

// onHost has ops and annotations alone.
func onHost(random *rand.Rand, events int) *tracetest.Builder {
	b := tracetest.New()
	for range events {
		b.OpOn(tracetest.Thread+random.Int64N(3), trace.CategoryCPUOp, "aten::op", random.Int64N(2000), 1+random.Int64N(60))
	}
	return b
}

func checkRandom(t *testing.T, x *Index, steps []Step) {
	t.Helper()
	its := Iterations(steps)
	for k, it := range its {
		s := &steps[it.Step]
		if s.TimeNs < 0 || s.BusyNs < 0 || s.BusyNs+max(0, s.GapNs) > s.TimeNs || it.WorkEndNs < it.BeginNs || it.WorkEndNs > it.EndNs {
			t.Fatalf("%+v of %+v", it, s)
		}
		last := k == len(its)-1
		if !last && (it.EndNs > its[k+1].BeginNs || s.Closed() && it.EndNs != its[k+1].BeginNs) || last && s.Closed() {
			t.Fatalf("iteration %d of %d, %+v, of %+v", k, len(its), it, s)
		}
		var busy, until int64
		for i := range x.GPU { // the union, clipped
			start, end := max(x.GPU[i].StartNs, it.BeginNs, until), min(x.GPU[i].EndNs, it.EndNs)
			if end > start {
				busy, until = busy+end-start, end
			}
		}
		if x.OnGPU && !s.Unmeasured && busy != s.BusyNs {
			t.Fatalf("iteration %+v is busy %d of %+v", it, busy, s)
		}
	}
}
