package analyze

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// What may be wrong with the categories of a trace, as shares of its GPU time.
const (
	otherShare    = 0.005 // in kernels that no rule knows
	misfiledShare = 0.010 // in kernels that are something else by testdata/kernel_categories.tsv
	unjudgedShare = 0.005 // in kernels that are not in that table, which has what makes up the rest
)

// judged are the categories of kernels as a reader judges them, by judgedKey.
var judged = sync.OnceValue(func() map[string]string {
	text, err := os.ReadFile(filepath.Join("testdata", "kernel_categories.tsv"))
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		category, key, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if ok && !strings.HasPrefix(line, "#") {
			out[key] = category
		}
	}
	return out
})

var digits = regexp.MustCompile(`\d+`)

// judgedKey is a name as the table has it: numbers tell sizes and architectures, and what comes late is parameters.
func judgedKey(name string) string {
	key, longest := digits.ReplaceAllString(name, "#"), 36
	if strings.ContainsAny(key, "<(:") {
		longest = 200
	}
	return key[:min(len(key), longest)]
}

// checkCategories: the rules know the kernels of real traces, and as what they are.
func checkCategories(t *testing.T, path string, res *Result) {
	t.Helper()
	if set := filepath.Base(filepath.Dir(filepath.Dir(path))); res.Kind != index.KindGPU || set != "own" && set != "public" {
		return
	}
	var whole, other, misfiled, unjudged int64
	for _, k := range res.Kernels {
		whole += k.TotalNs
		want := judged()[judgedKey(k.Name)]
		switch {
		case k.Category == categories.Memcpy || k.Category == categories.Memset: // by what the file says
		case want == "":
			unjudged += k.TotalNs
		case want != k.Category:
			misfiled += k.TotalNs
			t.Logf("%d ns of %s, want %s: %s", k.TotalNs, k.Category, want, k.Name)
		}
		if k.Category == categories.Other && want != categories.Other { // some names say nothing: "Kernel"
			other += k.TotalNs
		}
	}
	share := func(ns int64) float64 { return float64(ns) / float64(max(whole, 1)) }
	if share(other) > otherShare || share(misfiled) > misfiledShare || share(unjudged) > unjudgedShare {
		t.Errorf("of the GPU's time %.2f %% is in kernels of no category, %.2f %% in a wrong one, %.2f %% is not judged; at most %.1f, %.1f and %.1f %%",
			100*share(other), 100*share(misfiled), 100*share(unjudged), 100*otherShare, 100*misfiledShare, 100*unjudgedShare)
	}
}

// launchedBy is what kernels are that an op launches by itself, whatever they are called.
var launchedBy = map[string]string{
	"gemm":        "aten::mm aten::addmm aten::bmm aten::baddbmm aten::linear aten::matmul",
	"conv":        "aten::convolution aten::_convolution aten::cudnn_convolution aten::miopen_convolution aten::convolution_backward aten::max_pool2d_with_indices aten::cudnn_convolution_backward_input aten::cudnn_convolution_backward_weight",
	"norm":        "aten::native_batch_norm aten::cudnn_batch_norm aten::native_layer_norm aten::native_layer_norm_backward aten::cudnn_batch_norm_backward aten::native_batch_norm_backward _C::rms_norm _C::fused_add_rms_norm aten::_fused_rms_norm",
	"attn":        "aten::_cudnn_attention_forward aten::_flash_attention_forward aten::_efficient_attention_forward _vllm_fa3_C::fwd _vllm_fa3_C::get_scheduler_metadata",
	"activation":  "aten::silu aten::gelu aten::sigmoid aten::threshold_backward _C::silu_and_mul sgl_kernel::silu_and_mul",
	"softmax":     "aten::_softmax aten::_log_softmax aten::_softmax_backward_data",
	"sampling":    "aten::argmax aten::sort aten::topk aten::multinomial aten::exponential_",
	"embed_index": "aten::index_select aten::index aten::gather aten::cat aten::_cat aten::arange aten::embedding aten::scatter_ aten::_index_put_impl_",
	"reduce":      "aten::sum aten::mean aten::all aten::any aten::max aten::cumsum aten::min",
	"elementwise": "aten::add aten::add_ aten::mul aten::mul_ aten::div aten::div_ aten::copy_ aten::fill_ aten::sub aten::neg aten::cos aten::sin aten::pow aten::rsqrt aten::eq aten::ne aten::where aten::bitwise_and aten::zero_ aten::addcmul_ aten::sqrt",
	"rope":        "_C::rotary_embedding sgl_kernel::rotary_embedding",
	"kv_cache":    "_C_cache_ops::reshape_and_cache_flash",
	"quant_gemm":  "_C::machete_mm",
}

// TestCategoriesByLaunch: what a name says of a kernel agrees with what the op that launched it does, which no rule has looked at.
func TestCategoriesByLaunch(t *testing.T) {
	if testing.Short() {
		t.Skip("reads every trace of ../shared: left out of short runs")
	}
	wanted := map[string]string{}
	for category, ops := range launchedBy {
		for op := range strings.FieldsSeq(ops) {
			wanted[op] = category
		}
	}
	names := categories.New(categories.Kernels())
	var compared, differ int64
	for _, o := range oracles(t) {
		tr, err := formats.ReadFile(o.trace, source.Options{})
		if err != nil {
			continue
		}
		for _, rank := range Analyze([]*trace.Trace{tr}, Options{GPUEvents: true}).Ranks {
			for _, e := range rank.GPUEvents {
				want := wanted[e.Op]
				if !e.Kernel || e.Graph || want == "" {
					continue
				}
				got := names.Of(e.Name)
				compared += e.DurationNs
				switch {
				case got == want:
				case want == "conv" && (got == "gemm" || got == "elementwise"): // convolutions are made of these, called as such
				default:
					differ += e.DurationNs
					t.Logf("%d ns of %s in %s: %s is %s", e.DurationNs, e.Op, o.name, e.Name[:min(len(e.Name), 150)], got)
				}
			}
		}
	}
	if compared == 0 {
		t.Skip("needs the traces of ../shared, which are not here")
	}
	if share := float64(differ) / float64(compared); share > misfiledShare {
		t.Errorf("%.2f %% of %d ns is called otherwise than its op; at most %.1f %%", 100*share, compared, 100*misfiledShare)
	} else {
		t.Logf("%.3f %% of %d ns differs", 100*share, compared)
	}
}
