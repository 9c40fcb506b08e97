// Package ranks says what one rank is and did (Rank), and what ranks can only say together: whose number is whose, clocks,
// waits in collectives, steps that they took together.
package ranks

import (
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/graphs"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/roofline"
	"github.com/inferprof/inferprof/trace"
)

// Rank is everything about one trace.
type Rank struct {
	Rank      int    `json:"rank"`
	WorldSize int    `json:"world_size"`     // 0: the trace does not say
	Role      string `json:"role,omitempty"` // "frontend": an API server's trace, which is no rank
	Path      string `json:"path" redact:"trace"`
	Host      string `json:"host,omitempty" redact:"host"`
	Hardware  string `json:"hardware,omitempty"` // the device's name, where the trace gives one
	NoGPU     string `json:"no_gpu,omitempty"`   // why a trace of a GPU has no GPU work (index.Index.NoGPU); "" if it has, or is a CPU's
	Engine    string `json:"engine,omitempty"`
	Version   string `json:"engine_version,omitempty"`

	BaseTimeNs int64 `json:"base_time_ns"` // Unix time of the trace's time 0; 0 if its times are Unix times themselves
	Events     int   `json:"events"`
	FirstNs    int64 `json:"first_ns"`    // earliest start of anything
	LastNs     int64 `json:"last_ns"`     // latest end of anything
	ProfilerNs int64 `json:"profiler_ns"` // length of the profiler's own span; 0: not in the trace

	// Windows are what a selection of steps left of the device's time, and HostWindows of the host's; nil: all.
	Windows     []index.Window `json:"windows,omitempty"`
	HostWindows []index.Window `json:"host_windows,omitempty"`

	Damage []Damage `json:"damage,omitempty"` // what could not be read as written

	Clock *Clock `json:"clock,omitempty"` // against the lowest rank; nil if there is one rank only

	// Time is of each device that worked; one entry with device -1 in a CPU-only trace.
	Time       []device.Time     `json:"time"`
	Kernels    []device.Kernel   `json:"kernels,omitempty"`
	Categories []device.Category `json:"categories"`
	Streams    []device.Stream   `json:"streams,omitempty"`
	Idle       []device.Idle     `json:"idle,omitempty"`
	Launch     *device.Launch    `json:"launch,omitempty"`
	MemoryOps  []device.MemoryOp `json:"memory_ops,omitempty"`
	Memory     []host.MemoryPool `json:"memory,omitempty"`
	Ops        []host.Op         `json:"ops,omitempty"`
	CPU        host.CPU          `json:"cpu"`

	Modules     []host.Module `json:"modules,omitempty"`
	Collectives []Collective  `json:"collectives,omitempty"`
	Runs        Runs          `json:"-"` // each of the collectives, for what ranks say together
	Steps       []index.Step  `json:"steps,omitempty"`
	Phases      []Phase       `json:"phases,omitempty"`
	Steady      *Steady       `json:"steady,omitempty"`

	Roofline *roofline.Roofline `json:"roofline,omitempty"`
	Queues   []device.Queue     `json:"queues,omitempty"`
	Graphs   []graphs.Graph     `json:"graphs,omitempty"`
	Replays  *graphs.Replays    `json:"replays,omitempty"`  // nil without graph launches
	Parallel *host.Parallel     `json:"parallel,omitempty"` // of a CPU-only trace

	GPUEvents []device.GPUEvent `json:"-"` // only where they are asked for
}

// SetNumber gives the rank the number that it has among the others.
func (r *Rank) SetNumber(rank int) {
	r.Rank = rank
	for i := range r.Phases {
		r.Phases[i].Rank = rank
	}
}

// MergeCPU adds up ranks.
func MergeCPU(ranks []*Rank) host.CPU {
	var c host.CPU
	tables := make([][]host.API, len(ranks))
	for i, r := range ranks {
		tables[i] = r.CPU.Calls
		c.OpSelfNs += r.CPU.OpSelfNs
		c.AnnotationSelfNs += r.CPU.AnnotationSelfNs
	}
	c.Calls = host.MergeAPIs(tables...)
	c.SumCalls()
	return c
}

// EngineOf names the engine that wrote a trace, as far as it shows: by a version in the file, by SGLang's own step
// names, or by vLLM's ops and frames. vLLM's step names alone prove nothing, since others write them too.
func EngineOf(t *trace.Trace, steps []index.Step, ops []host.Op) (name, version string) {
	if e := &t.Meta.Engine; e.Name != "" {
		return e.Name, e.Version
	}
	if len(steps) > 0 {
		switch first := steps[0]; first.Dialect {
		case trace.DialectSGLang:
			return "sglang", ""
		case trace.DialectATOM:
			return "atom", ""
		case trace.DialectPython:
			for _, e := range []string{"vllm", "sglang"} {
				if strings.Contains(first.Name, e) {
					return e, ""
				}
			}
		}
	}
	if slices.ContainsFunc(ops, func(o host.Op) bool { return IsVLLMOp(o.Name) }) {
		return "vllm", ""
	}
	return "", ""
}

// IsVLLMOp knows the names of ops that vLLM registers.
func IsVLLMOp(name string) bool {
	return strings.HasPrefix(name, "vllm::") || strings.HasPrefix(name, "_vllm_")
}

// HardwareOf names the device that a trace is about.
func HardwareOf(t *trace.Trace, devices []int32) string {
	for _, d := range t.Meta.Devices {
		if d.Name != "" && (len(devices) == 0 || int32(d.ID) == devices[0]) {
			return d.Name
		}
	}
	for _, d := range t.Meta.Devices {
		if d.Name != "" {
			return d.Name
		}
	}
	return ""
}

// Damage is one place of a trace that could not be read as it was written.
type Damage struct {
	Kind   string `json:"kind"`   // syntax, value, duration, truncated, crc, trailing garbage, metadata, input
	Offset int64  `json:"offset"` // bytes from the start of the uncompressed text; -1: unknown
	Line   int64  `json:"line"`   // from 1; 0: unknown
	Text   string `json:"text"`   // the first bytes there, or what is wrong
	Lost   int    `json:"lost"`   // events lost there, as far as known
}

// DamageOf lists what could not be read of a trace.
func DamageOf(t *trace.Trace) []Damage {
	var out []Damage
	for _, d := range t.Damage {
		out = append(out, Damage(d))
	}
	return out
}
