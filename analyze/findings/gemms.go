package findings

import (
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Who claims a matrix multiplication?
//
// Three rules look at them: those in kernels that are known to be slow (slow_quantized_gemm), those far below what the device
// can do (gemm_below_roofline), and those with too few blocks for it (low_occupancy_gemm). What one of them would win, none of
// the others can win again. So they are shared out here, by the rows of the roofline: all calls of one op with one set of
// shapes. Slow kernels are theirs by name. Of the other two, the one that would win more of a row has it.
//
// No kernel is faster than the device: what can be won ends at the row's share of its roofline, which for the small ones of
// decoding is the memory that their weights lie in, and every kernel has a beginning and an end, which the shortest ones of the
// trace show. Where shapes are not known, in replays of a graph above all, nothing is
// known to be won, and nothing is claimed.

// gemmRow is a row of the roofline, and what its kernels have in common.
type gemmRow struct {
	op *analyze.RooflineOp
	// Of its kernels in the trace that have blocks for fewer than half of the multiprocessors:
	thin           int
	thinNs         int64
	thinSavedNs    float64 // at most
	thinBlocks     float64 // per multiprocessor, Σ by time
	longest        *work   // of them
	slowKernel     bool    // some of its kernels are known to be slow
	belowSavedNs   float64 // at what libraries reach; 0 if it is not far below
	belongsToBelow bool
}

// gemmRows are the matrix multiplications of known shapes, shared out. It is made once.
func (rv *rankView) gemmRows() []*gemmRow {
	if rv.gemmsKnown {
		return rv.gemms
	}
	rv.gemmsKnown = true
	r := rv.rank.Roofline
	if !rv.gpu || r == nil || r.GPU == nil {
		return nil
	}
	rows := map[[2]string]*gemmRow{}
	for i := range r.Ops {
		o := &r.Ops[i]
		if o.Kind != "gemm" && o.Kind != "moe" || o.Invalid || o.RooflinePercent < 0 {
			continue
		}
		row := &gemmRow{op: o, belowSavedNs: farBelowSaving(o)}
		rv.gemms = append(rv.gemms, row)
		if !o.Graph {
			rows[[2]string{o.Name, o.Dims}] = row
		}
	}
	rv.addKernels(rows)
	for _, row := range rv.gemms {
		row.belongsToBelow = !row.slowKernel && row.belowSavedNs > 0 && row.belowSavedNs >= row.thinSavedNs
	}
	return rv.gemms
}

// addKernels finds the kernels of rows that were launched in an op.
func (rv *rankView) addKernels(rows map[[2]string]*gemmRow) {
	if len(rows) == 0 {
		return
	}
	ops := rv.x.Ops()
	walk := rv.x.Walk(ops)
	of := make([]*gemmRow, len(rv.x.Calls)) // calls come in order of time, as walk wants them
	for i := range rv.x.Calls {
		c := &rv.x.Calls[i]
		if c.GPUEvents == 0 || rv.x.IsGraphLaunch(c) {
			continue
		}
		for op := walk.At(c.Track, c.StartNs); op >= 0 && of[i] == nil; op = ops.Around(op) {
			row := int(ops.Spans[op].Row)
			if side := rv.t.Events.Side(row); side != trace.NoSide {
				of[i] = rows[[2]string{rv.name(rv.t.Events.Name(row)), rv.t.Inputs.Shapes(rv.t.Ops.At(side).Shapes).Text}]
			}
		}
	}
	least := rv.shortestKernel()
	for i := range rv.work {
		w := &rv.work[i]
		if w.Call < 0 || of[w.Call] == nil || w.Category != trace.CategoryKernel {
			continue
		}
		row := of[w.Call]
		row.slowKernel = row.slowKernel || rv.matches(slowQuantized, w.Name) || rv.matches(dequantizing, w.Name)
		g := rv.gpuWork(w)
		if g == nil || g.BlocksPerSM <= 0 || g.BlocksPerSM >= thinBlocksPerSM || !multiplies(rv.category(w)) {
			continue
		}
		ns := w.EndNs - w.StartNs
		row.thin++
		row.thinNs += ns
		row.thinBlocks += float64(ns) * float64(g.BlocksPerSM)
		needs := max(float64(ns)*max(float64(g.BlocksPerSM), row.op.RooflinePercent/100), float64(least))
		row.thinSavedNs += max(0, float64(ns)-needs)
		if row.longest == nil || ns > row.longest.EndNs-row.longest.StartNs {
			row.longest = w
		}
	}
}

// shortestKernel is how long a kernel takes whatever it does: of all durations, one in twenty is shorter.
func (rv *rankView) shortestKernel() int64 {
	var all []int64
	for i := range rv.work {
		if w := &rv.work[i]; w.Category == trace.CategoryKernel && w.EndNs > w.StartNs {
			all = append(all, w.EndNs-w.StartNs)
		}
	}
	if len(all) == 0 {
		return 0
	}
	stats.Sort(all)
	return all[len(all)/20]
}

// workNs is the sum of all GPU work's durations, which what rules about kernels claim is a part of.
func (rv *rankView) workNs() (ns int64) {
	for i := range rv.work {
		ns += rv.work[i].EndNs - rv.work[i].StartNs
	}
	return ns
}

const (
	// thinBlocksPerSM: with fewer blocks than half the multiprocessors, more than half of the GPU can not take part.
	thinBlocksPerSM = 0.5
	// thinShare of the GPU's work is what such GEMMs must take.
	thinShare = 0.10
)

// lowOccupancyGEMM: matrix multiplications whose grid is too small for the GPU. The stake takes them to speed up with
// the multiprocessors that take part, as far as the memory or the arithmetic of the whole device allows: an upper bound.
// Those that reach what libraries do win nothing.
func lowOccupancyGEMM(rv *rankView) *analyze.Finding {
	var all gemmRow
	var roof float64  // Σ of their share of the roofline by time
	var smallNs int64 // of those with few rows
	for _, row := range rv.gemmRows() {
		if row.thin == 0 || row.slowKernel || row.belongsToBelow || row.op.RooflinePercent >= reachable {
			continue
		}
		all.thin += row.thin
		all.thinNs += row.thinNs
		all.thinSavedNs += row.thinSavedNs
		all.thinBlocks += row.thinBlocks
		roof += float64(row.thinNs) * row.op.RooflinePercent / 100
		if shape, _, ok := shapeOf(row.op); ok && shape.m < smallM {
			smallNs += row.thinNs
		}
		if all.longest == nil || row.longest.EndNs-row.longest.StartNs > all.longest.EndNs-all.longest.StartNs {
			all.longest = row.longest
		}
	}
	work := rv.workNs()
	if all.thin == 0 || ratio(all.thinNs, work) < thinShare {
		return nil
	}
	saved := quotient(int64(all.thinSavedNs), rv.steps())
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: saved,
		Evidence: []analyze.Evidence{number("gemms", all.thin), nanoseconds("in_them", all.thinNs)},
		Events:   []analyze.EventRef{rv.ref(all.longest.Row)},
		Try:      rv.adviceForThin(2*smallNs >= all.thinNs),
	}
	say(f, "%s matrix multiplications %s have blocks for less than half of the multiprocessors (for %s on average): %s of the GPU's "+
		"work, at %s of what the device can do for their shapes; "+
		"with all multiprocessors at most %s %s would go", mean("gemms_per_step", all.thin, rv.steps()), rv.per(),
		share("of_multiprocessors", int64(all.thinBlocks), all.thinNs), share("of_work", all.thinNs, work),
		share("of_roofline", int64(roof), all.thinNs), nanoseconds("saving_at_most", saved), rv.per())
	return f
}

// claimedGEMMs is the time of matrix multiplications of which a rule about their kernels would win something: more than
// quantizedSaving, of each.
func (rv *rankView) claimedGEMMs() (ns int64) {
	below, thin := gemmBelowRoofline(rv) != nil, lowOccupancyGEMM(rv) != nil
	for _, row := range rv.gemmRows() {
		switch {
		case row.belongsToBelow && below:
			ns += row.op.TimeNs
		case !row.belongsToBelow && !row.slowKernel && thin && row.op.RooflinePercent < reachable:
			ns += row.thinNs
		}
	}
	return ns
}

// adviceForThin says what there is to try where grids are too small, most of them for few rows or not.
func (rv *rankView) adviceForThin(few bool) string {
	tries := []string{"merge projections of the same input (QKV, gate and up) where they are apart", "split-K kernels"}
	if few {
		tries = slices.Insert(tries, 0, "batch more requests")
	}
	if d := rv.t.Meta.Distributed; d != nil && d.WorldSize > 1 {
		tries = append(tries, "fewer tensor-parallel ranks")
	}
	return strings.Join(tries, ", ")
}
