package analyze

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// To compare two profiles is to compare their steps, and to say where a step's time went without losing any of it. So a
// step is taken here as its iteration: from the start of its first GPU work to the start of the next step's first, which
// holds what the engine does after the step's mark too (sampling, output, scheduling). In a CPU-only trace it goes from
// mark to mark. Iterations leave no time between them.
//
// Each nanosecond of an iteration belongs to one piece of work or to one reason for idleness. Where GPU work overlaps,
// the piece that started first has the time, as in Kernel.ExclusiveNs; of nested ops the innermost has it. Work that
// crosses the border of two iterations is cut there. So the parts of an iteration sum to its length, exactly.
//
// This is a lighter pass than Analyze: a comparison reads traces of gigabytes, and needs neither ops nor the other
// tables of a GPU trace. Of several devices in one trace the busiest counts; engines have one per process.

// IdleCause says why a moment of an iteration has no work.
type IdleCause uint8

// The causes: Idle's for a GPU, and IdleOutside for a CPU.
const (
	IdleHost    IdleCause = iota // the next work was launched after the gap began
	IdleLaunch                   // launched before, and the gap is short
	IdleOther                    // launched before, and the gap is long
	IdleUnknown                  // the next work's launch is not in the trace
	IdleOutside                  // CPU: inside a step or between steps, and in no op
	IdleCauses
)

// String is the cause in a word.
func (c IdleCause) String() string {
	return [...]string{"host", "launch", "other", "unknown", "outside ops"}[c]
}

// Work is one kind of work: a name in a place of the step.
type Work struct {
	Name     string `json:"name"`
	Category string `json:"category"`
	// Role is the place: of an op its module with the layer's number left out ("layers.*.mlp.down_proj"), of a kernel
	// what its neighbours tell ("gemm qkv": between a norm and attention). "" if nothing tells.
	Role string `json:"role,omitempty"`
}

// Share is what one kind of work took of an iteration.
type Share struct {
	Work  int   `json:"work"` // of RankIterations.Work
	Count int   `json:"count"`
	Ns    int64 `json:"ns"`
}

// Iteration is one step, divided: Σ Shares.Ns + Σ IdleNs = EndNs − BeginNs.
type Iteration struct {
	Step
	BeginNs, EndNs int64
	Open           bool // no step follows: it ends with its own work, and what comes after is not known
	Shares         []Share
	IdleNs         [IdleCauses]int64
	Events         int     // pieces of work that began in it
	CommNs         int64   // of Shares, communication
	LayerNs        []int64 // of Shares, by the layer that the op's module names; nil where none does
}

// Ns is the iteration's length.
func (it *Iteration) Ns() int64 { return it.EndNs - it.BeginNs }

// BusyNs is the iteration without idleness.
func (it *Iteration) BusyNs() int64 {
	ns := it.Ns()
	for _, idle := range it.IdleNs {
		ns -= idle
	}
	return ns
}

// RankIterations are the steps of one trace.
type RankIterations struct {
	Rank      int
	Path      string
	Kind      string // KindGPU, KindCPU or KindEmpty
	Hardware  string
	Engine    string
	Version   string
	WorldSize int
	Stacks    bool  // Python frames were recorded
	PeakBytes int64 // most that any allocator reported as allocated; 0 if none did
	Meta      map[string]string

	Work     []Work
	Steps    []Iteration // with work, or in a CPU-only trace all
	Whole    *Iteration  // of a trace without steps: from the first work to the last
	Problems []Problem
}

// iterate divides a trace's steps. The rank's number is the caller's (RankNumbers).
func iterate(t *trace.Trace, rank int, o *indexOptions) *RankIterations {
	o.setDefaults()
	x := &index{t: t, options: o, kernels: newCategorizer(kernelRules), ops: newCategorizer(opRules), eventCount: t.Events.Len()}
	r := &RankIterations{Rank: rank, Path: t.Meta.Path, Kind: KindEmpty, Meta: t.Meta.Other}
	r.Stacks, r.PeakBytes = x.collectWork()
	x.onGPU = len(x.gpu) > 0
	x.sort()
	x.link()
	steps := x.stepTable()
	devices := x.devices()
	full := &Rank{Rank: rank, Steps: steps}
	r.Hardware = hardwareOf(t, devices)
	r.Engine, r.Version = engineOf(t, steps, nil)
	if r.Engine == "" && hasVLLMOps(t) {
		r.Engine = "vllm"
	}
	if d := t.Meta.Distributed; d != nil {
		r.WorldSize = d.WorldSize
	}
	d := &divider{x: x, out: r, rowOf: map[workKey]int{}}
	switch {
	case len(devices) > 0:
		r.Kind = KindGPU
		launch := x.launches()
		full.Launch = &launch
		d.gpu(steps, devices)
	case len(x.host) > 0:
		r.Kind = KindCPU
		d.cpu(steps)
	}
	r.Problems = x.checkTrace(full, 0)
	return r
}

// collectWork files GPU work, calls and step marks; in a trace without GPU work ops and annotations too, and in one
// without annotated steps the Python frames that are. It reports whether there are Python frames, and the
// most that an allocator had given out.
func (x *index) collectWork() (stacks bool, peak int64) {
	t, e := x.t, &x.t.Events
	x.gpu, x.calls = make([]gpuEvent, 0, t.GPU.Len()), make([]call, 0, t.Calls.Len()) // growing them costs more than filling
	names := newStepNames(t.Strings)
	for i := range e.Len() {
		category := e.Category(i)
		if category == trace.CategoryPythonFunction {
			stacks = true
			continue
		}
		if category == trace.CategoryInstant {
			if s := e.Side(i); s != trace.NoSide {
				peak = max(peak, t.Memory.At(s).TotalAllocatedBytes)
			}
			continue
		}
		if e.Phase(i) != trace.PhaseComplete {
			continue
		}
		start := e.StartNs(i)
		if !x.options.in(start) {
			continue
		}
		switch category {
		case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
			x.addGPU(i, category, start, e.EndNs(i))
		case trace.CategoryRuntime, trace.CategoryDriver:
			correlation := trace.Absent
			if s := e.Side(i); s != trace.NoSide {
				correlation = t.Calls.At(s).Correlation
			}
			x.calls = append(x.calls, call{start: start, end: e.EndNs(i), correlation: correlation, name: e.Name(i), track: e.Track(i)})
		case trace.CategoryUserAnnotation:
			if s := names.annotation(e.Name(i)); s != nil {
				x.steps = append(x.steps, stepSpan{start, e.EndNs(i), e.Track(i), e.Name(i), *s})
			}
		}
	}
	if len(x.gpu) > 0 && (len(x.steps) > 0 || !stacks) {
		return stacks, peak
	}
	for i := range e.Len() {
		category := e.Category(i)
		start := e.StartNs(i)
		if e.Phase(i) != trace.PhaseComplete || !x.options.in(start) {
			continue
		}
		switch {
		case category == trace.CategoryPythonFunction && len(x.steps) == 0,
			category == trace.CategoryPythonFunction && x.steps[0].step.Dialect == trace.DialectPython:
			if s := names.frame(e.Name(i)); s != nil {
				x.steps = append(x.steps, stepSpan{start, e.EndNs(i), e.Track(i), e.Name(i), *s})
			}
		case len(x.gpu) == 0 && (category == trace.CategoryCPUOp || category == trace.CategoryUserAnnotation):
			x.host = append(x.host, hostSpan{start, e.EndNs(i), int32(i), e.Track(i)})
		}
	}
	return stacks, peak
}

// hasVLLMOps finds vLLM by the names of its ops, which Iterate files only in a CPU-only trace.
func hasVLLMOps(t *trace.Trace) bool {
	for id := range t.Strings.Len() {
		if name := t.Strings.At(trace.StringID(id)); strings.HasPrefix(name, "vllm::") || strings.HasPrefix(name, "_vllm_") {
			return true
		}
	}
	return false
}

type workKey struct {
	name trace.StringID
	role string
}

// divider shares time out among iterations. Work comes in order of time, so one place is enough to remember.
type divider struct {
	x       *index
	out     *RankIterations
	windows []Iteration
	at      int // the first window that has not ended
	rowOf   map[workKey]int
	share   []map[int]int // of each window: Work → place in Shares
}

// window adds an iteration, which ends the one before it. One that would be empty takes the place of the one before.
func (d *divider) window(s Step, begin, end int64) {
	if n := len(d.windows); n > 0 {
		last := &d.windows[n-1]
		begin = max(begin, last.BeginNs)
		last.EndNs, last.Open = begin, false
		if last.EndNs == last.BeginNs {
			d.windows = d.windows[:n-1]
		}
	}
	d.windows = append(d.windows, Iteration{Step: s, BeginNs: begin, EndNs: max(begin, end), Open: true})
}

// row finds or makes a kind of work.
func (d *divider) row(name trace.StringID, category, role string) int {
	k := workKey{name, role}
	r, ok := d.rowOf[k]
	if !ok {
		r = len(d.out.Work)
		d.rowOf[k] = r
		d.out.Work = append(d.out.Work, Work{Name: d.x.name(name), Category: category, Role: role})
	}
	return r
}

// each calls what for the windows that share [start, end) and with what they share. Starts never go back.
func (d *divider) each(start, end int64, what func(w int, ns int64)) {
	for d.at < len(d.windows) && d.windows[d.at].EndNs <= start {
		d.at++
	}
	for w := d.at; w < len(d.windows) && d.windows[w].BeginNs < end; w++ {
		if ns := min(end, d.windows[w].EndNs) - max(start, d.windows[w].BeginNs); ns > 0 {
			what(w, ns)
		}
	}
}

// count counts a piece of work where it began.
func (d *divider) count(row int, began int64) {
	w := sort.Search(len(d.windows), func(i int) bool { return d.windows[i].BeginNs > began }) - 1
	if w >= 0 && began < d.windows[w].EndNs {
		d.of(w, row).Count++
		d.windows[w].Events++
	}
}

// work shares out a piece of work's time.
func (d *divider) work(row, layer int, comm bool, start, end int64) {
	if end <= start {
		return
	}
	d.each(start, end, func(w int, ns int64) {
		d.of(w, row).Ns += ns
		it := &d.windows[w]
		if comm {
			it.CommNs += ns
		}
		if layer >= 0 {
			for len(it.LayerNs) <= layer {
				it.LayerNs = append(it.LayerNs, 0)
			}
			it.LayerNs[layer] += ns
		}
	})
}

func (d *divider) idle(cause IdleCause, start, end int64) {
	if end > start {
		d.each(start, end, func(w int, ns int64) { d.windows[w].IdleNs[cause] += ns })
	}
}

// of is a window's share of a kind of work.
func (d *divider) of(w, row int) *Share {
	if d.share == nil {
		d.share = make([]map[int]int, len(d.windows))
	}
	if d.share[w] == nil {
		d.share[w] = map[int]int{}
	}
	i, ok := d.share[w][row]
	it := &d.windows[w]
	if !ok {
		i = len(it.Shares)
		d.share[w][row] = i
		it.Shares = append(it.Shares, Share{Work: row})
	}
	return &it.Shares[i]
}

// gpu divides the steps of a GPU trace.
func (d *divider) gpu(steps []Step, devices []int32) {
	x := d.x
	busiest, most := devices[0], int64(-1)
	for _, d := range devices {
		if t := x.deviceTime(d); t.BusyNs > most {
			busiest, most = d, t.BusyNs
		}
	}
	work := make([]int32, 0, len(x.gpu))
	for i := range x.gpu {
		if x.gpu[i].device == busiest {
			work = append(work, int32(i))
		}
	}
	roles := x.kernelRoles(work)
	launched := slices.ContainsFunc(steps, func(s Step) bool { return s.GPUEvents > 0 })
	for _, s := range steps {
		switch {
		case !launched: // marks on a thread that launches nothing
			d.window(s, s.StartNs, s.StartNs+s.CPUNs)
		case s.GPUEvents > 0:
			d.window(s, s.GPUFirstNs, s.GPUFirstNs+s.TimeNs)
		}
	}
	if len(d.windows) > 0 {
		d.sweepGPU(work, roles)
		d.out.Steps = d.windows
		return
	}
	var last int64
	for _, i := range work {
		last = max(last, x.gpu[i].end)
	}
	d.window(Step{GapNs: -1}, x.gpu[work[0]].start, last)
	d.sweepGPU(work, roles)
	d.out.Whole = &d.windows[0]
}

// sweepGPU shares out GPU work, in order of time, and the gaps between.
func (d *divider) sweepGPU(work []int32, roles []string) {
	x := d.x
	until := d.windows[0].BeginNs
	for k, i := range work {
		g := &x.gpu[i]
		if g.start > until {
			d.idle(x.cause(g, until), until, g.start)
		}
		row := d.row(g.name, x.kernelCategory(g), roles[k])
		d.count(row, g.start)
		d.work(row, -1, g.class == classComm, max(g.start, until), g.end)
		until = max(until, g.end)
	}
	if last := d.windows[len(d.windows)-1].EndNs; until < last {
		d.idle(IdleUnknown, until, last)
	}
}

// cause says why nothing ran from a moment to a piece of work's start, as Idle does.
func (x *index) cause(g *gpuEvent, from int64) IdleCause {
	switch {
	case g.call < 0:
		return IdleUnknown
	case x.calls[g.call].start > from:
		return IdleHost
	case g.start-from < x.options.LaunchGapNs:
		return IdleLaunch
	}
	return IdleOther
}

// cpu divides the steps of a CPU-only trace: the time of the thread that takes most of them.
func (d *divider) cpu(steps []Step) {
	x := d.x
	took := map[trace.TrackID]int64{}
	marks := x.chooseSteps()
	if len(marks) != len(steps) {
		marks, steps = nil, nil // inferred from launches, which a CPU has not
	}
	track, most := x.host[0].track, int64(-1)
	for _, m := range marks {
		took[m.track] += m.end - m.start
		if took[m.track] > most {
			track, most = m.track, took[m.track]
		}
	}
	if len(marks) == 0 {
		for _, h := range x.host {
			took[h.track] += h.end - h.start
			if took[h.track] > most {
				track, most = h.track, took[h.track]
			}
		}
	}
	for i, s := range steps {
		if marks[i].track == track {
			d.window(s, s.StartNs, s.StartNs+s.CPUNs)
		}
	}
	from := slices.IndexFunc(x.host, func(h hostSpan) bool { return h.track == track })
	to := from
	var end int64
	for to < len(x.host) && x.host[to].track == track {
		end = max(end, x.host[to].end)
		to++
	}
	if len(d.windows) > 0 {
		d.sweepCPU(x.host[from:to])
		d.out.Steps = d.windows
		return
	}
	d.window(Step{GapNs: -1}, x.host[from].start, end)
	d.sweepCPU(x.host[from:to])
	d.out.Whole = &d.windows[0]
}

// sweepCPU shares out one thread's time: to the innermost op, and outside all ops to IdleOutside.
func (d *divider) sweepCPU(spans []hostSpan) {
	type open struct {
		end        int64
		row, layer int // row -1: an annotation that is no work
		comm       bool
	}
	var stack []open
	at := d.windows[0].BeginNs
	advance := func(to int64) {
		if to <= at {
			return
		}
		if n := len(stack); n > 0 && stack[n-1].row >= 0 {
			top := &stack[n-1]
			d.work(top.row, top.layer, top.comm, at, to)
		} else {
			d.idle(IdleOutside, at, to)
		}
		at = to
	}
	for _, h := range spans {
		for len(stack) > 0 && stack[len(stack)-1].end <= h.start {
			advance(stack[len(stack)-1].end)
			stack = stack[:len(stack)-1]
		}
		advance(h.start)
		end := h.end
		if n := len(stack); n > 0 {
			end = min(end, stack[n-1].end)
		}
		o := open{end: end, row: -1, layer: -1}
		e := &d.x.t.Events
		name := e.Name(int(h.row))
		category := d.x.ops.of(d.x.name(name))
		if e.Category(int(h.row)) == trace.CategoryCPUOp || category == categoryComm {
			var role string
			role, o.layer = d.x.module(h.row)
			o.row, o.comm = d.row(name, category, role), category == categoryComm
			d.count(o.row, h.start)
		}
		stack = append(stack, o)
	}
	for len(stack) > 0 {
		advance(stack[len(stack)-1].end)
		stack = stack[:len(stack)-1]
	}
	advance(d.windows[len(d.windows)-1].EndNs)
}

// module is where in the model an op is: its module, the layer's number replaced by *, and that number; -1 if there is
// none.
func (x *index) module(row int32) (role string, layer int) {
	s := x.t.Events.Side(int(row))
	if s == trace.NoSide || x.t.Events.Category(int(row)) != trace.CategoryCPUOp {
		return "", -1
	}
	id := x.t.Ops.At(s).Module
	if id == 0 {
		return "", -1
	}
	layer = -1
	parts := strings.Split(x.name(id), ".")
	for i, p := range parts {
		if n, err := strconv.Atoi(p); err == nil && n >= 0 && n < maxLayers {
			parts[i] = "*"
			if layer < 0 {
				layer = n
			}
		}
	}
	if len(parts) > 1 && parts[0] == "model" {
		parts = parts[1:]
	}
	return strings.Join(parts, "."), layer
}

// maxLayers bounds what a file can make of LayerNs.
const maxLayers = 4096
