package categories

import (
	"slices"
	"strings"
	"testing"
)

func TestPartsOf(t *testing.T) {
	for _, c := range []struct {
		name, scopes, own, arguments string
	}{
		{"", "", "", ""},
		{"_fwd_kernel", "", "_fwd_kernel", ""},
		{"void vllm::moe::topkGatingSoftmax<8, float>(float const*, bool)", "vllm moe", "topkGatingSoftmax", "8, float"},
		{"void (anonymous namespace)::act_and_mul_kernel<bf16, ((anonymous namespace)::Kind)0>((anonymous namespace)::Params)", "", "act_and_mul_kernel",
			"bf16, ((anonymous namespace)::Kind)0"},
		{"void cutlass::device_kernel<<unnamed>::cutlass_2x_gemm<Sm89, (int)2>>(T1::Params)", "cutlass", "device_kernel", "<unnamed>::cutlass_2x_gemm<Sm89, (int)2>"},
		{"void at::native::<unnamed>::indexSelectLargeIndex<long, (int)-2>(T1)", "at native", "indexSelectLargeIndex", "long, (int)-2"},
		{"at::cuda::(anonymous namespace)::spin_kernel(long)", "at cuda", "spin_kernel", ""},
		{"std::enable_if<(((8)>(0)))&&true, void>::type vllm::fused_add_rms_norm_kernel<c10::Half, 8>(c10::Half*)", "vllm", "fused_add_rms_norm_kernel", "c10::Half, 8"},
		{"void cutlass::device_kernel<flash::Fwd<cute::C<1>, cute", "cutlass", "device_kernel", "flash::Fwd<cute::C<1>, cute"}, // cut off
		{"Outer<int>::inner<float>::run(int)", "Outer inner", "run", "int>::inner<float"},
		{"Memcpy DtoH (Device -> Pageable)", "", "Memcpy DtoH (Device -> Pageable)", ""},
		{"pass.fuse_attention (dynamo_timed)", "", "pass.fuse_attention (dynamo_timed)", ""},
		{"aten::add_", "aten", "add_", ""},
		{"_ZN7ck_tile6kentryILi1ENS_12Rmsnorm2dFwdINS_3FooEEEEvT0_", "ck_tile", "kentry", "Li1ENS_12Rmsnorm2dFwdINS_3FooEEEEvT0_"},
		{"_ZN2ck12_GLOBAL__N_16kernelEv", "ck", "kernel", ""},
		{"_ZN99x", "", "_ZN99x", ""},
		{"kernel_cutlass_kernel_flashinfernormRMSNormKernel_object_at__tensorptrbf16_TiledMMA_0", "", "kernel_flashinfernormRMSNormKernel", "_object_at__tensorptrbf16_TiledMMA_0"},
		{"kernel_cutlass_gdn_decode_kernel_tensorptrbf16gmem_0", "", "gdn_decode_kernel", "_tensorptrbf16gmem_0"},
		{"kernel_cutlass_kernel_TiledMMA_ThrLayout", "", "kernel", "_TiledMMA_ThrLayout"},
		{"kernel_cutlass_ll_bf16_dotprod", "", "ll_bf16_dotprod", ""},
	} {
		p := partsOf(c.name, nil)
		if got := strings.Join(p.scopes, " "); got != c.scopes || p.own != c.own || p.arguments != c.arguments {
			t.Errorf("%s: %q, %q, %q; want %q, %q, %q", c.name, got, p.own, p.arguments, c.scopes, c.own, c.arguments)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	for name, want := range map[string]string{
		"void f<flash::Fwd<cute::C<1>, 12, half_t>, (a)0>()":            "flash Fwd cute C half_t a",
		"_ZN7ck_tile6kentryILi128ENS_12Rmsnorm2dFwdINS_3FooEEEEvT0_":    "Rmsnorm2dFwd Foo",
		"_ZN7ck_tile6kentryILi128ENS_12Rmsnorm2dFwdINS_30FooEEEEvT0_":   "Rmsnorm2dFwd", // cut off
		"void f<at::lambda(float)#1}, std::array<char*, 2ul> >(float*)": "at lambda float std array char",
	} {
		p := partsOf(name, nil)
		var got []string
		p.eachIdentifier(func(id string) { got = append(got, id) })
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", name, s, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for name, want := range map[string]string{
		"RMSNormKernel": "rms norm kernel", "rmsnorm2d_fwd": "rmsnorm 2 d fwd", "__amd_rocclr_copyBuffer": "amd rocclr copy buffer",
		"splitKreduce_kernel": "split kreduce kernel", "topkGatingSoftmax": "topk gating softmax", "w8a8": "w 8 a 8", "ConcatMLAQKernel": "concat mlaq kernel",
		"GatherOperation": "gather operation", "s16816gemm": "s 16816 gemm", "": "", "___": "", "né": "n", "KV": "kv", "moeA2ADispatch": "moe a 2 a dispatch",
	} {
		var w words
		w.split(name)
		var got []string
		for i := range w.len() {
			got = append(got, string(w.run(i, i+1)))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %q, want %q", name, s, want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern string
		fit     []string
		not     []string
	}{
		{"rms_norm", []string{"rms_norm", "RMSNorm", "void a::RmsNormKernel<1>()", "rmsnorm2d"}, []string{"rms", "norms", "arms_norm", "rms_normal", "x<rms_norm>"}},
		{"rope", []string{"apply_rope", "ropeKernel"}, []string{"GatherOperation", "property"}},
		{"nvjet*", []string{"nvjet_sm90", "nvjets"}, []string{"xnvjet"}},
		{"*gemm", []string{"sgemm", "s16816gemm_128", "my_gemm"}, []string{"gemmk", "gemms"}},
		{"radix_sort*", []string{"RadixSorting", "radix_sort", "radixsorts"}, []string{"radix"}},
		{"mhca*", []string{"mhca", "mhcas", "mh_ca_fwd", "mhc_a_fwd"}, []string{"mhc_aggregate"}}, // no scrap of a neighbour
		{"*dgrad", []string{"dgrad", "wdgrad", "d_grad"}, []string{"thd_grad"}},
		{"^chunk", []string{"_chunk_fwd", "chunk", "ChunkScan"}, []string{"chunked_fwd", "fused_chunk", "a<chunk>"}},
		{"=kernel", []string{"void cutlass::Kernel<x>()", "kernel", "_kernel"}, []string{"kernel2", "my_kernel"}},
		{"moe::", []string{"void vllm::moe::f()", "moe::f"}, []string{"moe", "moes::f", "f<moe::g>"}},
		{"moe*::", []string{"moe_comm::f", "moe::f"}, []string{"amoe::f"}},
		{"<flash_attn>", []string{"k<flash::FlashAttn>", "k<flash_attn"}, []string{"flash_attn", "k<flash, attn>"}},
		{"<a|b>", []string{"k<a>", "k<b>"}, []string{"a", "k<c>"}},
		{"a|b c", []string{"a_c", "c_b"}, []string{"a", "b", "c"}},
		{"a !b", []string{"a"}, []string{"a_b"}},
		{"a !<b>", []string{"a", "a<c>"}, []string{"a<b>", "c"}},
		{"a|<b> c", []string{"a_c", "c<b>"}, []string{"c", "a", "x<b>"}},
	} {
		table := built([]Rule{{"yes", c.pattern, ""}})
		for _, name := range append(slices.Clone(c.fit), c.not...) {
			if got, want := New(table).Of(name) == "yes", slices.Contains(c.fit, name); got != want {
				t.Errorf("%s: %s fits: %v, want %v", c.pattern, name, got, want)
			}
		}
	}
}

func TestPatternErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "empty", "   ": "empty", "a|": "names no word", "!": "names no word", "<a": "no >", "a>": "no letter", "a.b": "no letter", "*": "names no word",
		"::": "names no word", "a*b": "no letter", "*a*": "no letter", "1a2b3c4d5e6": "more than 8 words", "é": "no letter",
	} {
		_, err := parsePattern(pattern, func(atom) int32 { return 0 })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", pattern, err, want)
		}
	}
}

// plainly matches names against patterns as their description reads: no dictionary, no bits, nothing kept.
func plainly(rules []Rule, name string) string { return partsPlainly(rules, partsOf(name, nil)) }

// guessed is plainly, and what the namespaces say from the inside if that is Other.
func guessed(rules []Rule, name string) string {
	p := partsOf(name, nil)
	category := partsPlainly(rules, p)
	for i := len(p.scopes) - 1; i >= 0 && category == Other; i-- {
		if p.scopes[i] != "std" {
			category = partsPlainly(rules, parts{own: p.scopes[i]})
		}
	}
	return category
}

func partsPlainly(rules []Rule, p parts) string {
	var identifiers [places][]string
	identifiers[inName], identifiers[inScope] = []string{p.own}, p.scopes
	p.eachIdentifier(func(id string) { identifiers[inArguments] = append(identifiers[inArguments], id) })
	has := func(a atom) bool {
		return slices.ContainsFunc(identifiers[a.place], func(id string) bool { return hasAtom(a, id) })
	}
	for _, r := range rules {
		var atoms []atom
		terms, err := parsePattern(r.Pattern, func(a atom) int32 { atoms = append(atoms, a); return int32(len(atoms) - 1) })
		if err != nil {
			return err.Error()
		}
		fits := true
		for _, t := range terms {
			met := slices.ContainsFunc(slices.Concat(t.atoms, t.late), func(n int32) bool { return has(atoms[n]) })
			fits = fits && met != t.negated
		}
		if fits {
			return r.Category
		}
	}
	return Other
}

func hasAtom(a atom, id string) bool {
	var w words
	w.split(id)
	for i := range w.len() {
		rest := string(w.letters[w.starts[i]:])
		from, to := int(w.starts[i]), int(w.starts[i+1])
		if a.form == prefix && strings.HasPrefix(rest, a.letters) && noScrap(w, from, from+len(a.letters)) ||
			a.form == suffix && strings.HasSuffix(string(w.letters[:to]), a.letters) && noScrap(w, to-len(a.letters), to) {
			return true
		}
		for j := i + 1; j <= w.len() && j <= i+mostWords; j++ {
			if string(w.run(i, j)) == a.letters && (a.form == anyRun || a.form == starting && i == 0 || a.form == whole && i == 0 && j == w.len()) {
				return true
			}
		}
	}
	return false
}

var someNames = []string{
	"", "ncclDevKernel_AllReduce", "void vllm::RMSNorm<half>", "ampere_fp16_s16816gemm", "Memcpy DtoH", "aten::addmm", "\u212aernel_moe", "triton_poi_fused_add",
	"bmm_E2m1_t128x8", "cub::DeviceScan", "TopK", "\xff\xfe gemm", "_ZN2ck16tensor_operation6device12_GLOBAL__N_139kernel", "void a<b<c>, d>::e<f>((anonymous namespace)::g)",
	"void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<x> > >(y)", "void cutlass::device_kernel<cutlass::gemm::GemmUniversal<float_e4m3_t> >",
}

// FuzzOf: no name gets another category for the tables' being asked quickly, and none makes them panic.
func FuzzOf(f *testing.F) {
	for _, name := range someNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if got, want := New(Kernels()).Of(name), guessed(kernelRules, name); got != want {
			t.Errorf("kernel %q is %s, by its patterns %s", name, got, want)
		}
		if got, want := New(Ops()).Of(name), guessed(opRules, name); got != want {
			t.Errorf("op %q is %s, by its patterns %s", name, got, want)
		}
	})
}

func BenchmarkCategorizer(b *testing.B) {
	names := []string{
		"void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_relu_f16_64x64_64x6_tn_align8>(cutlass_80_tensorop_f16_s16816gemm_relu_f16_64x64_64x6_tn_align8::Params)",
		"void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<at::native::BinaryFunctor<float, half, float, at::native::binary_internal::MulFunctor<float> > >(at::TensorIteratorBase&, at::native::BinaryFunctor<float, half, float, at::native::binary_internal::MulFunctor<float> > const&)::{lambda(int)#1}>(int, at::native::gpu_kernel_impl_nocast<at::native::BinaryFunctor<float, half, float, at::native::binary_internal::MulFunctor<float> > >(at::TensorIteratorBase&)::{lambda(int)#1})",
		"something that no rule knows of, as long as the names of kernels are that were made by templates",
	}
	Kernels() // which is made once
	for b.Loop() {
		c := New(Kernels())
		for _, n := range names {
			c.Of(n)
		}
	}
}

// noScrap reports whether letters from … to, which lie in several words, take no less than three letters of one that they do not fill.
func noScrap(w words, from, to int) bool {
	for i := range w.len() {
		start, end := int(w.starts[i]), int(w.starts[i+1])
		taken := min(end, to) - max(start, from)
		if taken > 0 && taken < end-start && taken < leastOfNeighbour && taken < to-from {
			return false
		}
	}
	return true
}
