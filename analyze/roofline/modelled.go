package roofline

import (
	"sort"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// modelledOp is one call of an op of which it is known what it does.
type modelledOp struct {
	model    *opModel // nil: the op itself says
	contains bool     // another modelled op of its kind does its work: it does not count
}

// Modelled are the ops of a trace of which it is known what they do, and what reads their shapes.
type Modelled struct {
	Nest   *index.Nest // the ops, those in each other
	x      *index.Index
	ops    []modelledOp // of Nest
	reader *tensorReader
}

// Text is an op's name and shapes; "" of op -1.
func (m *Modelled) Text(op int32) string {
	if op < 0 {
		return ""
	}
	row := int(m.Nest.Spans[op].Row)
	return m.x.Name(m.x.Trace.Events.Name(row)) + " " + m.reader.text(m.x.Trace.Ops.At(m.x.Trace.Events.Side(row)))
}

// Replayed is one replay of a graph whose capture says which ops its kernels are of.
type Replayed struct {
	Of      *Modelled // the capture's
	Call    int32     // that launched it
	Kernels []int32   // in order: indexes of the GPU work
	Ops     []int32   // of each kernel: index of Modelled.Nest, or -1
}

// NewModelled lists the calls of a trace that a model knows. There are none if the trace says nothing of shapes.
func NewModelled(x *index.Index) *Modelled {
	e := &x.Trace.Events
	calls := 0
	for i := range x.Trace.Ops.Len() {
		if op := x.Trace.Ops.At(uint32(i)); op.Shapes != 0 || op.FLOPs != trace.Absent {
			calls++
		}
	}
	m := &Modelled{Nest: index.NewNest(calls), x: x, ops: make([]modelledOp, 0, calls), reader: newTensorReader(x)} // at most so many
	if calls == 0 {
		return m
	}
	models := make([]*opModel, x.Trace.Strings.Len())
	asked := make([]bool, x.Trace.Strings.Len())
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
		if x.Compiling(h.Track, h.StartNs) { // most of a compiler's tensors have no data
			continue
		}
		name := e.Name(i)
		if !asked[name] {
			asked[name], models[name] = true, modelOf(x.Name(name))
		}
		if models[name] != nil || given {
			m.add(h, models[name])
		}
	}
	return m
}

// add adds a call. Those around it whose work it does do not count.
func (m *Modelled) add(h index.Span, model *opModel) {
	for p := m.Nest.Add(h); p >= 0; p = m.Nest.Around(p) {
		if o := m.ops[p].model; o != nil && model != nil && (o.kind == model.kind || matrixKind(o.kind) && matrixKind(model.kind)) {
			m.ops[p].contains = true
		}
	}
	m.ops = append(m.ops, modelledOp{model: model})
}

// matrixKind tells kinds of which one may do another's work: attention without a kernel of its own is two GEMMs.
func matrixKind(kind string) bool {
	return kind == modelGEMM || kind == modelAttention || kind == modelMoE
}

// sumsAt finds what the innermost of the marks, which have sums and are sorted as Index.Marks are, says of attention at a
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
func (r *tensorReader) inside(op index.Span) [][]tensor {
	x := r.x
	host := x.Host()
	at := sort.Search(len(host), func(i int) bool {
		h := &host[i]
		return h.Track > op.Track || h.Track == op.Track && h.StartNs >= op.StartNs
	})
	var out [][]tensor
	for ; at < len(host) && host[at].Track == op.Track && host[at].StartNs < op.EndNs; at++ {
		i := int(host[at].Row)
		if host[at].Row == op.Row || x.Trace.Events.Category(i) != trace.CategoryCPUOp || x.Trace.Events.Side(i) == trace.NoSide {
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
