package report

import (
	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/internal/words"
)

// The tables of what ran: categories, kernels, ops, modules, copies.

// sigma is the head of sums of durations; "" where they are the exclusive times again.
func sigma(r *analyze.Result) string {
	if !r.Overlaps() {
		return ""
	}
	return "Σ durations"
}

func categoryTable(r *analyze.Result) dataTable {
	note := "exclusive GPU time: overlaps go to what started first"
	if r.Kind == analyze.KindCPU {
		note = "self time of ops on all threads"
	}
	d := dataTable{title: "Categories", note: sumOver(r, note), cols: []dataColumn{
		{"category", "category", unitCategory}, {"exclusive_ns", "time", unitNs}, {"", "share", unitPercent}, {"count", "count", unitCount},
		{"total_ns", sigma(r), unitNs}}, weight: "exclusive_ns"}
	whole := r.TotalExclusiveNs()
	d.bars = &bars{high: whole}
	for _, c := range r.Categories {
		d.add(c.Name, c.ExclusiveNs, share(c.ExclusiveNs, whole), int64(c.Count), c.TotalNs)
		d.bars.add(0, c.ExclusiveNs, categoryClass(c.Name))
	}
	return d
}

func kernelTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Kernels", note: sumOver(r, "by exclusive time"), noun: "kernel", weight: "exclusive_ns", spare: []string{"Σ durations", "min", "max"}, cols: []dataColumn{
		{"exclusive_ns", "time", unitNs}, {"", "share", unitPercent}, {"count", "count", unitCount}, {"total_ns", sigma(r), unitNs},
		{"min_ns", "min", unitNs}, {"mean_ns", "", unitNs}, {"median_ns", "median", unitNs}, {"max_ns", "max", unitNs},
		{"category", "category", unitCategory}, {"kernel", "kernel", unitKernel}}}
	whole := r.TotalExclusiveNs()
	var names []string
	for _, k := range r.Kernels {
		names = append(names, k.Name)
	}
	for i, name := range categories.ShortKernels(names) {
		k := &r.Kernels[i]
		d.add(k.ExclusiveNs, share(k.ExclusiveNs, whole), int64(k.Count), k.TotalNs, k.MinNs, k.MeanNs, k.MedianNs, k.MaxNs, k.Category,
			longName{full: k.Name, short: name})
	}
	return d
}

func opTable(r *analyze.Result) dataTable {
	title := "CPU ops"
	if r.Kind == analyze.KindCPU {
		title = "Ops"
	}
	d := dataTable{title: title, note: sumOver(r, "by self time: less the ops and calls inside"), noun: "op", weight: "self_ns", cols: []dataColumn{
		{"self_ns", "self", unitNs}, {"", "share", unitPercent}, {"calls", "calls", unitCount}, {"", "self/call", unitNs}, {"total_ns", "total", unitNs},
		{"kind", "", unitWord}, {"category", "category", unitCategory}, {"op", "op", unitOp}}}
	whole := r.OpSelfNs()
	for _, o := range r.Ops {
		self := max(0, o.SelfNs)
		d.add(self, share(self, whole), int64(o.Calls), self/int64(max(1, o.Calls)), o.TotalNs, o.Kind, o.Category, o.Name)
	}
	return d
}

// categoryClass is the colour of a kind of work: kin have the same.
func categoryClass(name string) string {
	switch name {
	case "gemm", "quant_gemm", "moe_gemm", "moe_route", "conv", "lora":
		return "s-blue"
	case "attn", "kv_cache", "rope", "ssm":
		return "s-teal"
	case "comm":
		return "s-magenta"
	case "norm", "activation", "elementwise", "triton", "quantize", "compiled":
		return "s-orange"
	case "memcpy", "memset", "copy", "memory", "view":
		return "s-yellow"
	case "sampling", "softmax", "spec_decode":
		return "s-purple"
	case "embed_index", "reduce":
		return "s-brown"
	case "compile":
		return "s-red"
	case "python":
		return "s-idle"
	}
	return "s-grey"
}

// smallBytes is what a copy that is small has less than (package device).
const smallBytes = 4 << 10

func copyTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Memory operations", note: sumOver(r, "copies and sets on the device; small: under "+words.Memory(smallBytes)), cols: []dataColumn{
		{"ns", "time", unitNs}, {"count", "count", unitCount}, {"bytes", "bytes", unitBytes}, {"bytes_per_second", "rate", unitRate},
		{"small", "small", unitCount}, {"kind", "kind", unitWord}}}
	for _, m := range r.MemoryOps {
		d.add(m.Ns, int64(m.Count), known(m.Bytes), positive(m.BytesPerSecond), int64(m.Small), m.Name)
	}
	return d
}

func rooflineTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Roofline", note: sumOver(r, "ops whose shapes are known, against what the device can do"), cols: []dataColumn{
		{"time_ns", "time", unitNs}, {"count", "calls", unitCount}, {"flops_per_s", "rate", unitFLOPs}, {"bytes_per_s", "bandwidth", unitRate},
		{"intensity", "FLOPs/B", unitRatio}, {"roofline_percent", "roofline", unitPercent}, {"bound", "bound", unitWord}, {"flops", "", unitRatio},
		{"bytes", "", unitRatio}, {"kind", "kind", unitWord}, {"dtype", "dtype", unitWord}, {"graph", "", unitWord}, {"op", "op", unitOp}, {"dims", "shapes", unitShape}},
		noun: "op", spare: []string{"kind", "FLOPs/B", "dtype", "bound", "calls", "bandwidth"}}
	if r.Roofline == nil {
		return d
	}
	for _, o := range r.Roofline.Ops {
		var reached any
		if o.RooflinePercent >= 0 {
			reached = o.RooflinePercent
		}
		d.add(o.TimeNs, int64(o.Count), positive(o.FLOPsPerS), positive(o.BytesPerS), o.Intensity, reached, o.Bound, o.FLOPs, o.Bytes, o.Kind,
			o.Dtype, choose(o.Graph, "yes", ""), o.Name, o.Dims)
	}
	return d
}

func moduleTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Modules", note: sumOver(r, "all layers together; self is less the modules inside"), noun: "module", cols: []dataColumn{
		{"gpu_ns", "GPU time", unitNs}, {"gpu_self_ns", "GPU self", unitNs}, {"total_ns", "host time", unitNs}, {"self_ns", "host self", unitNs},
		{"calls", "calls", unitCount}, {"instances", "instances", unitCount}, {"gpu_events", "GPU events", unitCount}, {"module", "module", unitName}}}
	for _, m := range r.Modules {
		var gpu, gpuSelf, events any
		if r.Kind == analyze.KindGPU {
			gpu, gpuSelf, events = m.GPUNs, m.GPUSelfNs, int64(m.GPUEvents)
		}
		d.add(gpu, gpuSelf, m.TotalNs, m.SelfNs, int64(m.Calls), int64(m.Instances), events, m.Name)
	}
	return d
}
