package host

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/tables"
)

// Op is what all CPU ops, or all annotations, of one name took, in their own threads' time. Those of a compiler
// (categories.Compile) are apart from what a model ran under the same name.
type Op struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"` // the event category: cpu_op, user_annotation
	Category string `json:"category"`
	Calls    int    `json:"calls"`
	TotalNs  int64  `json:"total_ns"` // Σ durations
	// SelfNs is Σ durations less the parts inside which other ops, annotations or runtime calls ran, as in PyTorch's
	// own table ("Self CPU").
	SelfNs int64 `json:"self_ns"`
	// FLOPs and Bytes are what the ops say of themselves; 0 if they say nothing.
	FLOPs int64 `json:"flops,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
}

// Kinds of Op.
const (
	KindOp         = "cpu_op"
	KindAnnotation = "user_annotation"
)

// API is one runtime or driver function: cudaLaunchKernel, cudaStreamSynchronize …
type API struct {
	Name    string `json:"name"`
	Use     string `json:"use"` // launch, sync, copy, other
	Calls   int    `json:"calls"`
	TotalNs int64  `json:"total_ns"`
	SelfNs  int64  `json:"self_ns"` // less other calls and ops inside
	MaxNs   int64  `json:"max_ns"`
}

// Thread is one CPU thread that did something.
type Thread struct {
	PID     int64  `json:"pid"`
	TID     int64  `json:"tid"`
	Name    string `json:"name,omitempty"`
	Events  int    `json:"events"`
	BusyNs  int64  `json:"busy_ns"`   // moments inside any op, annotation or runtime call
	InOpsNs int64  `json:"in_ops_ns"` // moments whose innermost span is an op or a runtime call
}

// opCategory is the category of an op. An annotation is communication if its name says so, and compiling if it is the
// compiler's; else it is whatever ran inside it, and what remains is the Python around the ops.
func opCategory(x *index.Index, span *index.Span, kind string) string {
	category := x.OpCategory(span)
	if kind == KindAnnotation && category != categories.Comm && category != categories.Compile {
		return categories.Python
	}
	return category
}

func opClass(o *Op) index.Class {
	switch o.Category {
	case categories.Comm:
		return index.ClassComm
	case categories.Python:
		return index.ClassNone
	}
	return index.ClassCompute
}

// apiUse is API.Use of a function.
func apiUse(name string) string {
	switch {
	case index.IsKernelLaunch(name):
		return "launch"
	case index.IsSync(name):
		return "sync"
	case index.IsCopy(name):
		return "copy"
	}
	return "other"
}

// OpCategories sums ops and annotations by category, most self time first.
func OpCategories(ops []Op) []device.Category {
	rows := make([]device.Category, len(ops))
	for i, o := range ops {
		rows[i] = device.Category{Name: o.Category, Count: o.Calls, TotalNs: o.TotalNs, ExclusiveNs: o.SelfNs}
	}
	return device.SumCategories(rows)
}

// MergeOps gives one row per name, kind and category over all ranks.
func MergeOps(ranks ...[]Op) []Op {
	type key struct{ name, kind, category string }
	rows := tables.Merge(func(o *Op) key { return key{o.Name, o.Kind, o.Category} }, func(sum, o *Op) {
		sum.Calls += o.Calls
		sum.TotalNs += o.TotalNs
		sum.SelfNs += o.SelfNs
		sum.FLOPs += o.FLOPs
		sum.Bytes += o.Bytes
	}, ranks...)
	sortOps(rows)
	return rows
}

// MergeAPIs gives one row per function over all ranks.
func MergeAPIs(ranks ...[]API) []API {
	rows := tables.Merge(func(a *API) string { return a.Name }, func(sum, a *API) {
		sum.Calls += a.Calls
		sum.TotalNs += a.TotalNs
		sum.SelfNs += a.SelfNs
		sum.MaxNs = max(sum.MaxNs, a.MaxNs)
	}, ranks...)
	sortAPIs(rows)
	return rows
}

func sortOps(rows []Op) {
	slices.SortFunc(rows, func(a, b Op) int {
		return cmp.Or(cmp.Compare(b.SelfNs, a.SelfNs), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Category, b.Category))
	})
}

func sortAPIs(rows []API) {
	slices.SortFunc(rows, func(a, b API) int {
		return cmp.Or(cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(a.Name, b.Name))
	})
}
