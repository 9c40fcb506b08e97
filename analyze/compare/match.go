package compare

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings"
)

// Kernels of two sides are matched in this order, each step on what the ones before it left:
//
//  1. the same name in the same role. Where one side runs it much less often, and runs besides something alike that the
//     other has not, as fusing does, that goes along;
//  2. the same name, whatever the role, GEMMs excepted: their names are reused for other projections;
//  3. the same role: all GEMMs of a projection as one group, since one side may split what the other fuses
//     (a split GEMM and its reduction, against one kernel); of other roles pairs whose names have most words in common;
//  4. of a role with one kernel left on each side, these two.
//
// What is left is new or gone.

// Kinds of KernelRow.
const (
	RowSame     = "same"     // by name
	RowReplaced = "replaced" // by role and position
	RowNew      = "new"      // on B alone
	RowGone     = "gone"     // on A alone
)

// KernelRow is a kernel, or what stands in for it on the other side, per unit of its section.
type KernelRow struct {
	Match    string  `json:"match"`
	Role     string  `json:"role,omitempty"`
	Category string  `json:"category"` // B's, or A's where there is no B
	Part     string  `json:"part"`
	A        []Named `json:"a"`
	B        []Named `json:"b"`
	ANs      int64   `json:"a_ns"`
	BNs      int64   `json:"b_ns"`
	DeltaNs  int64   `json:"delta_ns"`
	// Shown says that the difference is beyond what the steps' own spread explains.
	Shown bool `json:"shown"`
}

// Named is one kernel of a row.
type Named struct {
	Name  string  `json:"name"`
	Count float64 `json:"count"` // per unit
}

// piece is a kind of work on one side of a section.
type piece struct {
	analyze.Work
	ns    int64   // per unit, apportioned
	count float64 // per unit
	error float64 // standard error of ns
	at    int     // order of first appearance
	taken bool
}

// Parts of a waterfall. Idleness has one per cause.
const (
	partGEMM        = "GEMM"
	partAttention   = "attention"
	partNorm        = "norm"
	partElementwise = "elementwise"
	partSampling    = "sampling"
	partComm        = "communication"
	partMemory      = "memory"
	partEngine      = "engine"
	partCompile     = "compiling"
	partOther       = "other work"
)

var partOrder = []string{partGEMM, partAttention, partNorm, partElementwise, partSampling, partComm, partMemory, partEngine, partCompile, partOther}

var partOfCategory = map[string]string{
	"gemm": partGEMM, "quant_gemm": partGEMM, "moe_gemm": partGEMM, "lora": partGEMM,
	"attn": partAttention, "rope": partAttention, "kv_cache": partAttention, "softmax": partAttention, "ssm": partAttention,
	"norm":        partNorm,
	"elementwise": partElementwise, "activation": partElementwise, "triton": partElementwise, "fused": partElementwise,
	"reduce": partElementwise, "quantize": partElementwise, "embed_index": partElementwise, "moe_route": partElementwise, "compiled": partElementwise,
	"sampling": partSampling, "spec_decode": partSampling, "comm": partComm,
	"memcpy": partMemory, "memset": partMemory, "memory": partMemory, "copy": partMemory, "view": partMemory,
	"engine": partEngine, "compile": partCompile,
}

// partOf files work under a part of the waterfall. Fused kernels go by what they are in the step.
func partOf(w analyze.Work) string {
	switch w.Role {
	case "norm":
		return partNorm
	case "attention":
		return partAttention
	}
	if p, ok := partOfCategory[w.Category]; ok {
		return p
	}
	return partOther
}

func quantized(w analyze.Work) bool { return findings.Quantized(w.Category, w.Name) }

// matchKernels makes the rows of a section, most time at stake first.
func matchKernels(a, b []*piece) []KernelRow {
	var rows []KernelRow
	pair := func(kind string, as, bs []*piece) {
		r := KernelRow{Match: kind}
		var variance float64
		for _, p := range slices.Concat(as, bs) {
			p.taken = true
			variance += p.error * p.error
			r.Role, r.Category, r.Part = p.Role, p.Category, partOf(p.Work)
		}
		for _, p := range as {
			r.A = append(r.A, Named{p.Name, p.count})
			r.ANs += p.ns
		}
		for _, p := range bs {
			r.B = append(r.B, Named{p.Name, p.count})
			r.BNs += p.ns
		}
		r.DeltaNs = r.BNs - r.ANs
		r.Shown = beyond(float64(r.DeltaNs), variance, float64(max(r.ANs, r.BNs)))
		rows = append(rows, r)
	}
	for _, p := range a {
		if i := slices.IndexFunc(b, func(q *piece) bool { return !q.taken && q.Work == p.Work }); i >= 0 {
			as, bs := []*piece{p}, []*piece{b[i]}
			switch q := b[i]; {
			case p.count > seldom*q.count:
				bs = append(bs, besides(p, a, b)...)
			case q.count > seldom*p.count:
				as = append(as, besides(q, b, a)...)
			}
			kind := RowSame
			if len(as)+len(bs) > 2 {
				kind = RowReplaced
			}
			pair(kind, as, bs)
		}
	}
	for _, p := range a {
		if p.taken || partOf(p.Work) == partGEMM {
			continue
		}
		named := func(q *piece) bool { return !q.taken && q.Name == p.Name }
		if bs := all(b, named); len(bs) > 0 {
			pair(RowSame, all(a, named), bs)
		}
	}
	for _, p := range a {
		if p.taken || p.Role == "" || partOf(p.Work) != partGEMM {
			continue
		}
		role := func(q *piece) bool { return !q.taken && q.Role == p.Role && partOf(q.Work) == partGEMM }
		if bs := all(b, role); len(bs) > 0 {
			pair(RowReplaced, all(a, role), bs)
		}
	}
	for _, m := range alike(a, b) {
		if !m.a.taken && !m.b.taken {
			pair(RowReplaced, []*piece{m.a}, []*piece{m.b})
		}
	}
	for _, p := range a {
		role := func(q *piece) bool { return !q.taken && q.Role == p.Role }
		if as, bs := all(a, role), all(b, role); !p.taken && p.Role != "" && len(as) == 1 && len(bs) == 1 {
			pair(RowReplaced, as, bs)
		}
	}
	for _, p := range a {
		if !p.taken {
			pair(RowGone, []*piece{p}, nil)
		}
	}
	for _, p := range b {
		if !p.taken {
			pair(RowNew, nil, []*piece{p})
		}
	}
	slices.SortStableFunc(rows, func(x, y KernelRow) int {
		return cmp.Or(cmp.Compare(abs(y.DeltaNs), abs(x.DeltaNs)), cmp.Compare(y.ANs+y.BNs, x.ANs+x.BNs))
	})
	return rows
}

// seldom is how much less often a side must run a kernel for something else to have taken its place there.
const seldom = 2

// besides is what the other side runs in p's place: of p's role, of a name that p's own side has not, and more like p
// than like anything else that is left there.
func besides(p *piece, own, other []*piece) []*piece {
	return all(other, func(q *piece) bool {
		if q.taken || q.Role != p.Role || slices.ContainsFunc(own, func(o *piece) bool { return o.Name == q.Name }) {
			return false
		}
		words := nameWords(q.Name)
		likeness := inCommon(nameWords(p.Name), words)
		return likeness >= mostAlike && !slices.ContainsFunc(own, func(o *piece) bool {
			return !o.taken && o != p && o.Role == p.Role && inCommon(nameWords(o.Name), words) > likeness
		})
	})
}

// beyond says that a difference is more than twice its error and more than a hundredth of what differs.
func beyond(delta, variance, whole float64) bool {
	return delta*delta > 4*variance && max(delta, -delta) > singleRunShare*whole
}

func all(pieces []*piece, which func(*piece) bool) []*piece {
	var out []*piece
	for _, p := range pieces {
		if which(p) {
			out = append(out, p)
		}
	}
	return out
}

// mostAlike is the least share of words that two kernels' names must have in common to be taken for each other.
const mostAlike = 0.6

type likeness struct {
	a, b  *piece
	share float64
}

// alike pairs the kernels of a role that are left by the words of their names, the most alike first.
func alike(a, b []*piece) []likeness {
	var out []likeness
	for _, p := range a {
		if p.taken {
			continue
		}
		words := nameWords(p.Name)
		for _, q := range b {
			if q.taken || q.Role != p.Role {
				continue
			}
			if s := inCommon(words, nameWords(q.Name)); s >= mostAlike {
				out = append(out, likeness{p, q, s})
			}
		}
	}
	slices.SortStableFunc(out, func(x, y likeness) int {
		return cmp.Or(cmp.Compare(y.share, x.share), cmp.Compare(max(x.a.at-x.b.at, x.b.at-x.a.at), max(y.a.at-y.b.at, y.b.at-y.a.at)))
	})
	return out
}

var nameWord = regexp.MustCompile(`[A-Za-z]+|\d+`)

func nameWords(name string) []string {
	words := nameWord.FindAllString(strings.ToLower(name), -1)
	slices.Sort(words)
	return slices.Compact(words)
}

// inCommon is Jaccard's: words that both have, of all words.
func inCommon(a, b []string) float64 {
	common := 0
	for _, w := range a {
		if _, ok := slices.BinarySearch(b, w); ok {
			common++
		}
	}
	if n := len(a) + len(b) - common; n > 0 {
		return float64(common) / float64(n)
	}
	return 0
}

func abs(n int64) int64 { return max(n, -n) }
