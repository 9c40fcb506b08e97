package model

import (
	"time"

	"github.com/inferprof/inferprof/llm"
)

// Telling the recorder. Callers test s.recorder for nil first, so that nothing is gathered when nobody listens.

// shape is an input of one or two dimensions.
type shape [2]int

// none is an input that is not there.
var none = shape{}

// facts are what recording needs and reuses, so that it allocates nothing.
type facts struct {
	modules bool          // the recorder wants modules
	clock   time.Duration // when the last op ended
	span    llm.Span
	comm    llm.Communication
}

// SetRecorder says who is told of the ops that follow; nil: nobody.
func (s *Shard) SetRecorder(r llm.Recorder) {
	s.recorder = r
	s.facts.modules = r != nil && r.Wants(llm.KindModule)
}

// now is when the next op begins: when the last one ended. Between two ops lies nothing but their bookkeeping, and one
// reading of the clock for each op is half the cost of recording it.
func (s *Shard) now() time.Duration { return s.facts.clock }

// op records a computation that began at start and ends now.
func (s *Shard) op(start time.Duration, site *llm.Site, flops, bytes int64, a, b, c shape) {
	s.recorder.Span(s.ended(start, site, flops, bytes, a, b, c))
}

// module records a module's forward.
func (s *Shard) module(start time.Duration, site *llm.Site) {
	if s.facts.modules {
		s.recorder.Span(s.ended(start, site, 0, 0, none, none, none))
	}
}

// collective records a communication of n elements per rank.
func (s *Shard) collective(start time.Duration, site *llm.Site, name string, n int, wait time.Duration) {
	ranks := int64(s.group.Size())
	s.facts.comm = llm.Communication{Name: name, Elements: n, Bytes: 4 * int64(n), Dtype: "Float", Ranks: s.group.Size(), Wait: wait}
	s.recorder.Collective(s.ended(start, site, int64(n)*(ranks-1)/ranks, 8*int64(n), shape{n}, none, none), &s.facts.comm)
}

// ended is the span of something that began at start and ends now.
func (s *Shard) ended(start time.Duration, site *llm.Site, flops, bytes int64, a, b, c shape) *llm.Span {
	f := &s.facts
	f.clock = llm.Now()
	f.span = llm.Span{
		Site: site, Start: start, Elapsed: f.clock - start, FLOPs: flops, Bytes: bytes,
		Inputs: [3]llm.Shape{{int32(a[0]), int32(a[1])}, {int32(b[0]), int32(b[1])}, {int32(c[0]), int32(c[1])}},
	}
	return &f.span
}

// opSite, moduleSite and collectiveSite name the places of a model where things happen.
func opSite(name, module string) *llm.Site { return &llm.Site{Name: name, Module: module} }

func moduleSite(class, module string) *llm.Site {
	return &llm.Site{Kind: llm.KindModule, Name: class, Module: module}
}

func collectiveSite(name, module string) *llm.Site {
	return &llm.Site{Kind: llm.KindCollective, Name: name, Module: module}
}
