package index

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// randomTrace has a few threads with ops, calls and Python frames in each other, of which some outlive what is around them,
// and a few streams of work, most of it launched by the calls, some by none.
func randomTrace(random *rand.Rand, events int) *trace.Trace {
	return randomEvents(random, events).Trace
}

func randomEvents(random *rand.Rand, events int) *tracetest.Builder {
	b := tracetest.New()
	for i := range events {
		thread := tracetest.Thread + random.Int64N(3)
		start, ns := random.Int64N(2000), 1+random.Int64N(60)
		switch random.IntN(6) {
		case 0, 1:
			b.OpOn(thread, trace.CategoryCPUOp, fmt.Sprintf("aten::op%d", i%7), start, ns)
		case 2:
			b.OpOn(thread, trace.CategoryUserAnnotation, "annotation", start, 5*ns)
		case 3:
			side := b.Trace.Frames.Append(trace.Frame{ID: int64(i), ParentID: trace.Absent})
			b.Event(trace.CategoryPythonFunction, fmt.Sprintf("file.py(%d): f", i%5), b.Track(1, thread), start, 8*ns, side)
		case 4:
			name := []string{"cudaLaunchKernel", "cudaStreamSynchronize", "cudaMemcpyAsync"}[random.IntN(3)]
			b.CallOn(thread, name, int64(1+i%40), start, 1+ns/4)
		default:
			b.Kernel(fmt.Sprintf("kernel%d", i%5), random.Int64N(2), int64(1+random.IntN(50)), start, ns)
		}
	}
	return b
}

// each runs a test on indexes of many random traces.
func each(t *testing.T, what func(t *testing.T, x *Index)) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	for _, events := range []int{0, 1, 5, 40, 400} {
		for range 20 {
			what(t, New(randomTrace(random, events), &Options{LaunchGapNs: 20}))
		}
	}
}

// TestHost: all that ran on CPU threads is there once, parents before children, and the op of a call is the one that a look
// at all ops finds: of those around the call's start the last to begin.
func TestHost(t *testing.T) {
	each(t, func(t *testing.T, x *Index) {
		host, e := x.Host(), &x.Trace.Events
		n := 0
		for i := range e.Len() {
			if c := e.Category(i); onThread(c) && c != trace.CategoryPythonFunction {
				n++
			}
		}
		if len(host) != n {
			t.Fatalf("%d of %d spans", len(host), n)
		}
		for i := 1; i < n; i++ {
			if a, b := host[i-1], host[i]; a.Track > b.Track || a.Track == b.Track && CompareSpans(a, b) >= 0 {
				t.Fatalf("%+v before %+v", a, b)
			}
		}
		walk := x.Walk(x.Ops())
		for i := range x.Calls {
			c := &x.Calls[i]
			got := x.OpOf(c)
			if w := walk.At(c.Track, c.StartNs); w >= 0 && x.Ops().Spans[w].Row != got || w < 0 && got >= 0 {
				t.Fatalf("a walk finds %d, a search row %d", w, got)
			}
			want := innermost(x, c)
			if (got < 0) != (want < 0) {
				t.Fatalf("the op of %+v is in row %d, by a look at all %d", *c, got, want)
			}
			if got >= 0 && (e.StartNs(int(got)) > c.StartNs || e.EndNs(int(got)) <= c.StartNs || e.Track(int(got)) != c.Track) {
				t.Fatalf("%+v is not in the op of row %d", *c, got)
			}
		}
	})
}

// innermost is the row of the op around a call that began last, by a look at all rows; -1 if there is none, or if one that
// ended too early hides it: spans that outlive each other have no innermost one.
func innermost(x *Index, c *Call) int32 {
	ops := x.Ops()
	last := int32(-1)
	for i := range ops.Spans {
		if s := &ops.Spans[i]; s.Track == c.Track && s.StartNs <= c.StartNs {
			last = int32(i)
		}
	}
	for last >= 0 && ops.Spans[last].EndNs <= c.StartNs {
		last = ops.Around(last)
	}
	if last < 0 {
		return -1
	}
	return ops.Spans[last].Row
}

// TestGaps: a device's gaps are what its work leaves of its time, each with its cause by the definition.
func TestGaps(t *testing.T) {
	each(t, func(t *testing.T, x *Index) {
		for _, device := range x.Devices() {
			var first, last int64
			busy := map[int64]bool{} // by ns
			for i, g := range x.GPU {
				if i == 0 {
					first, last = g.StartNs, g.EndNs
				}
				first, last = min(first, g.StartNs), max(last, g.EndNs)
				for ns := g.StartNs; ns < g.EndNs; ns++ {
					busy[ns] = true
				}
			}
			idle := last - first - int64(len(busy))
			for _, g := range x.Gaps(device) {
				idle -= g.Ns()
				if busy[g.StartNs] || busy[g.EndNs-1] || !busy[g.StartNs-1] || !busy[g.EndNs] || g.Ns() <= 0 {
					t.Fatalf("%+v is no gap", g)
				}
				if g.Next < 0 || x.GPU[g.Next].StartNs != g.EndNs || g.Last < 0 || x.GPU[g.Last].EndNs != g.StartNs {
					t.Fatalf("%+v: what is around it is not", g)
				}
				checkCause(t, x, &g)
			}
			if idle != 0 {
				t.Fatalf("the gaps are %d ns short", idle)
			}
		}
	})
}

func checkCause(t *testing.T, x *Index, g *Gap) {
	t.Helper()
	next := x.GPU[g.Next]
	want := IdleUnknown
	if next.Call >= 0 {
		switch want = IdleOther; {
		case x.Calls[next.Call].StartNs > g.StartNs: // delays of a ms have a test of their own
			want = IdleHost
		case g.Ns() < 20:
			want = IdleLaunch
		case 2*(min(x.Calls[next.Call].EndNs, g.EndNs)-g.StartNs) >= g.Ns():
			want = IdleHost
		}
	}
	// What the launching thread still waited in a synchronising call that had begun before.
	var waited int64
	for i := range x.Calls {
		c := &x.Calls[i]
		if want == IdleHost && int32(i) != next.Call && x.Name(c.Name) == "cudaStreamSynchronize" && c.Track == x.Calls[next.Call].Track && c.StartNs < g.StartNs {
			waited = max(waited, min(c.EndNs, g.EndNs)-g.StartNs)
		}
	}
	if g.Cause != want || g.SyncNs != waited || (g.Sync >= 0) != (waited > 0) {
		t.Fatalf("%+v: cause %v, want %v; waited %d", *g, g.Cause, want, waited)
	}
}

// TestDuring compares with a look at every row in every ns of the gaps.
func TestDuring(t *testing.T) {
	each(t, func(t *testing.T, x *Index) {
		for _, device := range x.Devices() {
			var stretches []Stretch
			for i, g := range x.Gaps(device) {
				if s, ok := x.HostStretch(&g); ok {
					s.Group = int32(i % 3)
					stretches = append(stretches, s)
				}
			}
			slices.Reverse(stretches) // another order than time's
			for group, got := range x.During(stretches, 3) {
				checkDivision(t, x, stretches, int32(group), &got)
			}
		}
	})
}

// checkDivision divides again, one ns after the other.
func checkDivision(t *testing.T, x *Index, stretches []Stretch, group int32, got *Division) {
	t.Helper()
	e := &x.Trace.Events
	var ns, delay, none int64
	inside, own := map[string]int64{}, map[string]int64{}
	for _, s := range stretches {
		if s.Group != group {
			continue
		}
		ns += s.EndNs - s.StartNs
		for at := s.StartNs; at < s.EndNs; at++ {
			if at >= s.LaunchedNs {
				delay++
				continue
			}
			innermost, names := -1, map[string]bool{}
			for i := range e.Len() {
				if e.Track(i) != s.Track || !onThread(e.Category(i)) || e.StartNs(i) > at || e.EndNs(i) <= at {
					continue
				}
				names[x.Name(e.Name(i))] = true
				if b := innermost; b < 0 || e.StartNs(i) > e.StartNs(b) || e.StartNs(i) == e.StartNs(b) && e.EndNs(i) <= e.EndNs(b) {
					innermost = i
				}
			}
			if innermost < 0 {
				none++
				continue
			}
			own[x.Name(e.Name(innermost))]++
			for name := range names {
				inside[name]++
			}
		}
	}
	if got.Ns != ns || got.DelayNs != delay || got.NoneNs != none {
		t.Fatalf("%d ns, %d after the launch, %d in nothing; want %d, %d, %d", got.Ns, got.DelayNs, got.NoneNs, ns, delay, none)
	}
	sum := delay
	for _, o := range got.Occupants() {
		sum += o.OwnNs
		if o.None {
			continue
		}
		name := x.Name(o.Name)
		if o.Ns != inside[name] || o.OwnNs != own[name] {
			t.Fatalf("%s: %d ns, %d of its own; want %d, %d", name, o.Ns, o.OwnNs, inside[name], own[name])
		}
		if o.Row < 0 || e.Name(int(o.Row)) != o.Name {
			t.Fatalf("%s: row %d", name, o.Row)
		}
		delete(inside, name)
	}
	if sum != ns || len(inside) > 0 {
		t.Fatalf("%d of %d ns; nothing is said of %v", sum, ns, inside)
	}
	checkMost(t, x, got)
}

// checkMost: what is named fills half, and nothing inside it does, or nothing fills half and those named do not overlap.
func checkMost(t *testing.T, x *Index, d *Division) {
	t.Helper()
	most, half := d.Most()
	var sum int64
	for _, o := range most {
		sum += o.Ns
		if (2*o.Ns >= d.Ns) != half && d.Ns > 0 {
			t.Fatalf("%+v of %d ns: half is %t", o, d.Ns, half)
		}
	}
	if sum > d.Ns || half && len(most) != 1 || len(most) > mostNamed {
		t.Fatalf("%+v are %d of %d ns", most, sum, d.Ns)
	}
	own := map[trace.StringID]int64{} // of what fills half, what no other of these is inside of
	for _, o := range d.Occupants() {
		if 2*o.Ns >= d.Ns && !o.None {
			own[o.Name] = 0
		}
	}
	for node := range d.own {
		for at := int32(node); at > 0; at = d.tree.nodes[at].parent {
			if _, fills := own[d.tree.nodes[at].name]; fills {
				own[d.tree.nodes[at].name] += d.own[node].ns
				break
			}
		}
	}
	for name, ns := range own {
		if half && !most[0].None && ns > own[most[0].Name] {
			t.Fatalf("%s is named, and %s is innermost for longer", x.Name(most[0].Name), x.Name(name))
		}
	}
}

// TestLinks: work is joined to the first call in the file with its correlation, and calls know what they launched.
func TestLinks(t *testing.T) {
	each(t, func(t *testing.T, x *Index) {
		launched := make([]int32, len(x.Calls))
		for i := range x.GPU {
			g := &x.GPU[i]
			correlation := x.Trace.GPU.At(g.Side).Correlation
			want := int32(-1)
			for k := range x.Calls {
				if c := &x.Calls[k]; c.Correlation == correlation && (want < 0 || c.Row < x.Calls[want].Row) {
					want = int32(k)
				}
			}
			if g.Call != want {
				t.Fatalf("correlation %d is of call %d, want %d", correlation, g.Call, want)
			}
			if want >= 0 {
				if launched[want]++; launched[want] == 1 && x.Calls[want].FirstGPU != int32(i) {
					t.Fatalf("the first work of call %d is %d, not %d", want, x.Calls[want].FirstGPU, i)
				}
			}
		}
		for k := range x.Calls {
			if x.Calls[k].GPUEvents != launched[k] || k > 0 && x.Calls[k].StartNs < x.Calls[k-1].StartNs {
				t.Fatalf("call %d: %+v", k, x.Calls[k])
			}
		}
	})
}

// TestLanes: they are the trace's, made once.
func TestLanes(t *testing.T) {
	each(t, func(t *testing.T, x *Index) {
		if l := x.Lanes(); l != x.Lanes() || !reflect.DeepEqual(l, trace.NewLanes(x.Trace)) {
			t.Fatal("other lanes than the trace's")
		}
	})
}

// TestUnrecorded: a step of which much less work is there than was launched is unmeasured, but for what a graph captured.
func TestUnrecorded(t *testing.T) {
	for _, test := range []struct {
		recorded int // of ten
		captures bool
		want     bool
	}{{10, false, false}, {8, false, false}, {7, false, true}, {1, false, true}, {1, true, false}} {
		b := tracetest.New()
		for step := range int64(2) {
			at := 10_000 * step
			b.Annotation("execute_context_1(8)_generation_0(0)", at, 5_000)
			if test.captures {
				b.Call("cudaStreamBeginCapture_v2", 0, at+1, 2)
			}
			for i := range int64(10) {
				b.Call("cudaLaunchKernel", 1+10*step+i, at+100*i+10, 50)
				if step == 0 || int(i) < test.recorded {
					b.Kernel("kernel", 7, 1+10*step+i, at+100*i+70, 90)
				}
			}
		}
		steps := New(b.Trace, &Options{}).StepTable()
		if len(steps) != 2 || steps[0].Unmeasured || steps[1].Unmeasured != test.want {
			t.Errorf("%+v: %+v", test, steps)
		}
	}
}
