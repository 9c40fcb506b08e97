package host

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/runs"
	"github.com/inferprof/inferprof/internal/tables"
	"github.com/inferprof/inferprof/trace"
)

// Module is what one kind of module of the model took: all layers' down projections, all instances of one class.
//
// Two things in a trace say in which module an op was: the op's "Module Hierarchy" (layers.3.mlp.down_proj, as the
// embedded engine writes it), or else the Python frames of modules ("nn.Module: Linear_17", of traces with stacks). The
// numbers of layers and instances are left out. GPU work is in the module that its launching call is in, so that what a
// graph replays is in the module, if any, that launches the graph.
type Module struct {
	Name      string `json:"name"`      // layers.*.mlp.down_proj; Linear
	Instances int    `json:"instances"` // different ones
	Calls     int    `json:"calls"`     // one inside another of the same kind is no call of its own
	TotalNs   int64  `json:"total_ns"`  // of the calls, on the host
	SelfNs    int64  `json:"self_ns"`   // less other modules inside
	GPUNs     int64  `json:"gpu_ns"`    // Σ of the GPU work launched inside, other modules inside included
	GPUSelfNs int64  `json:"gpu_self_ns"`
	GPUEvents int    `json:"gpu_events"` // launched inside
}

var (
	layerNumber    = regexp.MustCompile(`(^|\.)\d+(\.|$)`)
	instanceNumber = regexp.MustCompile(`_\d+$`)
)

// moduleKind is a module's name without the number of its layer or instance.
func moduleKind(name string) string {
	if class, ok := strings.CutPrefix(name, index.ModuleFrame); ok {
		return instanceNumber.ReplaceAllString(class, "")
	}
	return layerNumber.ReplaceAllString(name, "$1*$2")
}

// moduleSpan is one call of a module.
type moduleSpan struct {
	index.Span
	module trace.StringID
	row    int // of the table
}

// Modules measures modules, most GPU time first, and without a GPU most time.
func Modules(x *index.Index) []Module {
	spans := moduleSpans(x)
	if len(spans) == 0 {
		return nil
	}
	var rows []Module
	rowOfKind := map[string]int{}
	rowOf := map[trace.StringID]int{}
	nest := index.NewNest(len(spans))
	for i := range spans {
		s := &spans[i]
		r, ok := rowOf[s.module]
		if !ok {
			kind := moduleKind(x.Name(s.module))
			if r, ok = rowOfKind[kind]; !ok {
				r = len(rows)
				rowOfKind[kind] = r
				rows = append(rows, Module{Name: kind})
			}
			rowOf[s.module] = r
			rows[r].Instances++
		}
		s.row = r
		around := nest.Add(s.Span)
		inside := false
		for p := around; p >= 0 && !inside; p = nest.Around(p) {
			inside = spans[p].row == r
		}
		if !inside {
			rows[r].Calls++
			rows[r].TotalNs += s.EndNs - s.StartNs
		}
		rows[r].SelfNs += s.EndNs - s.StartNs
		if around >= 0 {
			rows[spans[around].row].SelfNs -= min(s.EndNs, spans[around].EndNs) - s.StartNs
		}
	}
	moduleWork(x, nest, spans, rows)
	sortModules(rows)
	return rows
}

// moduleWork files GPU work under the modules around its launch.
func moduleWork(x *index.Index, nest *index.Nest, spans []moduleSpan, rows []Module) {
	ns := make([]int64, len(x.Calls))
	for i := range x.GPU {
		if g := &x.GPU[i]; g.Call >= 0 {
			ns[g.Call] += g.EndNs - g.StartNs
		}
	}
	walk := x.Walk(nest)
	for i := range x.Calls {
		c := &x.Calls[i]
		if c.GPUEvents == 0 {
			continue
		}
		at := walk.At(c.Track, c.StartNs)
		if at < 0 {
			continue
		}
		rows[spans[at].row].GPUSelfNs += ns[i]
		for p := at; p >= 0; p = nest.Around(p) {
			again := false
			for q := at; q != p && !again; q = nest.Around(q) {
				again = spans[q].row == spans[p].row
			}
			if r := &rows[spans[p].row]; !again {
				r.GPUNs += ns[i]
				r.GPUEvents += int(c.GPUEvents)
			}
		}
	}
}

// moduleSpans lists the calls of modules by (track, start), parents first.
func moduleSpans(x *index.Index) []moduleSpan {
	var spans []moduleSpan
	e := &x.Trace.Events
	for _, h := range x.Host() {
		if i := int(h.Row); e.Category(i) == trace.CategoryCPUOp && e.Side(i) != trace.NoSide {
			if m := x.Trace.Ops.At(e.Side(i)).Module; m != 0 && x.Name(m) != "" {
				spans = append(spans, moduleSpan{Span: h, module: m})
			}
		}
	}
	if len(spans) > 0 {
		return spans
	}
	for _, h := range x.ModuleFrames {
		if x.HostWindows.At(h.StartNs) >= 0 {
			spans = append(spans, moduleSpan{Span: h, module: e.Name(int(h.Row))})
		}
	}
	runs.Sort(spans, func(a, b moduleSpan) int {
		return cmp.Or(cmp.Compare(a.Track, b.Track), index.CompareSpans(a.Span, b.Span))
	})
	return spans
}

// MergeModules gives one row per name over all ranks.
func MergeModules(ranks ...[]Module) []Module {
	rows := tables.Merge(func(m *Module) string { return m.Name }, func(sum, m *Module) {
		sum.Instances = max(sum.Instances, m.Instances) // the ranks have the same model
		sum.Calls += m.Calls
		sum.TotalNs += m.TotalNs
		sum.SelfNs += m.SelfNs
		sum.GPUNs += m.GPUNs
		sum.GPUSelfNs += m.GPUSelfNs
		sum.GPUEvents += m.GPUEvents
	}, ranks...)
	sortModules(rows)
	return rows
}

func sortModules(rows []Module) {
	slices.SortFunc(rows, func(a, b Module) int {
		return cmp.Or(cmp.Compare(b.GPUNs, a.GPUNs), cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(a.Name, b.Name))
	})
}
