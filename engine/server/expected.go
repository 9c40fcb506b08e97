package server

import (
	"fmt"
	"math"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
)

// How large a profile's traces will be is not known before, and a disk that they fill ends servers: SGLang's scheduler and
// vLLM's engine die of a write that fails. So it is estimated, from what traces of real servers take per step and rank:
//
//	                                                uncompressed   compressed
//	vLLM 0.24 on an H200, 1B to 7B, CUDA graphs     0.2 to 0.8 MB  12 to 23 kB
//	the same eagerly                                0.5 to 1.5 MB  36 to 74 kB
//	the same with stacks                            0.8 MB         56 kB
//	vLLM 0.32 on a CPU, 2 to 12 layers              0.3 to 0.8 MB  20 to 50 kB
//	SGLang 0.5.23 on a CPU, 2 layers                1.0 MB         73 kB
//
// With stacks vLLM's API server makes a trace that counts, too, unless ignore_frontend keeps it from that: no bound ends it, and
// each token of an answer takes 56 kB in it (230 MB of 4096 tokens, 17 MB compressed).
//
// And then time counts: a worker of vLLM that waits looks for work all the time, and each look is a dozen events. 10.8 s
// with hardly a request took 327 MB, 17 MB compressed, and the server was silent for 172 s after the stop.
//
// A model of 80 layers that runs eagerly takes several times as much, one in a CUDA graph less. The estimate is meant to be
// near, not safe: it keeps a profile from a disk that is plainly too small, and warns of one that may be (disks.go).
const (
	stepBytes   = 1 << 20 // of a rank's trace, uncompressed
	compression = 12      // how many times smaller a compressed one is, at least
	leastBytes  = 16 << 20
	// What is recorded besides makes it so much larger. Stacks: 1.46 and 1.57 were measured, shapes: 1.1 to 1.4.
	stacksFactor, shapesFactor = 1.6, 1.25
	// frontTokenBytes is what a token adds to the API server's trace, with stacks.
	frontTokenBytes = 56 << 10
	// waitBytesPerS is what a waiting worker adds, with stacks.
	waitBytesPerS = 30 << 20
	// stepsPerSecond is how fast steps come where only the time is known.
	stepsPerSecond = 50
)

// expected is how large the traces of one server will be, about.
type expected struct {
	steps, traces int
	stacks        bool
	front         bool  // and of the API server, every token
	dirBytes      int64 // in the trace directory
	tempBytes     int64 // uncompressed, in the server's directory for temporary files, until they are in the other; 0: it needs none
}

// String says what it is that takes so much room.
func (x expected) String() string {
	text := fmt.Sprintf("%s of %s", words.Counted(x.steps, "step"), words.Counted(x.traces, "rank"))
	if x.stacks {
		text += ", with stacks"
	}
	if x.front {
		text += ", and the API server's own trace"
	}
	return text
}

// and is the traces of two servers that write to one disk.
func (x expected) and(y expected) expected {
	return expected{
		steps: max(x.steps, y.steps), traces: x.traces + y.traces, stacks: x.stacks || y.stacks, front: x.front || y.front,
		dirBytes: x.dirBytes + y.dirBytes, tempBytes: x.tempBytes + y.tempBytes,
	}
}

// expect estimates the size of one server's traces of a workload.
func (e *Engine) expect(p *endpoint, requests []engine.Request) expected {
	x := expected{steps: e.steps(p, requests), traces: max(e.expected(p), p.told.ranks), stacks: e.recordsStacks(p) == yes}
	raw := float64(x.steps) * float64(x.traces) * stepBytes
	if x.stacks {
		raw *= stacksFactor
	}
	if e.recordsShapes(p) {
		raw *= shapesFactor
	}
	if x.stacks && p.dialect.Engine == "vllm" {
		if e.config.Unloaded() {
			raw += e.server.Duration.Seconds() * float64(x.traces) * waitBytesPerS
		}
		if x.front = p.told.IgnoreFront == nil || !*p.told.IgnoreFront; x.front {
			_, tokens := answers(requests)
			raw += float64(tokens/len(e.doors)) * frontTokenBytes
		}
	}
	bytes := int64(min(raw, 1<<50)) // a sum of many is a number still
	switch compressed := max(bytes/compression, leastBytes); {
	case p.dialect.Engine == "native": // which compresses as it writes
		x.dirBytes = compressed
	case p.told.UseGzip != nil && !*p.told.UseGzip:
		x.dirBytes = max(bytes, leastBytes)
	default:
		x.dirBytes, x.tempBytes = compressed, max(bytes, leastBytes)
	}
	return x
}

// steps is how many steps a profile will have at most: by its bound, or by the workload.
func (e *Engine) steps(p *endpoint, requests []engine.Request) int {
	bound := math.MaxInt32
	if n := e.config.Profiler.MaxIterations; n > 0 && p.dialect.bounded {
		bound = n
	}
	if n := p.told.MaxIterations; n != nil && *n > 0 && !p.dialect.bounded {
		bound = *n
	}
	if e.config.Unloaded() {
		return min(bound, stepsIn(e.server.Duration))
	}
	longest, tokens := answers(requests)
	// Each server has its share of the requests, and answers as many at once as may be in flight, a token of each per step.
	share := (len(requests) + len(e.doors) - 1) / len(e.doors)
	inFlight := share
	if n := e.server.Concurrency; n > 0 {
		inFlight = min(share, n)
	}
	steps := share + longest*((share+inFlight-1)/max(inFlight, 1))
	if rate := e.server.RequestRate; rate > 0 { // they come one after another, and each may be alone
		steps = min(share+tokens, longest+stepsIn(time.Duration(float64(len(requests))/rate*float64(time.Second))))
	}
	return min(bound, max(steps, 1))
}

// answers is how many tokens the longest answer may have, and all together.
func answers(requests []engine.Request) (longest, all int) {
	for _, r := range requests {
		longest, all = max(longest, r.Params.MaxTokens), all+r.Params.MaxTokens
	}
	return longest, all
}

func stepsIn(d time.Duration) int {
	return int(min(math.Ceil(d.Seconds()*stepsPerSecond), math.MaxInt32))
}

// recordsStacks tells whether a profile will hold Python's stacks: as asked, where a server can be asked, else as it was
// told, which in vLLM is yes unless it was told otherwise.
func (e *Engine) recordsStacks(p *endpoint) verdict {
	if p.dialect.switches("with_stack") {
		return verdictOf(e.config.Profiler.WithStack)
	}
	return p.recordsStacks()
}

func (p *endpoint) recordsStacks() verdict {
	switch {
	case p.told.WithStack != nil:
		return verdictOf(*p.told.WithStack)
	case p.told.known && p.dialect.Engine == "vllm":
		return yes
	case p.told.known && p.dialect.Engine == "native":
		return no
	}
	return unknown
}

func (e *Engine) recordsShapes(p *endpoint) bool {
	if p.dialect.switches("record_shapes") {
		return e.config.Profiler.RecordShapes
	}
	return p.told.RecordShapes != nil && *p.told.RecordShapes
}
