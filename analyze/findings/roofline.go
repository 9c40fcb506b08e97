package findings

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

const (
	// farBelow is the share of what the device could do, in %, below which a matrix multiplication is far from it; libraries
	// reach 60 to 85 % of either peak on shapes that they are tuned for.
	farBelow, reachable = 40, 60
	// shortGEMM is what a call must take at least: shorter ones are made of their start and end, whatever their kernel.
	shortGEMM = 20_000 // ns
	// farBelowShare of the GPU's work is what such multiplications must take together.
	farBelowShare = 0.10
)

// farBelowSaving is what a row would lose, in ns, if it reached what libraries do; 0 if it is not far from that.
func farBelowSaving(o *analyze.RooflineOp) float64 {
	if o.RooflinePercent >= farBelow || quotient(o.TimeNs, o.Count) < shortGEMM {
		return 0
	}
	return float64(o.TimeNs) * (1 - o.RooflinePercent/reachable)
}

// gemmBelowRoofline: matrix multiplications whose shapes are known and whose kernels use little of the device. The stake
// is what they would lose at 60 % of the roofline, an estimate.
func gemmBelowRoofline(rv *rankView) *analyze.Finding {
	var slow int64
	var saved float64
	calls := 0
	var worst *gemmRow
	for _, row := range rv.gemmRows() {
		if !row.belongsToBelow {
			continue
		}
		calls += row.op.Count
		slow += row.op.TimeNs
		saved += row.belowSavedNs
		if worst == nil || row.belowSavedNs > worst.belowSavedNs {
			worst = row
		}
	}
	work := rv.workNs()
	if worst == nil || ratio(slow, work) < farBelowShare {
		return nil
	}
	event := rv.shapedRow(worst.op)
	if event < 0 {
		return nil
	}
	device := rv.rank.Roofline.GPU
	rate := rateOf("rate_of_the_costliest", worst.op.FLOPsPerS, unitFLOPs)
	if worst.op.Bound == "memory" {
		rate = rateOf("rate_of_the_costliest", worst.op.BytesPerS, unitRate)
	}
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(int64(saved), rv.steps()),
		Evidence: []analyze.Evidence{number("calls", calls), nanoseconds("in_them", slow),
			nanoseconds("time_of_the_costliest", worst.op.TimeNs)},
		Events: []analyze.EventRef{rv.ref(event)},
		Try:    adviceFor(worst.op, strings.HasPrefix(device.Name, "AMD")),
	}
	say(f, "%s matrix multiplications (%s of the GPU's work) use less than %s of what %s can do: %s of %s does %s, %s of its roofline; "+
		"at %s an estimated %s %s would go",
		number("calls", calls), share("of_work", min(slow, work), work), share("far_below", farBelow, 100), device.Name,
		shortName(worst.op.Name), worst.op.Dims, rate,
		share("roofline_of_the_costliest", int64(10*worst.op.RooflinePercent), 1000), share("reachable", reachable, 100),
		nanoseconds("estimated_saving", f.StakeNsPerStep), rv.per())
	return f
}

// gemmShape is what a matrix multiplication is of: M rows by K, times K by N.
type gemmShape struct{ m, n, k int64 }

// shapeOf reads a shape from an op's inputs, as recorded: the first two with two dimensions and more, of which the second
// lies one way or the other (aten::mm, aten::linear).
func shapeOf(o *analyze.RooflineOp) (s gemmShape, batched, ok bool) {
	var inputs []json.RawMessage
	if json.Unmarshal([]byte(o.Dims), &inputs) != nil {
		return s, false, false
	}
	var matrices [][]int64
	for _, in := range inputs {
		var dims []int64
		if json.Unmarshal(in, &dims) == nil && len(dims) >= 2 {
			matrices = append(matrices, dims)
		}
	}
	if len(matrices) < 2 {
		return s, false, false
	}
	a, b := matrices[0], matrices[1]
	s = gemmShape{m: a[len(a)-2], k: a[len(a)-1]}
	batched = len(a) > 2 && len(b) > 2
	if !batched {
		for _, d := range a[:len(a)-2] {
			s.m *= d
		}
	}
	switch s.k {
	case b[len(b)-2]:
		s.n = b[len(b)-1]
	case b[len(b)-1]:
		s.n = b[len(b)-2]
	default:
		return s, batched, false
	}
	return s, batched, s.m > 0 && s.n > 0 && s.k > 0
}

const (
	alignment = 64 // elements: what tiles of matrix units are multiples of
	smallM    = 64 // rows: fewer fill no tile of matrix units, and weights are read for few
	// scoresRatio is by how much the larger of a product's sides is larger than the others together where attention writes its
	// scores, or reads them.
	scoresRatio = 8
	// paddedShare of a side is the most that padding may add to it: what is added is computed as well.
	paddedShare = 0.125
)

// adviceFor says what there is to try for one shape: nothing that it follows already.
func adviceFor(o *analyze.RooflineOp, amd bool) string {
	var tries []string
	if s, batched, ok := shapeOf(o); ok {
		if m, n, k := s.m*s.n, s.k*s.n, s.m*s.k; batched && (m > scoresRatio*(n+k) || k > scoresRatio*(m+n)) {
			tries = append(tries, "if this is attention, a fused kernel (scaled_dot_product_attention, FlashAttention), which does not "+
				"write its scores out")
		} else if batched && s.m < smallM && s.n < smallM {
			tries = append(tries, "one kernel for the whole computation rather than a batch of small products (scaled_dot_product_attention, "+
				"if this is attention)")
		}
		var odd []string
		for _, d := range []struct {
			name string
			of   int64
		}{{"N", s.n}, {"K", s.k}} {
			if over := d.of % alignment; over != 0 && float64(alignment-over) <= paddedShare*float64(d.of) {
				odd = append(odd, fmt.Sprintf("%s = %d", d.name, d.of))
			}
		}
		if len(odd) > 0 {
			tries = append(tries, fmt.Sprintf("pad %s to a multiple of %d", strings.Join(odd, " and "), alignment))
		}
		if s.m < smallM && !batched {
			tries = append(tries, fmt.Sprintf("batch more: M = %d leaves most of a GPU idle", s.m))
		}
	}
	if o.Dtype == "fp32" {
		tries = append(tries, "compute in bf16 or fp16, or allow TF32 where the device has it "+
			"(torch.set_float32_matmul_precision(\"high\")): vector units do fp32")
	}
	if amd {
		return strings.Join(append(tries, "let the library choose again (TunableOp, hipBLASLt tuning, torch.compile with max-autotune)"), "; ")
	}
	return strings.Join(append(tries, "let the library choose again (cublasLt heuristics, torch.compile with max-autotune)"), "; ")
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
