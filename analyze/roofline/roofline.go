// Package roofline says what ops computed and moved, by the shapes of their inputs, against what the device can.
package roofline

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/tables"
	"github.com/inferprof/inferprof/trace"
)

// The roofline compares what ops did with what the device can do. An op does so many operations on so many bytes
// (work.go and model.go, from the shapes that the trace records); on a device that computes P operations and moves B
// bytes a second it needs at least max(operations/P, bytes/B), and how much of its time that is its share of the
// roofline. An op's time is that of the union of the kernels that were launched in it, its helpers included (a GEMM's
// memset); with calls nested, the innermost one that has a model counts, so that the rows add up.
//
// Kernels replayed from a graph have no op. Where a trace of the graph's capture is given (Options.CaptureTraces), they
// take over the ops of the capture by order (graphs.go).
//
// A row above maxShare of the peak is not a fast kernel but a wrong model (a sliding window, data that stays in the
// cache, a dtype that the shapes do not tell): its figures are withheld, and it says so.
//
// In a CPU-only trace an op's time is its own. There is no table of CPUs: peaks are known if the engine measured them, as
// the embedded one does, whose ops also say themselves what they do. Caches are faster than the memory that was measured,
// and whole numbers than floats: figures above these peaks are given without a share.

// maxShare is how much of the peak a figure may be and still be believed: clocks and times have errors.
const maxShare = 1.02

// Roofline is what ops computed and moved, against what the device can.
type Roofline struct {
	GPU *GPU `json:"gpu,omitempty"` // whose peaks they are; nil: not known
	// Reason says why there are no shares, or nothing at all; "" if there is nothing to say.
	Reason     string `json:"reason,omitempty"`
	ModelledNs int64  `json:"modelled_ns"` // Σ Op.TimeNs
	WorkNs     int64  `json:"work_ns"`     // all that could have been: Σ of the kernels' durations; 0 in a CPU-only trace
	Ops        []Op   `json:"ops"`         // by time
}

// Op is all calls of one op with one set of shapes.
type Op struct {
	Kind  string `json:"kind"` // gemm, attention, moe, norm, elementwise; given: the op says
	Name  string `json:"name"`
	Dims  string `json:"dims,omitempty"` // of the inputs, as recorded
	Dtype string `json:"dtype,omitempty"`
	Graph bool   `json:"graph,omitempty"` // replayed from a graph; the op is its capture's

	Count     int     `json:"count"`
	TimeNs    int64   `json:"time_ns"`   // Σ over calls of the union of their kernels
	FLOPs     float64 `json:"flops"`     // Σ
	Bytes     float64 `json:"bytes"`     // Σ
	Intensity float64 `json:"intensity"` // FLOPs / bytes

	FLOPsPerS float64 `json:"flops_per_s"` // 0 if Invalid
	BytesPerS float64 `json:"bytes_per_s"` // 0 if Invalid
	Bound     string  `json:"bound,omitempty"`
	// RooflinePercent is the least time that the device needs by the time taken, in %; -1 without a peak, or if Invalid.
	RooflinePercent float64 `json:"roofline_percent"`
	Invalid         bool    `json:"invalid,omitempty"` // the model says more than the device can do
}

// Bounds of Op.
const (
	boundCompute = "compute"
	boundMemory  = "memory"
)

// opRun is the kernels of one call.
type opRun struct {
	until, busy int64
	tf32        bool
}

func (r *opRun) add(start, end int64, tf32 bool) {
	if r.until == 0 && r.busy == 0 {
		r.until = start
	}
	r.busy += max(0, end-max(start, r.until))
	r.until = max(r.until, end)
	r.tf32 = r.tf32 || tf32
}

type opKey struct {
	kind, name, dims, dtype string
	graph                   bool
}

type opTable struct {
	rowOf map[opKey]int
	rows  []Op
	alike map[opShape]opWork // calls that need no second look
}

// opShape is what the work of most ops hangs on.
type opShape struct {
	of          *index.Index
	name        trace.StringID
	inputs      inputLists
	graph, tf32 bool
}

// opWork is what a call does, and its row.
type opWork struct {
	work
	row int
}

// Measure measures the ops of one trace.
func Measure(x *index.Index, replays []Replayed) *Roofline {
	r := &Roofline{}
	table := &opTable{rowOf: map[opKey]int{}}
	m := NewModelled(x)
	if !x.OnGPU {
		for i, s := range m.Nest.Spans {
			table.add(m, int32(i), opRun{busy: s.EndNs - s.StartNs}, nil, false)
		}
	} else {
		table.addLaunched(m)
		table.addReplayed(x, replays)
		for i := range x.GPU {
			r.WorkNs += x.GPU[i].EndNs - x.GPU[i].StartNs
		}
	}
	r.Ops = table.rows
	r.GPU, r.Reason = peaks(x)
	if len(r.Ops) == 0 {
		r.Reason = "the trace records no shapes of inputs (torch_profiler_record_shapes)"
		if x.Trace.Ops.Len() > 0 && len(m.ops) > 0 {
			r.Reason = "no kernel was launched by an op whose shapes tell what it does"
		}
	}
	r.finish()
	return r
}

// peaks finds what the trace's device can do.
func peaks(x *index.Index) (*GPU, string) {
	if !x.OnGPU {
		if g := measuredPeaks(x); g != nil {
			return g, ""
		}
		return nil, "what this CPU can do was not measured: figures are without a share"
	}
	device := -1
	if len(x.GPU) > 0 {
		device = int(x.GPU[0].Device)
	}
	for _, d := range x.Trace.Meta.Devices {
		if d.ID != device && len(x.Trace.Meta.Devices) > 1 {
			continue
		}
		if g, ok := gpuOf(d); ok {
			return &g, ""
		}
		return nil, fmt.Sprintf("the peaks of %q are not known: figures are without a share", d.Name)
	}
	if len(x.Trace.Meta.Devices) > 0 { // ROCm numbers devices as the system does, not as the process sees them
		if g, ok := gpuOf(x.Trace.Meta.Devices[0]); ok {
			return &g, ""
		}
	}
	return nil, "the trace does not say which device it is of: figures are without a share"
}

// measuredPeaks are what an engine says of the CPU on which it ran.
func measuredPeaks(x *index.Index) *GPU {
	if e := &x.Trace.Meta.Engine; e.FLOPsPerS > 0 && e.BytesPerS > 0 {
		return &GPU{Name: e.Device, CPU: true, FP32: e.FLOPsPerS, FP16: e.FLOPsPerS, MemoryBytesPerS: e.BytesPerS, Source: "measured by the engine"}
	}
	return nil
}

// addLaunched adds the ops whose kernels were launched in them.
func (t *opTable) addLaunched(m *Modelled) {
	if len(m.ops) == 0 {
		return
	}
	x := m.x
	opOf := make([]int32, len(x.Calls))
	for i := range x.Calls {
		opOf[i] = -1
		if c := &x.Calls[i]; c.GPUEvents > 0 && !x.IsGraphLaunch(c) {
			opOf[i] = m.Nest.At(c.Track, c.StartNs)
		}
	}
	runs := make([]opRun, len(m.ops))
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 && opOf[g.Call] >= 0 {
			runs[opOf[g.Call]].add(g.StartNs, g.EndNs, usesTF32(x, g.Name))
		}
	}
	steps := summedSteps(x)
	for i, s := range m.Nest.Spans {
		if runs[i].busy > 0 {
			t.add(m, int32(i), runs[i], sumsAt(steps, s.Track, s.StartNs), false)
		}
	}
}

// addReplayed adds the ops of captured graphs for each time that the graph was replayed.
func (t *opTable) addReplayed(x *index.Index, replays []Replayed) {
	if len(replays) == 0 {
		return
	}
	steps := summedSteps(x)
	for _, r := range replays {
		c := &x.Calls[r.Call]
		step := sumsAt(steps, c.Track, c.StartNs)
		runs := map[int32]*opRun{}
		var order []int32
		for i, k := range r.Kernels {
			op := r.Ops[i]
			if op < 0 {
				continue
			}
			if runs[op] == nil {
				runs[op] = &opRun{}
				order = append(order, op)
			}
			e := &x.GPU[k]
			runs[op].add(e.StartNs, e.EndNs, usesTF32(x, e.Name))
		}
		for _, op := range order {
			t.add(r.Of, op, *runs[op], step, true)
		}
	}
}

// usesTF32 knows the kernels that multiply float32 matrices in TF32.
func usesTF32(x *index.Index, name trace.StringID) bool { return x.Facts(name)&index.FactTF32 != 0 }

// add counts one call of an op.
func (t *opTable) add(m *Modelled, i int32, run opRun, step *trace.Step, graph bool) {
	x, op, span := m.x, &m.ops[i], m.Nest.Spans[i]
	if op.contains || run.busy <= 0 {
		return
	}
	facts, name := x.Trace.Ops.At(x.Trace.Events.Side(int(span.Row))), x.Trace.Events.Name(int(span.Row))
	given := facts.FLOPs != trace.Absent && facts.Bytes != trace.Absent
	shape := opShape{x, name, inputLists{facts.Shapes, facts.Dtypes}, graph, run.tf32}
	if known, ok := t.alike[shape]; ok && !given {
		t.count(known.row, run, known.work)
		return
	}
	key := opKey{kind: modelGiven, name: x.Name(name), dims: m.reader.text(facts), graph: graph}
	if op.model != nil {
		key.kind = op.model.kind
	}
	var w work
	if given {
		w = work{flops: float64(facts.FLOPs), bytes: float64(facts.Bytes)}
	} else {
		call := opCall{in: m.reader.of(facts), step: step, reader: m.reader, op: span}
		if op.model.kind == modelAttention {
			call.causal = causal(x, span.Row, call.in)
		}
		var ok bool
		if w, ok = op.model.of(&call); !ok {
			return
		}
	}
	if w.flops <= 0 && w.bytes <= 0 {
		return
	}
	key.dtype = w.dtype
	if w.dtype == dtypeFP32 && run.tf32 && matrixKind(key.kind) {
		key.dtype = dtypeTF32
	}
	row, ok := t.rowOf[key]
	if !ok {
		row = len(t.rows)
		t.rowOf[key] = row
		t.rows = append(t.rows, Op{Kind: key.kind, Name: key.name, Dims: key.dims, Dtype: key.dtype, Graph: graph})
	}
	if !given && op.model.kind != modelAttention { // whose work hangs on the step too
		if t.alike == nil {
			t.alike = map[opShape]opWork{}
		}
		t.alike[shape] = opWork{w, row}
	}
	t.count(row, run, w)
}

func (t *opTable) count(i int, run opRun, w work) {
	row := &t.rows[i]
	row.Count++
	row.TimeNs += run.busy
	row.FLOPs += w.flops
	row.Bytes += w.bytes
}

// finish computes what follows from the sums, and sorts.
func (r *Roofline) finish() {
	r.ModelledNs = 0
	if r.Ops == nil {
		r.Ops = []Op{}
	}
	for i := range r.Ops {
		o := &r.Ops[i]
		r.ModelledNs += o.TimeNs
		o.finish(r.GPU)
	}
	slices.SortFunc(r.Ops, func(a, b Op) int {
		return cmp.Or(cmp.Compare(b.TimeNs, a.TimeNs), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Dims, b.Dims),
			cmp.Compare(a.Dtype, b.Dtype), cmp.Compare(b.FLOPs, a.FLOPs), cmp.Compare(a.Count, b.Count))
	})
}

func (o *Op) finish(g *GPU) {
	seconds := float64(o.TimeNs) / 1e9
	o.FLOPsPerS, o.BytesPerS = o.FLOPs/seconds, o.Bytes/seconds
	o.Intensity, o.RooflinePercent, o.Bound, o.Invalid = 0, -1, "", false
	if o.Bytes > 0 {
		o.Intensity = o.FLOPs / o.Bytes
	}
	if g == nil {
		return
	}
	moving := o.BytesPerS / g.MemoryBytesPerS
	computing := 0.0
	if peak := g.peak(o.Dtype); g.CPU {
		computing = o.FLOPsPerS / g.FP32 // in which all is computed, whatever it is kept in
	} else if peak > 0 {
		computing = o.FLOPsPerS / peak
	} else if matrixKind(o.Kind) {
		return
	}
	o.Bound = boundMemory
	if computing > moving {
		o.Bound = boundCompute
	}
	if share := max(moving, computing); share > maxShare && g.CPU {
		o.Bound = ""
	} else if share > maxShare {
		o.Invalid, o.FLOPsPerS, o.BytesPerS = true, 0, 0
	} else {
		o.RooflinePercent = 100 * share
	}
}

// Merge adds up ranks, of which nil has none. Their peaks are given only if all have the same.
func Merge(ranks []*Roofline) *Roofline {
	var sum *Roofline
	var ops [][]Op
	for _, r := range ranks {
		if r == nil {
			continue
		}
		if sum == nil {
			sum = &Roofline{GPU: r.GPU, Reason: r.Reason}
		} else if (sum.GPU == nil) != (r.GPU == nil) || sum.GPU != nil && *sum.GPU != *r.GPU {
			sum.GPU, sum.Reason = nil, "the ranks' devices differ: figures are without a share"
		}
		sum.WorkNs += r.WorkNs
		ops = append(ops, r.Ops)
	}
	if sum == nil {
		return nil
	}
	key := func(o *Op) opKey { return opKey{o.Kind, o.Name, o.Dims, o.Dtype, o.Graph} }
	sum.Ops = tables.Merge(key, func(sum, o *Op) {
		sum.Count += o.Count
		sum.TimeNs += o.TimeNs
		sum.FLOPs += o.FLOPs
		sum.Bytes += o.Bytes
	}, ops...)
	sum.finish()
	return sum
}
