package host

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/tracetest"
)

func TestModules(t *testing.T) {
	b := tracetest.New()
	for layer := range int64(2) {
		at := layer * 1000
		suffix := "_" + strconv.FormatInt(layer, 10)
		b.Frame("nn.Module: DecoderLayer"+suffix, at, 900)
		b.Frame("nn.Module: Linear"+suffix, at+100, 300)
		b.Call("cudaLaunchKernel", 2*layer+1, at+150, 10)
		b.Kernel("gemm", 7, 2*layer+1, at+200, 50)
		b.Call("cudaLaunchKernel", 2*layer+2, at+500, 10) // in the layer itself
		b.Kernel("add", 7, 2*layer+2, at+600, 7)
	}
	want := []Module{
		{Name: "DecoderLayer", Instances: 2, Calls: 2, TotalNs: 1800, SelfNs: 1200, GPUNs: 114, GPUSelfNs: 14, GPUEvents: 4},
		{Name: "Linear", Instances: 2, Calls: 2, TotalNs: 600, SelfNs: 600, GPUNs: 100, GPUSelfNs: 100, GPUEvents: 2},
	}
	if diff := cmp.Diff(want, Modules(index.New(b.Trace, &index.Options{}))); diff != "" {
		t.Error(diff)
	}

	// What ops say themselves goes before frames; an op inside another of the same module is no call.
	at := func(module string, start, ns int64) {
		b.Op("aten::linear", start, ns)
		b.Trace.Ops.At(uint32(b.Trace.Ops.Len() - 1)).Module = b.Trace.Strings.InternString(module)
	}
	at("layers.0.mlp.down_proj", 5000, 100)
	at("layers.0.mlp.down_proj", 5010, 80)
	at("layers.1.mlp.down_proj", 5200, 100)
	want = []Module{{Name: "layers.*.mlp.down_proj", Instances: 2, Calls: 2, TotalNs: 200, SelfNs: 200}}
	if diff := cmp.Diff(want, Modules(index.New(b.Trace, &index.Options{}))); diff != "" {
		t.Error(diff)
	}
}
