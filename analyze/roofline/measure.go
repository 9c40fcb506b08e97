package roofline

import (
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// opRun is the time of one call: of the union of its kernels, which are added in order of time.
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

// opKey tells rows of the table.
type opKey struct {
	kind, name, dims, dtype string
	graph                   bool
}

// opTable is Roofline.Ops in the making.
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

// Measure measures the ops of one trace, and those of the replays that are told.
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
	gpu, why := peaks(x)
	switch {
	case len(r.Ops) == 0 && x.Trace.Ops.Len() > 0 && len(m.ops) > 0:
		why = words.Say("no_kernel_of_shapes", "no kernel was launched by an op whose shapes tell what it does")
	case len(r.Ops) == 0:
		why = words.Say("no_shapes", "the trace records no shapes of inputs (torch_profiler_record_shapes)")
	}
	r.GPU = gpu
	r.because(why)
	r.finish()
	return r
}

// addLaunched adds the ops whose kernels were launched in them.
func (t *opTable) addLaunched(m *Modelled) {
	if len(m.ops) == 0 {
		return
	}
	x := m.x
	opOf, walk := make([]int32, len(x.Calls)), x.Walk(m.Nest)
	for i := range x.Calls {
		opOf[i] = -1
		if c := &x.Calls[i]; c.GPUEvents > 0 && !x.IsGraphLaunch(c) {
			opOf[i] = walk.At(c.Track, c.StartNs)
		}
	}
	runs := make([]opRun, len(m.ops))
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 && opOf[g.Call] >= 0 {
			runs[opOf[g.Call]].add(g.StartNs, g.EndNs, x.IsTF32(g.Name))
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
			runs[op].add(e.StartNs, e.EndNs, x.IsTF32(e.Name))
		}
		for _, op := range order {
			t.add(r.Of, op, *runs[op], step, true)
		}
	}
}

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

// count counts a call in its row.
func (t *opTable) count(i int, run opRun, w work) {
	row := &t.rows[i]
	row.Count++
	row.TimeNs += run.busy
	row.FLOPs += w.flops
	row.Bytes += w.bytes
}
