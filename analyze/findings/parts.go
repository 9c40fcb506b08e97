package findings

// A conclusion is as true as the numbers that it is drawn from. Which parts of the result those are is said per rule, so that
// a report can put the marks of a problem beside what rests on its numbers. Most rules look at when a device worked, in
// steps; those that look elsewhere are listed.

// restsOn are the parts that the rules' numbers are from where they are not those of usualParts, by the rules' ids.
var restsOn = map[string][]string{
	"compiled_inside":            {"ops"},
	"rank_start_skew":            {"collectives"},
	"straggler_rank":             {"collectives", "steps"},
	"exposed_communication":      {"time", "collectives"},
	"custom_all_reduce_missing":  {"collectives", "steps"},
	"quantization_not_in_effect": {"kernels"},
	"slow_quantized_gemm":        {"kernels", "steps"},
	"activation_quantization":    {"kernels", "steps"},
	"unfused_elementwise":        {"kernels", "steps"},
	"low_occupancy_gemm":         {"kernels", "steps"},
	"gemm_below_roofline":        {"roofline"},
	"sampling_share":             {"kernels", "steps"},
	"attention_growth":           {"kernels", "steps"},
	"throttling":                 {"kernels", "steps"},
	"pageable_copies":            {"memory_ops", "time"},
	"tiny_copies":                {"memory_ops"},
	"device_allocations":         {"cpu", "steps"},
	"allocation_churn":           {"memory", "steps"},
	"memory_pressure":            {"memory"},
	"outside_ops":                {"time", "ops"},
	"dominant_op":                {"ops"},
	"idle_cores":                 {"parallel"},
	"unlinked_kernels":           {"launch"},
	"graph_underrecorded":        {"graphs"},
	"python_stacks":              {"cpu"},
}

var usualParts = []string{"time", "steps"}

func partsOf(id string) []string {
	if parts := restsOn[id]; parts != nil {
		return parts
	}
	return usualParts
}
