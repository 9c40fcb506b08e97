package server

import (
	"slices"
	"strings"
)

// Dialect is how one kind of server is spoken to. All of it is data, so that a server is added by adding to the list
// below.
type Dialect struct {
	Name   string // as --dialect takes it
	Engine string // what runs, for the manifest
	Title  string // for people

	recognise func(*facts) bool

	startPath, stopPath string
	body                func(ask) map[string]any // of the start; nil: it takes none
	bounded             bool                     // the body can bound the steps
	clientDir           bool                     // the body says where to write
	canSwitch           []string                 // what the body can turn on and off: with_stack, record_shapes
	mute                bool                     // a failure is answered 500 without its reason
	needsDir            bool                     // what it is told to write to must be there
	holdsStart          bool                     // some versions answer a start with a bound when its steps are done
	stopFirst           bool                     // a profile that ended by itself lets no other start before it is stopped
	bodySince           string                   // what it takes for the body to be read, if that is not sure
	busy                string                   // what the refusal of a start says when a profile is being recorded
	keepsSession        bool                     // a profile that ended by itself lets no other start, as if it went on, before it is stopped
	guarded             bool                     // a start is refused while a profile is recorded, before anything else is looked at
	overruns            bool                     // a start takes the place of a profile that is being recorded
	health              string                   // the route that says 503 when the engine has died; "": none that makes no work
	idle                string                   // what a stop's error says when none is; it may have ended by itself
	enable              string                   // what to do about a missing route

	fields  []string // of a completion request, beyond OpenAI's
	running []string // the gauges of requests in a step, and of those that wait for one
	waiting []string
}

// ask is what the client wants of one profile.
type ask struct {
	steps, delay int    // 0: no bound, none to skip
	prefix       string // of the files' names; ""
	dir          string // as the server sees it; "": the server's own choice
	shapes       bool
	stack        bool
}

// The names under which vLLM counts requests; inferprof serve uses the same.
var (
	vllmRunning = []string{"vllm:num_requests_running"}
	vllmWaiting = []string{"vllm:num_requests_waiting"}
	vllmFields  = []string{"top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "ignore_eos", "min_tokens", "cache_salt"}
)

func vllmBody(a ask) map[string]any {
	b := map[string]any{}
	if a.steps > 0 {
		b["max_iterations"] = a.steps
	}
	if a.delay > 0 {
		b["delay_iterations"] = a.delay
	}
	if a.prefix != "" {
		b["profile_prefix"] = a.prefix
	}
	return b
}

func sglangBody(a ask) map[string]any {
	b := map[string]any{"activities": []string{"CPU", "GPU"}, "with_stack": a.stack, "record_shapes": a.shapes}
	if a.steps > 0 {
		b["num_steps"] = a.steps
	}
	if a.prefix != "" {
		b["profile_prefix"] = a.prefix
	}
	if a.dir != "" {
		b["output_dir"] = a.dir
	}
	return b
}

// dialects is every kind of server that is known, those with the surer signs first. The last one fits all.
var dialects = []*Dialect{
	{
		Name: "inferprof", Engine: "native", Title: "inferprof serve", guarded: true,
		recognise: func(f *facts) bool { return f.owner == "inferprof" },
		startPath: "/start_profile", stopPath: "/stop_profile", body: vllmBody, bounded: true,
		busy:   "being recorded",
		enable: `serve with --profiler-config '{"profiler":"torch","torch_profiler_dir":"/abs/dir"}'`,
		fields: vllmFields, running: vllmRunning, waiting: vllmWaiting, health: "/health",
	},
	{
		Name: "sglang", Engine: "sglang", Title: "SGLang",
		recognise: func(f *facts) bool { return f.sglang() && !f.beforePatch(0, 4, 7) },
		startPath: "/start_profile", stopPath: "/stop_profile", body: sglangBody, bounded: true, clientDir: true,
		canSwitch: []string{"with_stack", "record_shapes"}, mute: true, overruns: true, holdsStart: true, // one that does not tell its version may be old
		busy: "already in progress", idle: "not in progress",
		enable:  "SGLang has the route without being told; is a proxy or router in front of it that does not pass it on?",
		fields:  vllmFields,
		running: []string{"sglang:num_running_reqs"}, waiting: []string{"sglang:num_queue_reqs"},
	},
	{
		Name: "sglang-old", Engine: "sglang", Title: "SGLang before 0.4.7",
		recognise: func(f *facts) bool { return f.sglang() },
		startPath: "/start_profile", stopPath: "/stop_profile", clientDir: true, needsDir: true, mute: true,
		// With a bound the start is answered when its steps are done, and a stop waits in line behind it.
		body: func(a ask) map[string]any {
			b := sglangBody(a)
			delete(b, "num_steps")
			delete(b, "profile_prefix")
			return b
		},
		canSwitch: []string{"with_stack", "record_shapes"}, bodySince: "SGLang 0.4.7",
		busy: "already in progress", idle: "not in progress",
		enable:  "SGLang has the route without being told; is a proxy or router in front of it that does not pass it on?",
		fields:  vllmFields,
		running: []string{"sglang:num_running_reqs"}, waiting: []string{"sglang:num_queue_reqs"},
	},
	{
		Name: "tensorrt-llm", Engine: "tensorrt-llm", Title: "TensorRT-LLM",
		recognise: func(f *facts) bool { return strings.HasPrefix(f.owner, "tensorrt") || f.metric("trtllm_") },
		startPath: "/start_profile", stopPath: "/stop_profile", bounded: true, clientDir: true, holdsStart: true,
		body: func(a ask) map[string]any {
			b := sglangBody(a)
			delete(b, "with_stack")
			delete(b, "record_shapes")
			delete(b, "profile_prefix")
			return b
		},
		busy: "already", idle: "not in progress",
		enable: "trtllm-serve has the route since mid 2026; older ones profile fixed iterations only, by " +
			"TLLM_PROFILE_START_STOP=100-120 and TLLM_TORCH_PROFILE_TRACE=/abs/trace.json in the server's environment",
		fields: []string{"ignore_eos", "min_tokens", "top_k"},
	},
	{
		Name: "vllm-body", Engine: "vllm", Title: "vLLM that bounds each profile", guarded: true, keepsSession: true,
		recognise: func(f *facts) bool { return f.vllm() && f.vllmTakesBody() == yes },
		startPath: vllmStartPath, stopPath: "/stop_profile", body: vllmBody, bounded: true,
		busy:   "already",
		enable: vllmEnable, fields: vllmFields, running: vllmRunning, waiting: vllmWaiting, health: "/health",
	},
	{
		Name: "vllm-env", Engine: "vllm", Title: "vLLM before 0.13",
		recognise: func(f *facts) bool { return f.vllm() && f.before(0, 13) },
		startPath: vllmStartPath, stopPath: "/stop_profile", body: vllmBody, stopFirst: true,
		bodySince: "vLLM 0.32; before 0.13 the steps are bounded by VLLM_PROFILER_MAX_ITERS in the server's environment",
		enable: "start the server with VLLM_TORCH_PROFILER_DIR=/abs/dir in its environment, and VLLM_RPC_TIMEOUT=1800000 so " +
			"that a long stop is not cut off",
		fields: vllmFields, running: vllmRunning, waiting: vllmWaiting, health: "/health",
	},
	{
		Name: "vllm", Engine: "vllm", Title: "vLLM from 0.13 on",
		recognise: func(f *facts) bool { return f.vllm() },
		startPath: vllmStartPath, stopPath: "/stop_profile", body: vllmBody, stopFirst: true,
		bodySince: "vLLM 0.32; before, the steps are bounded by max_iterations in the server's --profiler-config",
		busy:      "already",
		enable:    vllmEnable, fields: vllmFields, running: vllmRunning, waiting: vllmWaiting, health: "/health",
	},
	{
		Name: "generic", Engine: "server", Title: "a server with start and stop routes",
		recognise: func(*facts) bool { return true },
		startPath: "/start_profile", stopPath: "/stop_profile",
		bodySince: "a server that is known to take a bound",
		busy:      "already", idle: "not in progress",
		enable: "is profiling turned on there, and does a proxy in front of it pass the route on?",
	},
}

const vllmStartPath = "/start_profile"

const vllmEnable = `start the server with --profiler-config '{"profiler":"torch","torch_profiler_dir":"/abs/dir","torch_profiler_with_stack":false,"ignore_frontend":true}'`

// Dialects lists the names that --dialect takes.
func Dialects() []string {
	names := make([]string, len(dialects))
	for i, d := range dialects {
		names[i] = d.Name
	}
	return names
}

func dialectNamed(name string) *Dialect {
	for _, d := range dialects {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// takes tells whether a completion request may have a field beyond OpenAI's.
func (d *Dialect) takes(field string) bool { return slices.Contains(d.fields, field) }

// switches tells whether the start can turn something on and off.
func (d *Dialect) switches(name string) bool { return slices.Contains(d.canSwitch, name) }
