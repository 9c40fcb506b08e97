package iterations

import (
	"regexp"
	"strings"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// What a trace shows of the model that ran, whatever was said of it: the type that it computes in, from the names of its
// matrix products and the inputs of its linear layers; how often attention runs in a step, which is once a layer; and the size
// that its linear layers share, where shapes were recorded. Two traces that differ in these are not of the same work.

// Model is what is known of it; fields are empty where nothing tells.
type Model struct {
	Dtype  string `json:"dtype,omitempty"`  // fp32, tf32, fp16, bf16, fp8: of most of the time of matrix products
	Layers int    `json:"layers,omitempty"` // how often attention runs in a step
	Hidden int64  `json:"hidden,omitempty"` // what most linear layers take for an input row
}

// mostProducts is how many linear layers are looked at: a model's are the same in each step.
const mostProducts = 4096

// modelOf looks at divided steps, and at the inputs of ops.
func modelOf(x *index.Index, r *RankIterations) Model {
	m := Model{Dtype: dtypeOf(r), Layers: layersOf(r)}
	products := map[trace.StringID]bool{}
	for id := range x.Trace.Strings.Len() {
		switch x.Trace.Strings.At(trace.StringID(id)) {
		case "aten::linear", "aten::mm", "aten::addmm":
			products[trace.StringID(id)] = true
		}
	}
	if len(products) == 0 {
		return m
	}
	e := &x.Trace.Events
	sizes, dtypes := map[int64]int{}, map[string]int{}
	for row, seen := 0, 0; row < e.Len() && seen < mostProducts; row++ {
		if s := e.Side(row); s != trace.NoSide && e.Category(row) == trace.CategoryCPUOp && products[e.Name(row)] {
			op := x.Trace.Ops.At(s)
			size, dtype := rowOf(x.Trace.Inputs.Shapes(op.Shapes).Args, x.Trace.Inputs.Dtypes(op.Dtypes).Names)
			if size > 0 {
				seen++
				sizes[size]++
				dtypes[dtype]++
			}
		}
	}
	for size, n := range sizes {
		if most := sizes[m.Hidden]; n > most || n == most && size < m.Hidden {
			m.Hidden = size
		}
	}
	if dtype, _ := most(dtypes); m.Dtype == "" {
		m.Dtype = dtype
	}
	return m
}

// rowOf is the size and the type of the rows that a linear layer takes: the last dimension of its first matrix.
func rowOf(args []trace.Shape, types []string) (int64, string) {
	for i, a := range args {
		if n := len(a.Dims); n >= 2 && a.Dims[n-1] > 1 {
			if i < len(types) {
				return a.Dims[n-1], shortDtype(types[i])
			}
			return a.Dims[n-1], ""
		}
	}
	return 0, ""
}

func shortDtype(name string) string {
	switch strings.TrimPrefix(strings.ToLower(name), "c10::") {
	case "float", "float32":
		return "fp32"
	case "half", "float16":
		return "fp16"
	case "bfloat16":
		return "bf16"
	}
	return ""
}

// most is the key with the greatest number; of several the first in order.
func most(of map[string]int) (key string, n int) {
	for k, v := range of {
		if v > n || v == n && k < key {
			key, n = k, v
		}
	}
	return key, n
}

// dtypeMost is the part of matrix products' time that must be of one type for it to be the model's.
const dtypeMost = 0.6

func dtypeOf(r *RankIterations) string {
	named := make([]string, len(r.Work))
	for i, w := range r.Work {
		switch w.Category {
		case "gemm", "quant_gemm", "moe_gemm":
			named[i] = dtypeNamed(w.Name)
		}
	}
	ns := map[string]int{}
	whole := 0
	for i := range r.Steps {
		for _, s := range r.Steps[i].Shares {
			if d := named[s.Work]; d != "" {
				ns[d] += int(s.Ns)
				whole += int(s.Ns)
			}
		}
	}
	if dtype, n := most(ns); float64(n) > dtypeMost*float64(whole) {
		return dtype
	}
	return ""
}

// dtypeNames are what the names of matrix products say of their inputs' type, the first that matches: cuBLAS' letters (h, t,
// s, for half, bfloat and single), Tensile's, C++ types and those of kernels' own names. A product of quantized weights
// multiplies in the type of its activations, which its name has, too.
var dtypeNames = []struct {
	name  *regexp.Regexp
	dtype string
}{
	{regexp.MustCompile(`nvjet_(sm\d+_)?h[a-z]{2}_`), "fp16"},
	{regexp.MustCompile(`nvjet_(sm\d+_)?t[a-z]{2}_`), "bf16"},
	{regexp.MustCompile(`nvjet_(sm\d+_)?s[a-z]{2}_`), "fp32"},
	{regexp.MustCompile(`nvjet_(sm\d+_)?q`), "fp8"},
	{regexp.MustCompile(`^Cijk_\w+?_BB?S_`), "bf16"},
	{regexp.MustCompile(`^Cijk_\w+?_HH?S_`), "fp16"},
	{regexp.MustCompile(`^Cijk_\w+?_SB?_`), "fp32"},
	{regexp.MustCompile(`(?i)bfloat16|bf16`), "bf16"},
	{regexp.MustCompile(`(?i)__half|\bhalf\b|half_t|fp16|float16|[a-z_]f16|\b[hH]gemm|_h16816|_h1688`), "fp16"},
	{regexp.MustCompile(`(?i)e4m3|e5m2|fp8`), "fp8"},
	{regexp.MustCompile(`(?i)tf32`), "tf32"},
	{regexp.MustCompile(`(?i)sgemm|f32f32|\bfloat\b|_f32`), "fp32"},
}

func dtypeNamed(name string) string {
	for _, d := range dtypeNames {
		if d.name.MatchString(name) {
			return d.dtype
		}
	}
	return ""
}

// layersOf counts attention in the decode step in the middle, or the step: the number that most kinds of attention's work
// have in common, since it may be of several kernels a layer, and of some a step.
func layersOf(r *RankIterations) int {
	var of []*Iteration
	for _, phase := range []trace.StepPhase{trace.StepDecode, ""} {
		for i := range r.Steps {
			if s := &r.Steps[i]; (s.Phase == phase || phase == "") && !s.Unmeasured {
				of = append(of, s)
			}
		}
		if len(of) > 0 {
			break
		}
	}
	if len(of) == 0 {
		return 0
	}
	kinds := map[int]int{} // by how often they run
	for _, s := range of[len(of)/2].Shares {
		if r.Work[s.Work].Category == "attn" {
			kinds[s.Count]++
		}
	}
	layers := 0
	for count, n := range kinds {
		if n > kinds[layers] || n == kinds[layers] && count > layers {
			layers = count
		}
	}
	return layers
}
