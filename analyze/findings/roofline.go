package findings

import (
	"fmt"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

const (
	// farBelow is the share of what the device could do, in %, below which a matrix multiplication is far from it; libraries
	// reach 60 to 85 % of either peak on shapes that they are tuned for.
	farBelow, reachable = 40, 60
	// shortGEMM is what a call must take at least: shorter ones are made of their start and end, whatever their kernel.
	shortGEMM = 20_000 // ns
	// farBelowShare of the busy time is what such multiplications must take together.
	farBelowShare = 0.10
)

// gemmBelowRoofline: matrix multiplications whose shapes are known and whose kernels use little of the device. The stake
// is what they would lose at 60 % of the roofline, an estimate.
func gemmBelowRoofline(rv *rankView) *analyze.Finding {
	if !rv.gpu {
		return nil
	}
	r := rv.rank.Roofline
	if r == nil || r.GPU == nil {
		return nil
	}
	var busy, slow, saved int64
	for _, t := range rv.rank.Time {
		busy += t.SumNs // as times of ops are summed, whatever runs beside them
	}
	calls := 0
	var worst *analyze.RooflineOp
	var worstSaved int64
	for i := range r.Ops {
		o := &r.Ops[i]
		if o.Kind != "gemm" && o.Kind != "moe" || o.Invalid || o.RooflinePercent < 0 || o.RooflinePercent >= farBelow || quotient(o.TimeNs, o.Count) < shortGEMM {
			continue
		}
		lost := o.TimeNs - int64(float64(o.TimeNs)*o.RooflinePercent/reachable)
		calls += o.Count
		slow += o.TimeNs
		saved += lost
		if worst == nil || lost > worstSaved {
			worst, worstSaved = o, lost
		}
	}
	if worst == nil || ratio(slow, busy) < farBelowShare {
		return nil
	}
	row := rv.shapedRow(worst)
	if row < 0 {
		return nil
	}
	rate := fmt.Sprintf("%.0f TFLOP/s", worst.FLOPsPerS/1e12)
	if worst.Bound == "memory" {
		rate = fmt.Sprintf("%.0f GB/s", worst.BytesPerS/1e9)
	}
	return &analyze.Finding{
		Sentence: fmt.Sprintf("%s matrix multiplications (%s of the busy time) use less than %d %% of what %s can do: %s of %s does %s, %.0f %% of its roofline; at %d %% an estimated %s %s would go",
			count(calls), percent(slow, busy), farBelow, r.GPU.Name, shortName(worst.Name), worst.Dims, rate, worst.RooflinePercent, reachable, duration(quotient(saved, rv.steps())), rv.per()),
		Inferred: true, StakeNsPerStep: quotient(saved, rv.steps()),
		Evidence: []analyze.Evidence{
			number("calls", calls), nanoseconds("in_them", slow), share("of_busy", slow, busy), nanoseconds("estimated_saving", saved),
			{Name: "roofline_of_the_costliest", Value: worst.RooflinePercent / 100, Unit: "share"},
			nanoseconds("time_of_the_costliest", worst.TimeNs),
		},
		Events: []analyze.EventRef{rv.ref(row)},
		Try:    "pad dimensions to multiples of 64, let the library choose again (cublasLt heuristics, TunableOp on ROCm, torch.compile with max-autotune), or batch more: small M leaves most of a GPU idle",
	}
}

// shapedRow is the longest call of an op with those input shapes; -1 if it is not in this trace (it is a capture's).
func (rv *rankView) shapedRow(o *analyze.RooflineOp) int32 {
	id, ok := rv.t.Strings.Lookup(o.Name)
	if !ok {
		return -1
	}
	e := &rv.t.Events
	row, most := int32(-1), int64(-1)
	for i := range e.Len() {
		if e.Name(i) != id || e.Category(i) != trace.CategoryCPUOp || e.Side(i) == trace.NoSide || e.DurationNs(i) <= most {
			continue
		}
		if rv.t.Inputs.Shapes(rv.t.Ops.At(e.Side(i)).Shapes).Text == o.Dims {
			row, most = int32(i), e.DurationNs(i)
		}
	}
	return row
}
