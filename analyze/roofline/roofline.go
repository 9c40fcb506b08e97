// Package roofline says what ops computed and moved, by the shapes of their inputs, against what the device can.
package roofline

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/tables"
	"github.com/inferprof/inferprof/internal/words"
)

// The roofline compares what ops did with what the device can do. An op does so many operations on so many bytes
// (work.go and model.go, from the shapes that the trace records); on a device that computes P operations and moves B
// bytes a second it needs at least max(operations/P, bytes/B), and how much of its time that is its share of the
// roofline. An op's time is that of the union of the kernels that were launched in it, its helpers included (a GEMM's
// memset); with calls nested, the innermost one that has a model counts, so that the rows add up.
//
// Kernels replayed from a graph have no op. Where a trace of the graph's capture is given, they take over the ops of the
// capture by order (package graphs).
//
// A row above maxShare of the peak is not a fast kernel but a wrong model (a sliding window, data that stays in the
// cache, a dtype that the shapes do not tell): its figures are withheld, and it says so.
//
// In a CPU-only trace an op's time is its own. There is no table of CPUs: peaks are known if the engine measured them, as
// the embedded one does, whose ops also say themselves what they do. Caches are faster than the memory that was measured,
// and whole numbers than floats: figures above these peaks are given without a share.

// maxShare is how much of the peak a figure may be and still be believed, as all of it: clocks and times have errors.
const maxShare = 1.02

// Roofline is what ops computed and moved, against what the device can.
type Roofline struct {
	GPU *GPU `json:"gpu,omitempty"` // whose peaks they are; nil: not known
	// Reason says why there are no shares, or nothing at all; "" if there is nothing to say.
	Reason string `json:"reason,omitempty"`
	// ReasonMessage is the reason as data; absent in JSON if there is nothing to say.
	ReasonMessage words.Message `json:"reason_message,omitzero"`
	ModelledNs    int64         `json:"modelled_ns"` // Σ Op.TimeNs
	WorkNs        int64         `json:"work_ns"`     // all that could have been: Σ of the kernels' durations; 0 in a CPU-only trace
	Ops           []Op          `json:"ops"`         // by time
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
		o.RooflinePercent = 100 * min(share, 1)
	}
}

// because says why there are no shares, or nothing at all.
func (r *Roofline) because(m words.Message) { r.Reason, r.ReasonMessage = m.Text(), m }

// Merge adds up ranks, of which nil has none. Their peaks are given only if all have the same.
func Merge(ranks []*Roofline) *Roofline {
	var sum *Roofline
	var ops [][]Op
	for _, r := range ranks {
		if r == nil {
			continue
		}
		if sum == nil {
			sum = &Roofline{GPU: r.GPU, Reason: r.Reason, ReasonMessage: r.ReasonMessage}
		} else if (sum.GPU == nil) != (r.GPU == nil) || sum.GPU != nil && *sum.GPU != *r.GPU {
			sum.GPU = nil
			sum.because(words.Say("devices_differ", "the ranks' devices differ: figures are without a share"))
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
