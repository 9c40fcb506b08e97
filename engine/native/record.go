package native

import "github.com/inferprof/inferprof/llm"

// recorder keeps what one rank reports. Reports come about seventy times a token and must cost nothing to speak of: a
// span is one cache line copied into memory that lies ready, no lookups, no text. Everything else waits for buildTrace.
type recorder struct {
	modules     bool // keep modules
	chunks      [][]llm.Span
	comms       map[int]llm.Communication // by span
	allocations []llm.Allocation
}

const chunkSpans = 4096

func newRecorder(modules bool) *recorder {
	r := &recorder{modules: modules, comms: map[int]llm.Communication{}}
	r.addChunk()
	return r
}

// addChunk gets room for more spans, and touches it: memory that is new to the process costs most when it is first
// written, and that must not be in the middle of an op.
func (r *recorder) addChunk() {
	c := make([]llm.Span, chunkSpans)
	clear(c)
	r.chunks = append(r.chunks, c[:0])
}

// Wants tells that modules are kept only for profiles with stacks.
func (r *recorder) Wants(k llm.Kind) bool { return k != llm.KindModule || r.modules }

// Span keeps a finished span.
func (r *recorder) Span(s *llm.Span) {
	last := len(r.chunks) - 1
	if len(r.chunks[last]) == chunkSpans {
		r.addChunk()
		last++
	}
	r.chunks[last] = append(r.chunks[last], *s)
}

// Collective keeps a finished communication.
func (r *recorder) Collective(s *llm.Span, c *llm.Communication) {
	r.comms[r.len()] = *c
	r.Span(s)
}

// Allocation keeps a change of memory.
func (r *recorder) Allocation(a llm.Allocation) { r.allocations = append(r.allocations, a) }

// len is the number of spans.
func (r *recorder) len() int {
	last := len(r.chunks) - 1
	return last*chunkSpans + len(r.chunks[last])
}

func (r *recorder) at(i int) *llm.Span { return &r.chunks[i/chunkSpans][i%chunkSpans] }
