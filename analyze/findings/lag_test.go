package findings

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// team is ranks that meet at the end of each layer of a step, and leave together. Their hosts begin a step when the one before
// is done.
type team struct {
	ranks, steps, layers int
	workNs               func(rank, step int) int64 // of a layer
	hostNs               func(rank, step int) int64 // of a step
	lost                 func(rank, meeting int) bool
	ends                 func(rank int) int // after so many steps
	hosts                bool               // each has a host of its own, whose clock is its own
}

func (m team) traces() []*trace.Trace {
	builders := make([]*builder, m.ranks)
	for r := range builders {
		builders[r] = newBuilder(r, m.ranks)
		builders[r].Trace.Meta.BaseTimeNanoseconds = 1_000_000_000
		if m.hosts {
			builders[r].Trace.Meta.HostName = "node" + strconv.Itoa(r)
			builders[r].Trace.Meta.BaseTimeNanoseconds += int64(r) * 7_654_321
		}
	}
	at := make([]int64, m.ranks)
	now := int64(1_000_000)
	for step := range m.steps {
		launch := make([]int64, m.ranks)
		for r, b := range builders {
			launch[r] = now + m.hostNs(r, step)
			at[r] = launch[r] + 8_000
			if m.ends == nil || step < m.ends(r) {
				b.Annotation("execute_context_0(0)_generation_8(8)", now, m.hostNs(r, step)+10_000)
			}
		}
		graphs := make([]int64, m.ranks)
		for r, b := range builders {
			graphs[r] = b.call("cudaGraphLaunch", launch[r], 6_000)
		}
		for layer := range m.layers {
			for r := range builders {
				at[r] += m.workNs(r, step)
			}
			leave := slices.Max(at) + 6_000
			for r, b := range builders {
				if m.ends == nil || step < m.ends(r) {
					b.gpu(trace.CategoryKernel, "nvjet_sm90_hsh_64x8", graphs[r], at[r]-m.workNs(r, step), m.workNs(r, step)/2, trace.Absent, 1)
					b.gpu(trace.CategoryKernel, "flash_fwd_kernel", graphs[r], at[r]-m.workNs(r, step)/2, m.workNs(r, step)/2, trace.Absent, 1)
					if m.lost == nil || !m.lost(r, step*m.layers+layer) {
						b.gpu(trace.CategoryKernel, "cross_device_reduce_1stage", graphs[r], at[r], leave-at[r], trace.Absent, 1)
					}
				}
				at[r] = leave
			}
		}
		now = at[0] + 20_000
	}
	traces := make([]*trace.Trace, m.ranks)
	for r, b := range builders {
		traces[r] = b.Trace
	}
	return traces
}

// Who is slow, and of what, whatever is missing of the profile; and nobody is where nobody is for long.
func TestStraggler(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	usual := func(int, int) int64 { return 100_000 + random.Int64N(4_000) }
	host := func(int, int) int64 { return 200_000 + random.Int64N(10_000) }
	slow := func(by int64, which func(rank, step int) bool) func(int, int) int64 {
		return func(r, step int) int64 {
			if which(r, step) {
				return usual(r, step) * by / 100
			}
			return usual(r, step)
		}
	}
	one := func(r, _ int) bool { return r == 1 }
	tenth := func(int, int) bool { return random.IntN(10) == 0 }
	for _, c := range []struct {
		name string
		team team
		want []string // of the sentence
	}{
		{"alike", team{workNs: usual, hostNs: host}, nil},
		{"now this one, now that one", team{workNs: slow(130, func(int, int) bool { return random.IntN(3) == 0 }), hostNs: host, steps: 40}, nil},
		{"one bad step", team{workNs: slow(900, func(r, step int) bool { return r == 1 && step == 7 }), hostNs: host}, nil},
		{"kernels", team{workNs: slow(130, one), hostNs: host}, []string{"rank 1 is slower", "11 of 11 steps", "all its kernels take 1.3"}},
		{"of four ranks", team{ranks: 4, workNs: slow(130, one), hostNs: host}, []string{"rank 1 is slower", "all its kernels"}},
		{"two of four", team{ranks: 4, workNs: slow(130, func(r, _ int) bool { return r%2 == 1 }), hostNs: host}, []string{"ranks 1 and 3 are slower"}},
		{"three of four", team{ranks: 4, workNs: slow(130, func(r, _ int) bool { return r > 0 }), hostNs: host}, nil},
		{"every third step", team{workNs: slow(160, func(r, step int) bool { return r == 1 && step%3 == 1 }), hostNs: host}, []string{"rank 1 is slower", "4 of 11 steps"}},
		{"host", team{workNs: usual, hostNs: func(r, step int) int64 { return host(r, step) + int64(r)*150_000 }},
			[]string{"rank 1 is slower", "its device stands still", "because its host launches late"}},
		{"a tenth of the collectives is lost", team{workNs: slow(130, one), hostNs: host, lost: tenth}, []string{"rank 1 is slower", "all its kernels take 1.3"}},
		{"a tenth is lost and nobody is slow", team{workNs: usual, hostNs: host, lost: tenth}, nil},
		{"rank 0 ends a step early", team{workNs: slow(130, one), hostNs: host, ends: func(r int) int { return 11 + r }}, []string{"rank 1 is slower"}},
		{"two long steps", team{workNs: slow(130, one), hostNs: host, steps: 2, layers: 60}, []string{"rank 1 is slower", "16 of 16 parts"}},
		{"two long steps, alike", team{workNs: usual, hostNs: host, steps: 2, layers: 60}, nil},
		{"clocks differ", team{workNs: slow(130, one), hostNs: host, hosts: true}, []string{"rank 1 is slower", "all its kernels take 1.3"}},
	} {
		c.team.ranks, c.team.steps, c.team.layers = max(c.team.ranks, 2), cmp.Or(c.team.steps, 12), cmp.Or(c.team.layers, 8)
		found := find(analyze.Options{}, c.team.traces()...)
		i := slices.IndexFunc(found, func(f analyze.Finding) bool { return f.ID == "straggler_rank" })
		switch {
		case i < 0 && c.want != nil:
			t.Errorf("%s: no straggler: %+v", c.name, found)
		case i >= 0 && c.want == nil:
			t.Errorf("%s: %s", c.name, found[i].Sentence)
		}
		for _, part := range c.want {
			if i >= 0 && !strings.Contains(found[i].Sentence, part) {
				t.Errorf("%s: %q is not in %q", c.name, part, found[i].Sentence)
			}
		}
	}
}

// TestStragglerCountsOnce: what a late host costs is the straggler's, and not the rules' about idleness besides.
func TestStragglerCountsOnce(t *testing.T) {
	work := func(int, int) int64 { return 100_000 }
	stakes := func(more int64) (idle, late int64) {
		m := team{ranks: 2, steps: 12, layers: 8, workNs: work, hostNs: func(r, _ int) int64 { return 200_000 + int64(r)*more }}
		for _, f := range find(analyze.Options{}, m.traces()...) {
			switch f.ID {
			case "host_idle", "launch_bound_decode", "sync_in_step":
				idle += f.StakeNsPerStep
			case "straggler_rank":
				late = f.StakeNsPerStep
			}
		}
		return idle, late
	}
	usual, none := stakes(0)
	idle, late := stakes(300_000)
	if none != 0 || usual == 0 || late < 250_000 || late > 300_000 || idle > usual+50_000 || idle < usual-50_000 {
		t.Errorf("alike ranks have %d at stake in idleness and %d in a straggler, else %d and %d", usual, none, idle, late)
	}
}

// crew is ranks whose hosts launch kernel by kernel and wait for nothing, as an engine's do that needs no token to go on. Some
// begin later. The ranks meet after every layer.
type crew struct {
	beginNs  [2]int64
	launchNs func(rank, step int) int64 // from one launch to the next
	workNs   [2]int64                   // of a kernel
}

func (c crew) traces() []*trace.Trace {
	const steps, layers, kernels = 16, 10, 5
	var host, free [2]int64
	var builders [2]*builder
	for r := range builders {
		builders[r] = newBuilder(r, 2)
		builders[r].Trace.Meta.BaseTimeNanoseconds = 1_000_000_000
		host[r] = 1_000_000 + c.beginNs[r]
	}
	for step := range steps {
		for r, b := range builders {
			b.Annotation("execute_context_0(0)_generation_8(8)", host[r], layers*(kernels+1)*c.launchNs(r, step)-1_000)
		}
		for range layers {
			var came, met [2]int64
			for r, b := range builders {
				for range kernels {
					call := b.call("cudaLaunchKernel", host[r], 4_000)
					start := max(free[r], host[r]+7_000)
					b.gpu(trace.CategoryKernel, "nvjet_sm90_hsh_64x8", call, start, c.workNs[r], trace.Absent, 1)
					free[r] = start + c.workNs[r]
					host[r] += c.launchNs(r, step)
				}
				met[r] = b.call("cudaLaunchKernel", host[r], 4_000)
				came[r] = max(free[r], host[r]+7_000)
				host[r] += c.launchNs(r, step)
			}
			leave := max(came[0], came[1]) + 6_000
			for r, b := range builders {
				b.gpu(trace.CategoryKernel, "ncclDevKernel_AllReduce_Sum_bf16_RING_LL", met[r], came[r], leave-came[r], trace.Absent, 1)
				free[r] = leave
			}
		}
	}
	return []*trace.Trace{builders[0].Trace, builders[1].Trace}
}

// Hosts that wait for nothing stay apart by what they began apart, and the one ahead waits in every collective. It is the start,
// unless a host takes longer from launch to launch, or a device for its kernels.
func TestStragglerWhereHostsRunFree(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	const ms = 1_000_000
	pace := func(first, second int64) func(rank, step int) int64 {
		return func(rank, _ int) int64 { return [2]int64{first, second}[rank] + random.Int64N(2_000) }
	}
	for _, c := range []struct {
		name string
		crew crew
		want []string // of the sentence
	}{
		{"together", crew{[2]int64{0, 0}, pace(40_000, 40_000), [2]int64{8_000, 8_000}}, nil},
		{"by a launch apart", crew{[2]int64{0, 50_000}, pace(40_000, 40_000), [2]int64{8_000, 8_000}}, nil},
		{"by less than a step apart", crew{[2]int64{0, ms}, pace(40_000, 40_000), [2]int64{8_000, 8_000}}, nil},
		{"by many steps apart", crew{[2]int64{0, 300 * ms}, pace(40_000, 40_000), [2]int64{8_000, 8_000}}, nil},
		{"the second pauses once", crew{[2]int64{0, ms}, func(rank, step int) int64 {
			if rank == 1 && step == 7 {
				return 400_000
			}
			return 40_000
		}, [2]int64{8_000, 8_000}}, nil},
		{"the second host is slow", crew{[2]int64{0, ms}, pace(40_000, 48_000), [2]int64{8_000, 8_000}}, []string{"the host of rank 1 is slower", "which wait"}},
		{"the second host is slow, and many steps behind", crew{[2]int64{0, 300 * ms}, pace(40_000, 48_000), [2]int64{8_000, 8_000}}, []string{"the host of rank 1 is slower", "which wait"}},
		{"the first host is slow, and many steps ahead", crew{[2]int64{0, 300 * ms}, pace(48_000, 40_000), [2]int64{8_000, 8_000}}, []string{"the host of rank 0 is slower", "nobody waits for it"}},
		{"the second device is slow", crew{[2]int64{0, ms}, pace(40_000, 40_000), [2]int64{8_000, 10_000}}, []string{"the device of rank 1 is slower", "1.25× as long"}},
		{"the first device is slow, and many steps ahead", crew{[2]int64{0, 300 * ms}, pace(40_000, 40_000), [2]int64{10_000, 8_000}}, []string{"the device of rank 0 is slower", "1.25× as long"}},
		{"the second device is slow, and is waited for", crew{[2]int64{0, 0}, pace(10_000, 10_000), [2]int64{30_000, 40_000}}, []string{"rank 1 is slower", "it is at work", "all its kernels take 1.33"}},
	} {
		found := find(analyze.Options{}, c.crew.traces()...)
		i := slices.IndexFunc(found, func(f analyze.Finding) bool { return f.ID == "straggler_rank" })
		switch {
		case i < 0 && c.want != nil:
			t.Errorf("%s: no straggler: %+v", c.name, found)
		case i >= 0 && c.want == nil:
			t.Errorf("%s: %s", c.name, found[i].Sentence)
		}
		for _, part := range c.want {
			if i >= 0 && !strings.Contains(found[i].Sentence, part) {
				t.Errorf("%s: %q is not in %q", c.name, part, found[i].Sentence)
			}
		}
	}
}

// Causes that make a quarter of what a rank is slower by are named, and no others.
func TestCausesOfLag(t *testing.T) {
	kernels := func(names ...string) *Look {
		r := &analyze.Rank{}
		for _, n := range names {
			r.Kernels = append(r.Kernels, analyze.Kernel{Name: n, Category: "gemm", Count: 10, TotalNs: 1000})
		}
		return &Look{rank: r, gpu: true}
	}
	v := &view{result: &analyze.Result{Kind: analyze.KindGPU}, ranks: []*Look{kernels("gemm"), kernels("gemm", "extra")}}
	for _, c := range []struct {
		busy, idle, hostLate, transfer int64
		has, not                       []string
	}{
		{busy: 900, idle: 50, transfer: 50, has: []string{"; it is at work 900 ns longer", "extra, which the others do not run"}, not: []string{"stands still", "collectives"}},
		{busy: -100, idle: 900, hostLate: 900, transfer: 200, has: []string{"; its device stands still 900 ns longer per step, 900 ns of it because its host"}, not: []string{"at work", "collectives"}},
		{busy: -100, idle: 200, transfer: 900, has: []string{"; its collectives take 900 ns longer once all have come"}, not: []string{"at work", "stands still"}},
		{busy: 500, idle: 500, hostLate: 100, has: []string{"stands still 500 ns longer, of which late launches", ", and it is at work 500 ns longer"}, not: []string{"collectives"}},
	} {
		l := &lag{group: &group{steps: true}, beats: 1, late: []int{1}, rest: []int{0}, lateOwn: 1000,
			longerBusy: c.busy, longerIdle: c.idle, longerHostLate: c.hostLate, longerTransfer: c.transfer}
		f := &analyze.Finding{}
		v.sayCause(f, l, "per step")
		for _, part := range c.has {
			if !strings.Contains(f.Sentence, part) {
				t.Errorf("%+v: %q is not in %q", c, part, f.Sentence)
			}
		}
		for _, part := range c.not {
			if strings.Contains(f.Sentence, part) {
				t.Errorf("%+v: %q is in %q", c, part, f.Sentence)
			}
		}
		if f.Try == "" {
			t.Errorf("%+v: nothing to try", c)
		}
	}
}
