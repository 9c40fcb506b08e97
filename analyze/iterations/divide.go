package iterations

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// workKey tells kinds of work.
type workKey struct {
	name trace.StringID
	role string
}

// divider shares time out among iterations. Work comes in order of time, so one place is enough to remember.
type divider struct {
	x       *index.Index
	out     *RankIterations
	windows []Iteration
	at      int // the first window that has not ended
	rowOf   map[workKey]int
	share   []map[int]int // of each window: Work → place in Shares
}

// layOut makes a window of each iteration that steps have.
func (d *divider) layOut(steps []index.Step) {
	for _, it := range index.Iterations(steps) {
		d.windows = append(d.windows, Iteration{Step: steps[it.Step], BeginNs: it.BeginNs, EndNs: it.EndNs})
	}
}

// whole makes one window of everything.
func (d *divider) whole(begin, end int64) {
	d.windows = append(d.windows, Iteration{Step: index.Step{TimeNs: end - begin, GapNs: -1, Open: true}, BeginNs: begin, EndNs: end})
}

// row finds or makes a kind of work.
func (d *divider) row(name trace.StringID, category, role string) int {
	k := workKey{name, role}
	r, ok := d.rowOf[k]
	if !ok {
		r = len(d.out.Work)
		d.rowOf[k] = r
		d.out.Work = append(d.out.Work, Work{Name: d.x.Name(name), Category: category, Role: role})
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

// idle shares out a time without work.
func (d *divider) idle(cause index.IdleCause, start, end int64) {
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
func (d *divider) gpu(steps []index.Step, devices []int32) {
	x := d.x
	busiest, most := devices[0], int64(-1)
	for _, d := range devices {
		if t := device.TimeOf(x, d); t.BusyNs > most {
			busiest, most = d, t.BusyNs
		}
	}
	work := make([]int32, 0, len(x.GPU))
	for i := range x.GPU {
		if x.GPU[i].Device == busiest {
			work = append(work, int32(i))
		}
	}
	roles := kernelRoles(x, work)
	d.layOut(steps)
	if len(d.windows) > 0 {
		d.sweepGPU(work, roles)
		d.out.Steps = d.windows
		return
	}
	var last int64
	for _, i := range work {
		last = max(last, x.GPU[i].EndNs)
	}
	d.whole(x.GPU[work[0]].StartNs, last)
	d.sweepGPU(work, roles)
	d.out.Whole = &d.windows[0]
}

// sweepGPU shares out GPU work, in order of time, and the gaps between.
func (d *divider) sweepGPU(work []int32, roles []string) {
	x := d.x
	until := d.windows[0].BeginNs
	for k, i := range work {
		g := &x.GPU[i]
		if g.StartNs > until {
			d.idle(x.CauseBefore(g, until), until, g.StartNs)
		}
		row := d.row(g.Name, x.KernelCategory(g), roles[k])
		d.count(row, g.StartNs)
		d.work(row, -1, g.Class == index.ClassComm, max(g.StartNs, until), g.EndNs)
		until = max(until, g.EndNs)
	}
	if last := d.windows[len(d.windows)-1].EndNs; until < last {
		d.idle(index.IdleUnknown, until, last)
	}
}

// cpu divides the steps of a CPU-only trace: the time of the thread that takes most of them.
func (d *divider) cpu(steps []index.Step, host []index.Span) {
	x := d.x
	took := map[trace.TrackID]int64{}
	marks := x.ChooseMarks()
	if len(marks) != len(steps) {
		marks, steps = nil, nil // inferred from launches, which a CPU has not
	}
	track, most := host[0].Track, int64(-1)
	for _, m := range marks {
		took[m.Track] += m.EndNs - m.StartNs
		if took[m.Track] > most {
			track, most = m.Track, took[m.Track]
		}
	}
	if len(marks) == 0 {
		for _, h := range host {
			took[h.Track] += h.EndNs - h.StartNs
			if took[h.Track] > most {
				track, most = h.Track, took[h.Track]
			}
		}
	}
	var own []index.Step
	for i := range steps {
		if marks[i].Track == track {
			own = append(own, steps[i])
		}
	}
	d.layOut(own)
	from := slices.IndexFunc(host, func(h index.Span) bool { return h.Track == track })
	to := from
	var end int64
	for to < len(host) && host[to].Track == track {
		end = max(end, host[to].EndNs)
		to++
	}
	if len(d.windows) > 0 {
		d.sweepCPU(host[from:to])
		d.out.Steps = d.windows
		return
	}
	d.whole(host[from].StartNs, end)
	d.sweepCPU(host[from:to])
	d.out.Whole = &d.windows[0]
}

// sweepCPU shares out one thread's time: to the innermost op, and outside all ops to index.IdleOutside.
func (d *divider) sweepCPU(spans []index.Span) {
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
			d.idle(index.IdleOutside, at, to)
		}
		at = to
	}
	for _, h := range spans {
		for len(stack) > 0 && stack[len(stack)-1].end <= h.StartNs {
			advance(stack[len(stack)-1].end)
			stack = stack[:len(stack)-1]
		}
		advance(h.StartNs)
		end := h.EndNs
		if n := len(stack); n > 0 {
			end = min(end, stack[n-1].end)
		}
		o := open{end: end, row: -1, layer: -1}
		e := &d.x.Trace.Events
		name := e.Name(int(h.Row))
		category := d.x.OpCategory(&h)
		if e.Category(int(h.Row)) == trace.CategoryCPUOp || category == categories.Comm || category == categories.Compile {
			var role string
			role, o.layer = module(d.x, h.Row)
			if category == categories.Compile { // apart from what the model runs under the same name
				role = category
			}
			o.row, o.comm = d.row(name, category, role), category == categories.Comm
			d.count(o.row, h.StartNs)
		}
		stack = append(stack, o)
	}
	for len(stack) > 0 {
		advance(stack[len(stack)-1].end)
		stack = stack[:len(stack)-1]
	}
	advance(d.windows[len(d.windows)-1].EndNs)
}

// maxLayers bounds what a file can make of LayerNs.
const maxLayers = 4096

// module is where in the model an op is: its module, the layer's number replaced by *, and that number; -1 if there is
// none.
func module(x *index.Index, row int32) (role string, layer int) {
	s := x.Trace.Events.Side(int(row))
	if s == trace.NoSide || x.Trace.Events.Category(int(row)) != trace.CategoryCPUOp {
		return "", -1
	}
	id := x.Trace.Ops.At(s).Module
	if id == 0 {
		return "", -1
	}
	layer = -1
	parts := strings.Split(x.Name(id), ".")
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
