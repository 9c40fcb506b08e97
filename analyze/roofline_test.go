package analyze

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/analyze/roofline"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

const mib = 1 << 20

func readReal(t *testing.T, dir string) *trace.Trace {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(realTraces, "public", dir, "*.json.gz"))
	if len(files) == 0 {
		t.Skip("no trace of " + dir + " at " + realTraces)
	}
	tr, err := formats.ReadFile(files[0], source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func findOp(t *testing.T, r *roofline.Roofline, name, dims string) roofline.Op {
	t.Helper()
	for _, o := range r.Ops {
		if o.Name == name && o.Dims == dims {
			return o
		}
	}
	t.Fatalf("no %s %s", name, dims)
	return roofline.Op{}
}

// TestRooflineLaunched compares with TraceLens on a Hugging Face model, times to 0.1 %.
func TestRooflineLaunched(t *testing.T) {
	res := Analyze([]*trace.Trace{readReal(t, "tl__h100__Qwen_Qwen1.5-0.5B-Chat__1016005")}, Options{})
	for _, c := range []struct {
		name, dims    string
		count         int
		gflop, us, mb float64
	}{
		{"aten::mm", "[[8944, 1024], [1024, 2816]]", 48, 51.581550592, 4055.25, 71.0078125},
		{"aten::addmm", "[[1024], [8944, 1024], [1024, 1024], [], []]", 72, 18.766086144, 2329.08, 36.939453125},
		{"aten::_scaled_dot_product_flash_attention", "[[16, 16, 559, 64], [16, 16, 559, 64], [16, 16, 559, 64], [], [], [], []]",
			24, 10.239377408, 2722.70, 69.875},
	} {
		o := findOp(t, res.Roofline, c.name, c.dims)
		n := float64(o.Count)
		if o.Count != c.count || math.Abs(o.FLOPs/n/1e9-c.gflop) > 1e-6 || math.Abs(o.Bytes/n/mib-c.mb) > 1e-6 ||
			math.Abs(float64(o.TimeNs)/1e3/c.us-1) > 1e-3 || o.Invalid || o.RooflinePercent <= 0 || o.RooflinePercent > 102 {
			t.Errorf("%+v, want %+v", o, c)
		}
	}
}

// TestRooflineReplayed: a graph's kernels take their ops from its capture.
func TestRooflineReplayed(t *testing.T) {
	capture := readReal(t, "tl__inference__sglang_decode__capture_traces__bs_32_rank0")
	res := Analyze([]*trace.Trace{readReal(t, "tl__inference__sglang_decode__sglang_Qwen3-8B_decode")},
		Options{CaptureTraces: []*trace.Trace{capture}})
	o := findOp(t, res.Roofline, "aten::mm", "[[32, 4096], [4096, 24576]]")
	if o.Count != 36 || !o.Graph || math.Abs(o.FLOPs/36/1e9-6.442450944) > 1e-6 {
		t.Errorf("%+v", o)
	}
	if g := res.Ranks[0].Graphs[0]; g.Layers < 34 || g.Layers > 36 || !g.Captured || g.Kernels != 544 {
		t.Errorf("36 layers of 15 kernels are %+v", g)
	}
	attention := 0
	for _, o := range res.Roofline.Ops {
		if o.Kind == "attention" {
			attention += o.Count
			if math.Abs(float64(o.TimeNs)/1e3/2127.9-1) > 0.1 || math.Abs(o.FLOPs/float64(o.Count)/1e9-0.53714944) > 1e-6 {
				t.Errorf("%+v", o)
			}
		}
	}
	if attention != 36 {
		t.Errorf("%d attentions", attention)
	}
}

// TestRooflineHolds: no figure of a real trace that is shown is above what the device can do.
func TestRooflineHolds(t *testing.T) {
	for kind, traces := range ownTraces(t) {
		res := Analyze(traces, Options{})
		for _, o := range res.Roofline.Ops {
			if o.RooflinePercent > 102 || o.Invalid && (o.FLOPsPerS != 0 || o.BytesPerS != 0) || o.TimeNs <= 0 {
				t.Errorf("%s: %+v", kind, o)
			}
		}
	}
	if _, err := os.Stat(realTraces); err != nil {
		t.Log("only the project's own traces")
	}
}

// TestExpertsInside: gpt-oss' experts are Triton kernels inside moe_forward, whose inputs are the tokens and the router's logits
// alone. The sizes are the padded ones that the weights have: up to 5,888 and down from 2,944 of 3,072.
func TestExpertsInside(t *testing.T) {
	capture := readReal(t, "tl__inference__vllm_decode_full__capture_traces__graph_capture_rank_0.1773709742341309550")
	res := Analyze([]*trace.Trace{readReal(t, "tl__inference__vllm_decode_full__graph_execution")}, Options{CaptureTraces: []*trace.Trace{capture}})
	o := findOp(t, res.Roofline, "vllm::moe_forward", "[[32, 3072], [32, 32], [], []]")
	const flops = 2*32*4*3072*5888 + 2*32*4*2944*3072
	if o.Count != 24 || !o.Graph || o.Kind != "moe" || o.FLOPs/24 != flops || o.Invalid || o.RooflinePercent <= 0 {
		t.Errorf("%+v", o)
	}
	// TraceLens takes both for 3,072: 4.83 and 2.42 GFLOP, 284.92 and 142.93 MiB.
	if tl := (284.92 + 142.93) * mib; o.Bytes/24 > tl || o.Bytes/24 < 0.94*tl || flops > 7.25e9 || flops < 0.94*7.25e9 {
		t.Errorf("%.1f MiB, %.3f GFLOP a call", o.Bytes/24/mib, flops/1e9)
	}
}
