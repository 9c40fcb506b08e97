package findings

import (
	"regexp"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Advice is a claim as well: that it can be followed here, and has not been yet. A trainer has no requests, a vision model no
// rotary embedding, and SGLang none of vLLM's switches. So what is to be tried depends on what ran, as far as the trace shows
// it, and on what the host was seen in.

// What the host is in that has a remedy of its own, by the names of calls and annotations.
var (
	deviceMemory = regexp.MustCompile(`^(?:cuda|hip|cu)(?:Free|Malloc|MemAlloc|MemFree)`)
	deviceFree   = regexp.MustCompile(`^(?:cuda|hip|cu)(?:Free|MemFree)`)
	firstUse     = regexp.MustCompile(`^(?:cuda|hip|cu)(?:LaunchKernel|ModuleLoad|LibraryLoad|ModuleGetFunction|FuncGetAttributes|StreamCreate|EventCreate|HostAlloc)`)
	dataLoader   = regexp.MustCompile(`\bDataLoader\b|DataLoaderIter`)
	// compiledCode is a model that torch.compile has been at, in part at least.
	compiledCode = regexp.MustCompile(`^triton_(?:poi|red|per)_|^Torch-Compiled Region|CompiledFxGraph|^CompiledFunction(?:Backward)?$`)
	// statistics are kernels of training's batch norm. They sum over the whole batch: no neighbour can take them in.
	statistics = regexp.MustCompile(`batch_norm_(?:collect|backward|reduce)|bn_(?:fw_tr|bw)_|BatchNorm(?:FwdTrain|Bwd)`)
)

// generates tells whether what ran generates text for requests: it is an engine, or its steps are of prompts and of tokens.
func generates(r *analyze.Rank) bool {
	return r.Engine != "" || slices.ContainsFunc(r.Steps, func(s analyze.Step) bool {
		switch s.Phase {
		case trace.StepPrefill, trace.StepMixed, trace.StepDecode:
			return true
		}
		return false
	})
}

// replays tells whether graphs are replayed.
func (rv *rankView) replays() bool {
	return slices.ContainsFunc(rv.x.Calls, func(c index.Call) bool { return c.GPUEvents > 0 && rv.x.IsGraphLaunch(&c) })
}

// firstUseNs: a call that launches takes some µs, and one that loads what it launches far longer.
const firstUseNs = 1_000_000

// hostWait is how the device waits for the host.
type hostWait struct {
	in        string // what the host is in for most of the time; "" if that has no name
	longestNs int64  // how long the longest of that lasts
	few       bool   // a few gaps are most of it
	graphs    int64  // that a step of the phase replays
	inside    bool   // most of it lies inside steps' work
}

// warmUp is what to try against what happens once.
const warmUp = "run some steps before the profile begins"

// graphsOf is how many graphs a step of a phase replays, in the median; of a trace without steps, whether any is.
func (rv *rankView) graphsOf(phase trace.StepPhase) int64 {
	var graphs []int64
	for i := range rv.iterations {
		if s := rv.step(i); s.Phase == phase {
			graphs = append(graphs, int64(s.GraphLaunch))
		}
	}
	if graphs == nil && rv.replays() {
		return 1
	}
	return stats.Median(graphs)
}

// tryHost is what to try against waiting for the host: nothing that the trace shows done, and nothing for requests where there are
// none.
func (rv *rankView) tryHost(w *hostWait) string {
	try := "look at what the host does there: "
	switch {
	case firstUse.MatchString(w.in) && w.longestNs >= firstUseNs:
		try = warmUp + ": the first use of a kernel or of a library loads it, and such calls are long once"
	case deviceMemory.MatchString(w.in) && !rv.has(deviceFree):
		try = warmUp + ": the driver is asked for memory until the caching allocator has what steps need; none is given back here"
	case deviceMemory.MatchString(w.in):
		try = "keep device memory rather than return it in the loop: no torch.cuda.empty_cache() there, some memory left free for the caching " +
			"allocator, workspaces made once; see from the op around the call who frees"
	case dataLoader.MatchString(w.in):
		try = "have the next batch ready when the step ends: more workers of the data loader (num_workers), prefetching, pinned memory"
	case w.few:
		try += "if it is there once and at the beginning, " + warmUp + "; else do it ahead of time, on another thread, or on the device"
	case generates(rv.rank) && w.inside && w.graphs > 1:
		try += "a step in one graph rather than in pieces, where its attention can be in one, less Python between launches, more tokens per step"
	case generates(rv.rank) && w.inside && w.graphs == 0:
		try += "less Python between launches, more tokens per step, " + choose(rv.has(compiledCode), "CUDA graphs", "a compiled model or CUDA graphs") +
			" where shapes allow them"
	case generates(rv.rank):
		if rv.schedulesInTurn() {
			try += "scheduling the next step while one runs (" + schedulingAhead + "), "
		}
		try += "fewer Python objects per request, " + rv.tryDetokenizing() + "more requests per step"
	case rv.replays():
		try += "less Python between launches, larger batches"
	case rv.has(compiledCode):
		try += "less Python between launches (graph breaks, what is not compiled), larger batches, CUDA graphs where shapes allow them"
	default:
		try += "less Python between launches, larger batches, a compiled model or CUDA graphs where shapes allow them"
	}
	if rv.x.Frames > 0 {
		try += "; a profile without Python stacks shows how much of it is the profiler's"
	}
	return try
}

// tryDetokenizing is for programs that make text on the thread that runs the model. vLLM and SGLang have a process of its own for that.
func (rv *rankView) tryDetokenizing() string {
	if rv.rank.Engine == "vllm" || rv.rank.Engine == "sglang" {
		return ""
	}
	return "detokenizing and output off the engine's thread, "
}

// tryLongGap is what to try against a pause of the device, during which the host is mostly in something.
func (rv *rankView) tryLongGap(g *gap, in string) string {
	switch {
	case g.Cause == index.IdleOther && !g.Launching, g.HeldUp:
		return "look at what the device waited for: other streams, events, other processes on it; " + warmUp + " if it is there once and at the beginning"
	case firstUse.MatchString(in) || deviceMemory.MatchString(in):
		return warmUp + ": the first use of a kernel or of a library loads it, and such calls are long once"
	case g.inside:
		return "look at what the host does there; if it is there once and at the beginning, it is a first call, which loads or compiles kernels: " +
			warmUp
	case rv.ranOn(g):
		return "look at what the host does there: requests wait meanwhile"
	case generates(rv.rank):
		return "if no requests ran then, take idle shares per step, not of the window, begin the profile when they run and end it before " +
			"they stop; if some waited, look at what the host does there"
	}
	return "take idle shares without it; if it is there once and at the beginning, " + warmUp
}

// tryGraphs is how the engine that ran is told to replay its decode steps.
func (rv *rankView) tryGraphs() string {
	switch rv.rank.Engine {
	case "vllm":
		return "replay decode from CUDA graphs: drop --enforce-eager"
	case "sglang":
		return "replay decode from CUDA graphs: drop --disable-cuda-graph"
	}
	return "replay decode from CUDA graphs: in plain PyTorch torch.compile(mode=\"reduce-overhead\") with a static KV cache; vLLM and SGLang do " +
		"so unless told not to (--enforce-eager, --disable-cuda-graph)"
}

// tryFuse names the switch of the engine that ran, if it is not on.
func (rv *rankView) tryFuse() string {
	kernels := ""
	if generates(rv.rank) {
		kernels = ", or use fused kernels for norm with residual, rotary embedding and activation where this model has none"
	}
	switch {
	case rv.has(compiledCode):
		return "part of the model is compiled: look at what runs these kernels outside of that part (graph breaks, regions left out)" + kernels
	case rv.rank.Engine == "vllm":
		return "let vLLM compile the model (no --enforce-eager)" + kernels
	case rv.rank.Engine == "sglang":
		return "let SGLang compile the model (--enable-torch-compile)" + kernels
	}
	return "torch.compile the model" + kernels
}
