package analyze

import (
	"sort"

	"github.com/inferprof/inferprof/trace"
)

// modelledOp is one call of an op of which it is known what it does.
type modelledOp struct {
	start, end int64
	row        int32
	parent     int32 // the modelled op around it, or -1
	track      trace.TrackID
	model      *opModel // nil: the op itself says
	contains   bool     // another modelled op of its kind does its work: it does not count
}

// modelled are the ops of a trace of which it is known what they do, and what reads their shapes.
type modelled struct {
	x      *index
	ops    []modelledOp // by (track, start)
	reader *tensorReader
}

func newModelled(x *index) *modelled { return &modelled{x, x.modelledOps(), newTensorReader(x)} }

// text is an op's name and shapes; "" of op -1.
func (m *modelled) text(op int32) string {
	if op < 0 {
		return ""
	}
	row := int(m.ops[op].row)
	return m.x.name(m.x.t.Events.Name(row)) + " " + m.reader.text(m.x.t.Ops.At(m.x.t.Events.Side(row)))
}

// replayed is one replay of a graph whose capture says which ops its kernels are of.
type replayed struct {
	of      *modelled // the capture's
	call    int32     // that launched it
	kernels []int32   // in order: indexes of the GPU work
	ops     []int32   // of each kernel: index of modelled.ops, or -1
}

// modelledOps lists the calls of a trace that a model knows, by (track, start). It is empty if the trace says nothing of
// shapes.
func (x *index) modelledOps() []modelledOp {
	if x.t.Ops.Len() == 0 {
		return nil
	}
	models := make([]*opModel, x.t.Strings.Len())
	asked := make([]bool, x.t.Strings.Len())
	e := &x.t.Events
	calls := 0
	for i := range x.t.Ops.Len() {
		if op := x.t.Ops.At(uint32(i)); op.Shapes != 0 || op.FLOPs != trace.Absent {
			calls++
		}
	}
	ops := make([]modelledOp, 0, calls) // at most: growing the list copies it several times
	open := int32(-1)                   // the innermost modelled op around the present one
	for _, h := range x.host {
		i := int(h.row)
		if e.Category(i) != trace.CategoryCPUOp || e.Side(i) == trace.NoSide {
			continue
		}
		facts := x.t.Ops.At(e.Side(i))
		given := facts.FLOPs != trace.Absent && facts.Bytes != trace.Absent
		if facts.Shapes == 0 && !given || facts.Collective != trace.NoSide { // communication waits: no roofline is its own
			continue
		}
		name := e.Name(i)
		if !asked[name] {
			asked[name], models[name] = true, modelOf(x.name(name))
		}
		m := models[name]
		if m == nil && !given {
			continue
		}
		for open >= 0 && (ops[open].track != h.track || ops[open].end <= h.start) {
			open = ops[open].parent
		}
		op := modelledOp{start: h.start, end: h.end, row: h.row, parent: open, track: h.track, model: m}
		for p := open; p >= 0; p = ops[p].parent {
			if o := ops[p].model; o != nil && m != nil && (o.kind == m.kind || matrixKind(o.kind) && matrixKind(m.kind)) {
				ops[p].contains = true
			}
		}
		open = int32(len(ops))
		ops = append(ops, op)
	}
	return ops
}

// matrixKind tells kinds of which one may do another's work: attention without a kernel of its own is two GEMMs.
func matrixKind(kind string) bool {
	return kind == modelGEMM || kind == modelAttention || kind == modelMoE
}

// innermostOp finds the innermost modelled op around a moment of a thread; -1 if there is none.
func innermostOp(ops []modelledOp, track trace.TrackID, at int64) int32 {
	i := int32(sort.Search(len(ops), func(i int) bool {
		return ops[i].track > track || ops[i].track == track && ops[i].start > at
	})) - 1
	for i >= 0 && (ops[i].track != track || ops[i].end <= at) {
		i = ops[i].parent
	}
	return i
}

// sumsAt finds what the innermost of the steps, which have sums and are sorted as x.steps is, says of attention at a
// moment of a thread; nil if none is there.
func sumsAt(steps []stepSpan, track trace.TrackID, at int64) *trace.Step {
	i := sort.Search(len(steps), func(i int) bool {
		return steps[i].track > track || steps[i].track == track && steps[i].start > at
	})
	for j := i - 1; j >= 0 && j >= i-4 && steps[j].track == track; j-- {
		if steps[j].end > at {
			return &steps[j].step
		}
	}
	return nil
}

// summedSteps are the marks whose names give attention's sums.
func (x *index) summedSteps() []stepSpan {
	var out []stepSpan
	for _, s := range x.steps {
		if s.step.Context.QueryKey != trace.Absent || s.step.Generation.QueryKey != trace.Absent {
			out = append(out, s)
		}
	}
	return out
}

// inputLists names the lists that an op was called with.
type inputLists struct {
	shapes trace.ShapesID
	dtypes trace.DtypesID
}

// tensorReader makes tensors of the inputs of an op, of each pair of lists once.
type tensorReader struct {
	x     *index
	known map[inputLists][]tensor
}

func newTensorReader(x *index) *tensorReader { return &tensorReader{x, map[inputLists][]tensor{}} }

// text is an op's shapes.
func (r *tensorReader) text(op *trace.Op) string { return r.x.t.Inputs.Shapes(op.Shapes).Text }

func (r *tensorReader) of(op *trace.Op) []tensor {
	key := inputLists{op.Shapes, op.Dtypes}
	in, ok := r.known[key]
	if !ok {
		in = inputTensors(r.x.t.Inputs.Shapes(op.Shapes).Args, r.x.t.Inputs.Dtypes(op.Dtypes).Names)
		r.known[key] = in
	}
	return in
}

// inside are the inputs of the ops inside another, in order.
func (r *tensorReader) inside(op *modelledOp) [][]tensor {
	x := r.x
	at := sort.Search(len(x.host), func(i int) bool {
		h := &x.host[i]
		return h.track > op.track || h.track == op.track && h.start >= op.start
	})
	var out [][]tensor
	for ; at < len(x.host) && x.host[at].track == op.track && x.host[at].start < op.end; at++ {
		i := int(x.host[at].row)
		if x.host[at].row == op.row || x.t.Events.Category(i) != trace.CategoryCPUOp || x.t.Events.Side(i) == trace.NoSide {
			continue
		}
		if facts := x.t.Ops.At(x.t.Events.Side(i)); facts.Shapes != 0 {
			out = append(out, r.of(facts))
		}
	}
	return out
}

// causalArgument is where attention ops have is_causal among their arguments.
var causalArgument = map[string]int{
	"aten::scaled_dot_product_attention":            5,
	"aten::_scaled_dot_product_flash_attention":     4,
	"aten::_scaled_dot_product_efficient_attention": 6,
	"aten::_scaled_dot_product_cudnn_attention":     6,
}

// causal reports whether an attention op masks the future. It stands among the values of the op's arguments, which no
// column holds, and matters only for as many queries as keys.
func (x *index) causal(row int32, in []tensor) bool {
	at, ok := causalArgument[x.name(x.t.Events.Name(int(row)))]
	if !ok || len(in) < 2 || len(in[0].shape) != 4 || len(in[1].shape) != 4 || in[0].shape[2] != in[1].shape[2] || in[0].shape[2] == 1 {
		return false
	}
	values, _ := x.t.Arg(int(row), "Concrete Inputs")
	texts := values.Texts()
	return at < len(texts) && texts[at] == "True"
}
