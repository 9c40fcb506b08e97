package findings

import (
	"cmp"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/kineto"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// builder makes a rank's trace by hand. Its calls launch something each: they have a correlation of their own.
type builder struct {
	*tracetest.Builder
	correlation int64
}

func newBuilder(rank, world int) *builder {
	b := &builder{Builder: tracetest.New()}
	b.Trace.Meta = trace.Meta{
		HostName: "node", Distributed: &trace.Distributed{Rank: rank, WorldSize: world},
		Devices: []trace.Device{{ID: 0, Name: "NVIDIA H200", TotalMemoryBytes: 100 << 30, Multiprocessors: 132}},
	}
	return b
}

func (b *builder) call(name string, start, ns int64) int64 {
	b.correlation++
	b.Call(name, b.correlation, start, ns)
	return b.correlation
}

func (b *builder) gpu(c trace.Category, name string, correlation, start, ns, bytes int64, blocksPerSM float32) {
	side := b.Trace.GPU.Append(trace.GPUWork{Stream: 7, Correlation: correlation, ExternalID: trace.Absent, Bytes: bytes, BlocksPerSM: blocksPerSM, Collective: trace.NoSide})
	b.Event(c, name, b.Track(0, 7), start, ns, side)
}

// communication is a kernel that the trace says of what it communicates.
func (b *builder) communication(name string, start, ns int64) {
	side := b.Trace.GPU.Append(trace.GPUWork{Stream: 9, Correlation: b.call("cudaLaunchKernel", start-10_000, 3000), ExternalID: trace.Absent, Bytes: trace.Absent,
		Collective: b.Trace.Collectives.Append(trace.Collective{Name: b.Trace.Strings.InternString(name), GroupSize: 2, Bytes: 4096, WaitNs: trace.Absent,
			InElements: trace.Absent, OutElements: trace.Absent})})
	b.Event(trace.CategoryKernel, "ncclDevKernel_SendRecv", b.Track(0, 9), start, ns, side)
}

// kernel is one of a step: its name and duration, and what is unusual about it.
type kernel struct {
	name   string
	ns     int64
	bytes  int64 // of a copy
	blocks float32
	// Of the op that launches it by a call of its own, if any.
	op, dims, types string
}

// steps says how an engine runs. The zero value of a field is what a healthy one does.
type steps struct {
	n        int
	name     string // of each step
	kernels  func(step int) []kernel
	eager    int64 // ns between launches; 0: the step is one graph replay
	between  int64 // ns from the last kernel's end to the next step's launch; 0: the host is ahead
	during   string
	sync     string // call that the host waits in
	before   int64  // ns before the first step
	mixed    int    // every so many steps are mixed, and take four times as long; 0: none
	mixedAs  string // their name
	unlinked bool   // the first step's kernels lost their launch
}

// decode is what a healthy decode step runs.
func decode(int) []kernel {
	return []kernel{
		{name: "rms_norm_kernel", ns: 2_000}, {name: "nvjet_sm90_hsh_128x8", ns: 400_000, blocks: 1}, {name: "flash_fwd_kernel", ns: 60_000},
		{name: "nvjet_sm90_hsh_256x8", ns: 300_000, blocks: 1}, {name: "act_and_mul_kernel", ns: 2_000}, {name: "nvjet_sm90_hsh_64x8", ns: 200_000, blocks: 1},
		{name: "argmax_kernel", ns: 5_000},
	}
}

// run appends steps.
func (b *builder) run(s steps) {
	if s.name == "" {
		s.name = "execute_context_0(0)_generation_8(8)"
	}
	if s.kernels == nil {
		s.kernels = decode
	}
	device, host := int64(1_000_000)+s.before, s.before
	for i := range s.n {
		name, scale := s.name, int64(1)
		if s.mixed > 0 && i%s.mixed == s.mixed-1 {
			name, scale = cmp.Or(s.mixedAs, "execute_context_1(512)_generation_7(7)"), 4
		}
		list := s.kernels(i)
		if s.between > 0 {
			host = device + s.between
			if s.during != "" {
				b.Op(s.during, device+1000, s.between-2000)
			}
			if s.sync != "" {
				b.call(s.sync, device-50_000, s.between*3/4+50_000)
			}
		}
		begin := host
		var graph int64
		if s.eager == 0 {
			graph = b.call("cudaGraphLaunch", host+1000, 3000)
			host += 5000
		}
		for _, k := range list {
			correlation, category := graph, trace.CategoryKernel
			if len(k.name) > 6 && k.name[:6] == "Memcpy" {
				category = trace.CategoryMemcpy
				blocked := int64(3000)
				if strings.Contains(k.name, "Pageable") { // until the copy is done, and some time more
					blocked = max(blocked, device+k.ns+40_000-host)
				}
				correlation = b.call("cudaMemcpyAsync", host, blocked)
				host += 3000
			} else if k.op != "" {
				side := b.Trace.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide,
					Shapes: kineto.ShapesOf(b.Trace, k.dims), Dtypes: kineto.DtypesOf(b.Trace, k.types)})
				b.Event(trace.CategoryCPUOp, k.op, b.Track(1, tracetest.Thread), host, 5000, side)
				correlation = b.call("cudaLaunchKernel", host+500, 3000)
				host += 5000
			} else if s.eager > 0 {
				correlation = b.call("cudaLaunchKernel", host, 4000)
				host += s.eager
			}
			if s.unlinked && i == 0 {
				correlation += 1_000_000
			}
			bytes := k.bytes
			if bytes == 0 {
				bytes = trace.Absent
			}
			device = max(device+500, host-s.eager+5000*min(1, s.eager))
			if s.between > 0 && device < host {
				device = host
			}
			b.gpu(category, k.name, correlation, device, k.ns*scale, bytes, k.blocks)
			device += k.ns * scale
		}
		b.Annotation(name, begin, max(host-begin, 4500))
		host = max(host, device-400_000) + 1000
	}
}

func find(o analyze.Options, traces ...*trace.Trace) []analyze.Finding {
	parts, looks := make([]*analyze.Part, len(traces)), make([]*Look, len(traces))
	for i, number := range analyze.RankNumbers(analyze.Metas(traces)) {
		x := analyze.File(traces[i], o)
		parts[i] = analyze.NewPart(x, number, o)
		looks[i] = LookAt(x, parts[i].Rank, o.Capture)
	}
	return Find(analyze.Join(parts, o), looks)
}
