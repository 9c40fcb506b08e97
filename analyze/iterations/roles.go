package iterations

import (
	"regexp"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// Two libraries' kernels for the same projection share nothing in their names: cuBLAS' nvjet_sm90_hsh_128x8_… becomes
// Machete's device_kernel<…> when the weights are quantized. What they share is their place: between which other kinds of
// work they run. A decoder layer of any of today's models goes
//
//	norm → GEMM (qkv) → [norm of q and k] → [rope] → [kv cache] → attention → GEMM (o)
//	norm → GEMM (gate, up) → activation → GEMM (down)
//
// and the model ends with norm → GEMM (lm_head) → sampling. Norms, rope, attention, activations and sampling are
// recognised by name and are the anchors; a GEMM's role follows from the anchors before and after it. Everything else
// (copies, fills, quantization, reductions of split GEMMs) neither is an anchor nor ends a run of GEMMs. Where the
// anchors tell nothing, the role is that of the category alone.

// anchor is what a kernel's name says about its place.
type anchor uint8

const (
	anchorNone anchor = iota
	anchorGEMM
	anchorNorm
	anchorRope // rope and the KV cache: between qkv and attention
	anchorAttention
	anchorActivation
	anchorSampling
)

var (
	normName       = regexp.MustCompile(`(?i)rms_?norm|layer_?norm|rsqrt_mean|mean_mul_pow_rsqrt|_norm`)
	activationName = regexp.MustCompile(`(?i)silu|gelu|swiglu|relu|act_and_mul`)
	ropeName       = regexp.MustCompile(`(?i)rotary|rope`)
)

// GEMM roles.
const (
	roleQKV    = "gemm qkv"
	roleOut    = "gemm attention out"
	roleUp     = "gemm mlp up"
	roleDown   = "gemm mlp down"
	roleLMHead = "gemm lm_head"
)

// anchorOf reads one name.
func anchorOf(name, category string) anchor {
	switch category {
	case "gemm", "quant_gemm", "moe_gemm":
		return anchorGEMM
	case "norm":
		return anchorNorm
	case "rope", "kv_cache":
		return anchorRope
	case "attn":
		return anchorAttention
	case "activation":
		return anchorActivation
	case "sampling":
		return anchorSampling
	case "triton", "elementwise", "fused":
		switch {
		case normName.MatchString(name):
			return anchorNorm
		case activationName.MatchString(name):
			return anchorActivation
		case ropeName.MatchString(name):
			return anchorRope
		}
	}
	return anchorNone
}

// gemmRole tells a GEMM by the anchors around it.
func gemmRole(before, after anchor) string {
	switch {
	case before == anchorAttention:
		return roleOut
	case before == anchorActivation:
		return roleDown
	case before == anchorNorm && (after == anchorRope || after == anchorAttention || after == anchorNorm):
		return roleQKV
	case before == anchorNorm && after == anchorActivation:
		return roleUp
	case before == anchorNorm && (after == anchorSampling || after == anchorNone):
		return roleLMHead
	}
	return "gemm"
}

// kernelRoles gives each piece of GPU work, in order of time, its role.
func kernelRoles(x *index.Index, work []int32) []string {
	type known struct {
		anchor anchor
		role   string
	}
	byName := map[trace.StringID]known{}
	roles := make([]string, len(work))
	before := anchorNone
	var pending []int // GEMMs since the last anchor
	settle := func(after anchor) {
		if len(pending) == 0 {
			return
		}
		role := gemmRole(before, after)
		for _, i := range pending {
			roles[i] = role
		}
		pending = pending[:0]
	}
	for k, i := range work {
		g := &x.GPU[i]
		n, ok := byName[g.Name]
		if !ok {
			category := x.KernelCategory(g)
			n.anchor = anchorOf(x.Name(g.Name), category)
			n.role = [...]string{"", "gemm", "norm", "", "attention", "activation", ""}[n.anchor]
			if n.role == "" {
				n.role = category
			}
			byName[g.Name] = n
		}
		roles[k] = n.role
		switch n.anchor {
		case anchorNone:
		case anchorGEMM:
			pending = append(pending, k)
		default:
			settle(n.anchor)
			before = n.anchor
		}
	}
	settle(anchorNone)
	return roles
}
