// Package categories says of a name what kind of work it is: gemm, attn, comm … Kernels and ops have a table of rules each
// (kernels.go, ops.go), people may have rules of their own before these (own.go), and a rule is a pattern of words (pattern.go).
//
// A name is put where most of its kernel's work is, and what fuses several things where the first of them is in a layer: an
// all-reduce with a norm is comm, a norm that quantizes norm, rope that stores keys rope, an activation that quantizes activation.
// Work that belongs to a part of the model goes there whatever it does: experts' tokens sorted and summed are moe_route, what an
// adapter adds is lora, choosing which tokens sparse attention looks at is attn.
package categories

import (
	"slices"
	"strings"
)

// Other is what no rule knows. A report says how much time it holds.
const Other = "other"

// Categories that other analyses ask for by name.
const (
	Memcpy  = "memcpy"
	Memset  = "memset"
	Comm    = "comm"
	Python  = "python"
	Compile = "compile" // compiling: running what was compiled is "compiled", or what it says that it is
)

// Categorizer remembers what names came to: a name is matched once, however many events and ranks carry it.
type Categorizer struct {
	tables []*Table
	known  map[string]string

	scopes []string // room that is used again
	words  words
	has    bits
}

// New makes a categorizer by tables, of which the first that knows a name counts; those that are nil do not.
func New(tables ...*Table) *Categorizer {
	c := &Categorizer{known: map[string]string{}}
	for _, t := range tables {
		if t == nil {
			continue
		}
		c.tables = append(c.tables, t)
		if n := (t.atoms + 63) / 64; n > len(c.has) {
			c.has = make(bits, n)
		}
	}
	return c
}

// Of is the category of a name; Other if no rule knows it.
func (c *Categorizer) Of(name string) string {
	if category, ok := c.known[name]; ok {
		return category
	}
	category := c.find(name)
	c.known[name] = category
	return category
}

func (c *Categorizer) find(name string) string {
	p := partsOf(name, c.scopes)
	c.scopes = p.scopes
	for _, t := range c.tables {
		if category := t.find(&p, &c.words, c.has); category != "" {
			return category
		}
	}
	// A function whose own words say nothing is told by the namespace that it is in, from the inside: topp::filter::cutoffKernel.
	// A person's rules are asked for what they say, and no more.
	for _, scope := range slices.Backward(p.scopes) {
		if scope == "std" {
			continue
		}
		within := parts{own: scope}
		for _, t := range c.tables {
			if !t.guesses {
				continue
			}
			if category := t.find(&within, &c.words, c.has); category != "" {
				return category
			}
		}
	}
	return Other
}

// notCompiling begins the names of parts of torch.compile that run what was compiled: each call's question whether all ranks
// have what fits; CUDA graphs, in whose recording the model's own ops run.
var notCompiling = []string{"guard_collective", "CUDAGraphNode", "cudagraphify"}

// IsCompiler tells events that torch.compile's parts make of themselves while they compile, by name.
func IsCompiler(name string) bool {
	return strings.HasSuffix(name, "(dynamo_timed)") &&
		!slices.ContainsFunc(notCompiling, func(part string) bool { return strings.HasPrefix(name, part) })
}

// CommRule says which kernels are communication.
type CommRule string

const (
	// CommWide is the category table's rule: NCCL and RCCL, the engines' own all-reduce kernels (custom, multimem,
	// one-shot, quick), DeepEP, NVSHMEM. Fused Triton kernels are computation whatever their name contains.
	CommWide CommRule = "wide"
	// CommTraceLens is TraceLens' rule, for comparing numbers with it: names with rccl, nccl or cross_device_reduce.
	CommTraceLens CommRule = "tracelens"
	// CommHTA is HTA's rule, for comparing numbers with it: names that begin with nccl or hccl, or have ncclKernel inside.
	// HTA takes every kernel that begins with hip for communication as well; this does not.
	CommHTA CommRule = "hta"
)

// IsComm reports whether a kernel of this name and category is communication under the rule.
func (r CommRule) IsComm(name, category string) bool {
	if r == CommTraceLens {
		name = strings.ToLower(name)
		return strings.Contains(name, "nccl") || strings.Contains(name, "rccl") || strings.Contains(name, "cross_device_reduce")
	}
	if r == CommHTA {
		return strings.HasPrefix(name, "nccl") || strings.HasPrefix(name, "hccl") || strings.Contains(name, "ncclKernel")
	}
	return category == Comm
}
