package roofline

import (
	"sort"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// ModelledOp is one call of an op of which it is known what it does.
type ModelledOp struct {
	start, end int64
	row        int32
	parent     int32 // the modelled op around it, or -1
	track      trace.TrackID
	model      *opModel // nil: the op itself says
	contains   bool     // another modelled op of its kind does its work: it does not count
}

// Modelled are the ops of a trace of which it is known what they do, and what reads their shapes.
type Modelled struct {
	x      *index.Index
	Ops    []ModelledOp // by (track, start)
	reader *tensorReader
}

func NewModelled(x *index.Index) *Modelled { return &Modelled{x, modelledOps(x), newTensorReader(x)} }

// Text is an op's name and shapes; "" of op -1.
func (m *Modelled) Text(op int32) string {
	if op < 0 {
		return ""
	}
	row := int(m.Ops[op].row)
	return m.x.Name(m.x.Trace.Events.Name(row)) + " " + m.reader.text(m.x.Trace.Ops.At(m.x.Trace.Events.Side(row)))
}

// Replayed is one replay of a graph whose capture says which ops its kernels are of.
type Replayed struct {
	Of      *Modelled // the capture's
	Call    int32     // that launched it
	Kernels []int32   // in order: indexes of the GPU work
	Ops     []int32   // of each kernel: index of modelled.ops, or -1
}

// modelledOps lists the calls of a trace that a model knows, by (track, start). It is empty if the trace says nothing of
// shapes.
func modelledOps(x *index.Index) []ModelledOp {
	if x.Trace.Ops.Len() == 0 {
		return nil
	}
	models := make([]*opModel, x.Trace.Strings.Len())
	asked := make([]bool, x.Trace.Strings.Len())
	e := &x.Trace.Events
	calls := 0
	for i := range x.Trace.Ops.Len() {
		if op := x.Trace.Ops.At(uint32(i)); op.Shapes != 0 || op.FLOPs != trace.Absent {
			calls++
		}
	}
	ops := make([]ModelledOp, 0, calls) // at most: growing the list copies it several times
	open := int32(-1)                   // the innermost modelled op around the present one
	for _, h := range x.Host() {
		i := int(h.Row)
		if e.Category(i) != trace.CategoryCPUOp || e.Side(i) == trace.NoSide {
			continue
		}
		facts := x.Trace.Ops.At(e.Side(i))
		given := facts.FLOPs != trace.Absent && facts.Bytes != trace.Absent
		if facts.Shapes == 0 && !given || facts.Collective != trace.NoSide { // communication waits: no roofline is its own
			continue
		}
		name := e.Name(i)
		if !asked[name] {
			asked[name], models[name] = true, modelOf(x.Name(name))
		}
		m := models[name]
		if m == nil && !given {
			continue
		}
		for open >= 0 && (ops[open].track != h.Track || ops[open].end <= h.StartNs) {
			open = ops[open].parent
		}
		op := ModelledOp{start: h.StartNs, end: h.EndNs, row: h.Row, parent: open, track: h.Track, model: m}
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
	return kind == modelGEMM || kind == ModelAttention || kind == modelMoE
}

// InnermostOp finds the innermost modelled op around a moment of a thread; -1 if there is none.
func InnermostOp(ops []ModelledOp, track trace.TrackID, at int64) int32 {
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
func sumsAt(steps []index.Mark, track trace.TrackID, at int64) *trace.Step {
	i := sort.Search(len(steps), func(i int) bool {
		return steps[i].Track > track || steps[i].Track == track && steps[i].StartNs > at
	})
	for j := i - 1; j >= 0 && j >= i-4 && steps[j].Track == track; j-- {
		if steps[j].EndNs > at {
			return &steps[j].Step
		}
	}
	return nil
}

// summedSteps are the marks whose names give attention's sums.
func summedSteps(x *index.Index) []index.Mark {
	var out []index.Mark
	for _, s := range x.Marks {
		if s.Step.Context.QueryKey != trace.Absent || s.Step.Generation.QueryKey != trace.Absent {
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
	x     *index.Index
	known map[inputLists][]tensor
}

func newTensorReader(x *index.Index) *tensorReader {
	return &tensorReader{x, map[inputLists][]tensor{}}
}

// text is an op's shapes.
func (r *tensorReader) text(op *trace.Op) string { return r.x.Trace.Inputs.Shapes(op.Shapes).Text }

func (r *tensorReader) of(op *trace.Op) []tensor {
	key := inputLists{op.Shapes, op.Dtypes}
	in, ok := r.known[key]
	if !ok {
		in = inputTensors(r.x.Trace.Inputs.Shapes(op.Shapes).Args, r.x.Trace.Inputs.Dtypes(op.Dtypes).Names)
		r.known[key] = in
	}
	return in
}

// inside are the inputs of the ops inside another, in order.
func (r *tensorReader) inside(op *ModelledOp) [][]tensor {
	x := r.x
	at := sort.Search(len(x.Host()), func(i int) bool {
		h := &x.Host()[i]
		return h.Track > op.track || h.Track == op.track && h.StartNs >= op.start
	})
	var out [][]tensor
	for ; at < len(x.Host()) && x.Host()[at].Track == op.track && x.Host()[at].StartNs < op.end; at++ {
		i := int(x.Host()[at].Row)
		if x.Host()[at].Row == op.row || x.Trace.Events.Category(i) != trace.CategoryCPUOp || x.Trace.Events.Side(i) == trace.NoSide {
			continue
		}
		if facts := x.Trace.Ops.At(x.Trace.Events.Side(i)); facts.Shapes != 0 {
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
func causal(x *index.Index, row int32, in []tensor) bool {
	at, ok := causalArgument[x.Name(x.Trace.Events.Name(int(row)))]
	if !ok || len(in) < 2 || len(in[0].shape) != 4 || len(in[1].shape) != 4 || in[0].shape[2] != in[1].shape[2] || in[0].shape[2] == 1 {
		return false
	}
	values, _ := x.Trace.Arg(int(row), "Concrete Inputs")
	texts := values.Texts()
	return at < len(texts) && texts[at] == "True"
}
