package roofline

import (
	"strconv"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/words"
)

// peaks finds what the trace's device can do, or why that is not known.
func peaks(x *index.Index) (*GPU, words.Message) {
	if !x.OnGPU {
		if g := measuredPeaks(x); g != nil {
			return g, words.Message{}
		}
		return nil, words.Say("cpu_not_measured", "what this CPU can do was not measured: figures are without a share")
	}
	device := -1
	if len(x.GPU) > 0 {
		device = int(x.GPU[0].Device)
	}
	for _, d := range x.Trace.Meta.Devices {
		if d.ID != device && len(x.Trace.Meta.Devices) > 1 {
			continue
		}
		if g, ok := gpuOf(d); ok {
			return &g, words.Message{}
		}
		return nil, words.Say("peaks_unknown", "the peaks of {device} are not known: figures are without a share", words.LongName("device", d.Name, strconv.Quote(d.Name)))
	}
	if len(x.Trace.Meta.Devices) > 0 { // ROCm numbers devices as the system does, not as the process sees them
		if g, ok := gpuOf(x.Trace.Meta.Devices[0]); ok {
			return &g, words.Message{}
		}
	}
	return nil, words.Say("device_unknown", "the trace does not say which device it is of: figures are without a share")
}

// measuredPeaks are what an engine says of the CPU on which it ran.
func measuredPeaks(x *index.Index) *GPU {
	if e := &x.Trace.Meta.Engine; e.FLOPsPerS > 0 && e.BytesPerS > 0 {
		return &GPU{Name: e.Device, CPU: true, FP32: e.FLOPsPerS, FP16: e.FLOPsPerS, MemoryBytesPerS: e.BytesPerS,
			Source: "measured by the engine"}
	}
	return nil
}
