package roofline

import (
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// TestGPUNames: the names are those of real traces and drivers.
func TestGPUNames(t *testing.T) {
	for name, want := range map[string]string{
		"NVIDIA H100 80GB HBM3":   "NVIDIA H100 SXM",
		"NVIDIA H100 PCIe":        "NVIDIA H100 PCIe",
		"NVIDIA H200":             "NVIDIA H200",
		"NVIDIA B200":             "NVIDIA B200",
		"NVIDIA GB200":            "NVIDIA GB200",
		"NVIDIA B300 SXM6 AC":     "NVIDIA B300",
		"NVIDIA GH200 480GB":      "NVIDIA GH200 96GB",
		"NVIDIA A100-SXM4-80GB":   "NVIDIA A100 80GB SXM",
		"NVIDIA A100-SXM4-40GB":   "NVIDIA A100 40GB",
		"NVIDIA A100-PG509-200":   "NVIDIA A100 40GB",
		"NVIDIA A100 80GB PCIe":   "NVIDIA A100 80GB PCIe",
		"NVIDIA L40S":             "NVIDIA L40S",
		"NVIDIA L4":               "NVIDIA L4",
		"Tesla V100-SXM2-32GB":    "NVIDIA V100 SXM2",
		"Tesla V100-DGXS-32GB":    "NVIDIA V100 SXM2",
		"Tesla V100-PCIE-16GB":    "NVIDIA V100 PCIe",
		"AMD Instinct MI300X":     "AMD MI300X",
		"AMD Instinct MI300X VF":  "AMD MI300X",
		"AMD Instinct MI325X":     "AMD MI325X",
		"AMD Instinct MI355X":     "AMD MI355X",
		"AMD Instinct MI250X":     "AMD MI250X, one die",
		"AMD Instinct MI210":      "AMD MI210",
		"ARTEMIS":                 "",
		"Quadro GP100":            "",
		"AMD Radeon Graphics":     "",
		"":                        "",
		"NVIDIA GeForce RTX 4090": "",
	} {
		if g, ok := LookupGPU(name); g.Name != want || ok != (want != "") {
			t.Errorf("%q is %q, want %q", name, g.Name, want)
		}
	}
	if g, _ := gpuOf(trace.Device{Multiprocessors: 304, TotalMemoryBytes: 206141652992}); g.Name != "AMD MI300X" {
		t.Errorf("a nameless device of 304 units and 192 GB is %q", g.Name)
	}
}

// TestGPUFigures: narrower types are no slower, and every row is of a plausible size: a slipped unit is a factor 1000.
func TestGPUFigures(t *testing.T) {
	for _, r := range gpuTable {
		if r.fp32 < 5 || r.fp16 < r.fp32 || r.fp8 != 0 && r.fp8 < r.fp16 || r.fp4 != 0 && r.fp4 < r.fp8 ||
			r.tf32 > r.fp16 || r.memory < 0.3 || r.memory > 10 || r.l2 == 0 || r.source == "" {
			t.Errorf("%+v", r)
		}
	}
}
