package roofline

import (
	"regexp"

	"github.com/inferprof/inferprof/trace"
)

// GPU is what a device can do at most: its vendor's figures, for dense matrices. 0 where the device has no such units.
//
// The figures are those at boost clock that the vendor's datasheets give. No kernel reaches them; published matrix
// benchmarks come to 70–90 % of the arithmetic and 80–93 % of the bandwidth.
type GPU struct {
	Name string `json:"name"`

	// FLOP/s (int8: operations per second). FP32 is what vector units do; TF32 and below are matrix units.
	FP32 float64 `json:"fp32_flops_per_s"`
	TF32 float64 `json:"tf32_flops_per_s,omitempty"`
	FP16 float64 `json:"fp16_flops_per_s"` // bf16 too, where the device has it
	FP8  float64 `json:"fp8_flops_per_s,omitempty"`
	INT8 float64 `json:"int8_ops_per_s,omitempty"`
	FP4  float64 `json:"fp4_flops_per_s,omitempty"`

	MemoryBytesPerS float64 `json:"memory_bytes_per_s"`
	CPU             bool    `json:"cpu,omitempty"`      // peaks of a CPU, or of the part of it that a rank used
	L2Bytes         int64   `json:"l2_bytes,omitempty"` // 0: not looked up; AMD: of all dies
	Source          string  `json:"source"`
}

// gpuRow is a line of the table: a device under the names that drivers give it, in T(FL)OP/s, TB/s and MB. The first
// line that matches wins.
type gpuRow struct {
	match                            *regexp.Regexp
	name                             string
	fp32, tf32, fp16, fp8, int8, fp4 float64
	memory                           float64
	l2                               int64
	source                           string
}

func gpu(match, name string, fp32, tf32, fp16, fp8, int8, fp4, memory float64, l2 int64, source string) gpuRow {
	return gpuRow{regexp.MustCompile(match), name, fp32, tf32, fp16, fp8, int8, fp4, memory, l2, source}
}

// gpuTable has vendors' figures without sparsity: where a datasheet gives only those with (NVIDIA since Ampere: the
// double), half of them. Of MI250 and MI250X a device is one of the two dies, and has half of the card's.
var gpuTable = []gpuRow{
	//  names                              device            fp32   tf32    fp16    fp8     int8    fp4    TB/s   L2   source
	gpu(`GB300`, "NVIDIA GB300", 80, 1250, 2500, 5000, 165, 15000, 8, 126, "NVIDIA GB300 NVL72 datasheet, per GPU"),
	gpu(`B300`, "NVIDIA B300", 75, 1125, 2250, 4500, 150, 13500, 8, 126, "NVIDIA HGX B300 datasheet, per GPU"),
	gpu(`GB200`, "NVIDIA GB200", 80, 1250, 2500, 5000, 5000, 10000, 8, 126, "NVIDIA GB200 NVL72 datasheet, per GPU"),
	gpu(`B200`, "NVIDIA B200", 75, 1125, 2250, 4500, 4500, 9000, 8, 126, "NVIDIA DGX and HGX B200 datasheets, per GPU"),
	gpu(`GH200.*144G`, "NVIDIA GH200 144GB", 67, 494.5, 989.5, 1979, 1979, 0, 4.9, 50, "NVIDIA GH200 datasheet"),
	gpu(`GH200`, "NVIDIA GH200 96GB", 67, 494.5, 989.5, 1979, 1979, 0, 4, 50, "NVIDIA GH200 datasheet"),
	gpu(`H200 NVL`, "NVIDIA H200 NVL", 60, 417.5, 835.5, 1670.5, 1670.5, 0, 4.8, 50, "NVIDIA H200 datasheet"),
	gpu(`H200`, "NVIDIA H200", 67, 494.5, 989.5, 1979, 1979, 0, 4.8, 50, "NVIDIA H200 datasheet"),
	gpu(`H100 NVL`, "NVIDIA H100 NVL", 60, 417.5, 835.5, 1670.5, 1670.5, 0, 3.9, 50, "NVIDIA H100 datasheet"),
	gpu(`H100 PCIe`, "NVIDIA H100 PCIe", 51, 378, 756, 1513, 1513, 0, 2, 50, "NVIDIA H100 datasheet"),
	gpu(`H100`, "NVIDIA H100 SXM", 67, 494.5, 989.5, 1979, 1979, 0, 3.35, 50, "NVIDIA H100 datasheet"),
	gpu(`A100.*PCIE?.*80GB|A100 80GB PCIe`, "NVIDIA A100 80GB PCIe", 19.5, 156, 312, 0, 624, 0, 1.935, 40, "NVIDIA A100 datasheet"),
	gpu(`A100.*80GB`, "NVIDIA A100 80GB SXM", 19.5, 156, 312, 0, 624, 0, 2.039, 40, "NVIDIA A100 datasheet"),
	gpu(`A100`, "NVIDIA A100 40GB", 19.5, 156, 312, 0, 624, 0, 1.555, 40, "NVIDIA A100 datasheet"),
	gpu(`\bL40S\b`, "NVIDIA L40S", 91.6, 183, 362, 733, 733, 0, 0.864, 96, "NVIDIA L40S datasheet"),
	gpu(`\bL40\b`, "NVIDIA L40", 90.5, 90.5, 181, 362, 362, 0, 0.864, 96, "NVIDIA L40 datasheet"),
	gpu(`\bL4\b`, "NVIDIA L4", 30.3, 60, 121, 242.5, 242.5, 0, 0.3, 48, "NVIDIA L4 datasheet"),
	gpu(`\bA10G?\b`, "NVIDIA A10", 31.2, 62.5, 125, 0, 250, 0, 0.6, 6, "NVIDIA A10 datasheet"),
	gpu(`\bT4\b`, "NVIDIA T4", 8.1, 0, 65, 0, 130, 0, 0.32, 4, "NVIDIA T4 datasheet"),
	gpu(`V100S`, "NVIDIA V100S PCIe", 16.4, 0, 130, 0, 0, 0, 1.134, 6, "NVIDIA V100 datasheet"),
	gpu(`V100-PCIE`, "NVIDIA V100 PCIe", 14, 0, 112, 0, 0, 0, 0.9, 6, "NVIDIA V100 datasheet"),
	gpu(`V100`, "NVIDIA V100 SXM2", 15.7, 0, 125, 0, 0, 0, 0.9, 6, "NVIDIA V100 datasheet"),

	gpu(`MI355X`, "AMD MI355X", 157.3, 0, 2516.6, 5033.2, 5033.2, 10066.3, 8, 32, "AMD Instinct MI355X data sheet"),
	gpu(`MI350X`, "AMD MI350X", 144.2, 0, 2306.9, 4613.7, 4613.7, 9227.5, 8, 32, "AMD Instinct MI350X data sheet"),
	gpu(`MI325X`, "AMD MI325X", 163.4, 653.7, 1307.4, 2614.9, 2614.9, 0, 6, 32, "AMD Instinct MI325X data sheet"),
	gpu(`MI300X`, "AMD MI300X", 163.4, 653.7, 1307.4, 2614.9, 2614.9, 0, 5.3, 32, "AMD Instinct MI300X data sheet"),
	gpu(`MI300A`, "AMD MI300A", 122.6, 490.3, 980.6, 1961.2, 1961.2, 0, 5.3, 24, "AMD Instinct MI300A data sheet"),
	gpu(`MI250X`, "AMD MI250X, one die", 47.9, 0, 191.5, 0, 191.5, 0, 1.6384, 8, "AMD Instinct MI250X data sheet, half"),
	gpu(`MI250`, "AMD MI250, one die", 45.3, 0, 181, 0, 181, 0, 1.6384, 8, "AMD Instinct MI250 data sheet, half"),
	gpu(`MI210`, "AMD MI210", 45.3, 0, 181, 0, 181, 0, 1.6384, 8, "AMD Instinct MI210 data sheet"),
}

// LookupGPU finds what a device can do by the name that its driver gives it.
func LookupGPU(name string) (GPU, bool) {
	for _, r := range gpuTable {
		if r.match.MatchString(name) {
			const tera, mega = 1e12, 1 << 20
			return GPU{Name: r.name, FP32: r.fp32 * tera, TF32: r.tf32 * tera, FP16: r.fp16 * tera, FP8: r.fp8 * tera,
				INT8: r.int8 * tera, FP4: r.fp4 * tera, MemoryBytesPerS: r.memory * tera, L2Bytes: r.l2 * mega, Source: r.source}, true
		}
	}
	return GPU{}, false
}

// gpuOf finds a device. Some builds of ROCm leave its name empty; then its number of compute units and its memory tell
// MI300X and MI325X.
func gpuOf(d trace.Device) (GPU, bool) {
	if d.Name == "" && d.Multiprocessors == 304 {
		if d.TotalMemoryBytes > 220e9 {
			return LookupGPU("MI325X")
		}
		return LookupGPU("MI300X")
	}
	return LookupGPU(d.Name)
}

// Dtypes of a model's arithmetic.
const (
	dtypeFP32 = "fp32"
	dtypeTF32 = "tf32"
	dtypeFP16 = "fp16"
	dtypeBF16 = "bf16"
	dtypeFP8  = "fp8"
	dtypeINT8 = "int8"
	dtypeFP4  = "fp4"
)

// peak is what the device does per second in a dtype; 0 if it has no units for it, or the dtype is not known.
func (g *GPU) peak(dtype string) float64 {
	switch dtype {
	case dtypeFP32:
		return g.FP32
	case dtypeTF32:
		return g.TF32
	case dtypeFP16, dtypeBF16:
		return g.FP16
	case dtypeFP8:
		return g.FP8
	case dtypeINT8:
		return g.INT8
	case dtypeFP4:
		return g.FP4
	}
	return 0
}
