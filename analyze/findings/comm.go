package findings

import (
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// exposedCommShare of the work is what communication must take, uncovered, before hiding it is worth the trouble: in
// the best case that much is won.
const exposedCommShare = 0.05

// exposedCommunication: time in which ranks only communicate. Waiting for late ranks is not part of it, where it is
// known: that is the straggler's.
func exposedCommunication(v *view, _ []*analyze.Finding) *analyze.Finding {
	found := make([]*analyze.Finding, len(v.ranks))
	for i, l := range v.ranks {
		found[i] = v.exposed(l)
	}
	return v.worst(found)
}

// exposed is what a rank has at stake.
func (v *view) exposed(l *Look) *analyze.Finding {
	t := l.stepTime
	if !l.gpu {
		t = l.rank.Time[0]
	}
	exposed, comm, busy := t.ExposedCommNs, t.CommNs, t.BusyNs
	onGPU := func(c analyze.Collective) bool { return strings.HasPrefix(c.Name, "nccl:") }
	if comm == 0 || !l.gpu && slices.ContainsFunc(l.rank.Collectives, onGPU) {
		return nil // a GPU does it, whose work was not recorded
	}
	wait, collectives, unknown := l.waited()
	if len(v.ranks) > 1 && !v.waits {
		wait, unknown = 0, collectives
	}
	exposed, busy = max(0, exposed-wait), busy-min(wait, exposed)
	if ratio(exposed, busy) < exposedCommShare {
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(exposed, l.steps()),
		Inferred:       unknown > 0,
		Evidence: []analyze.Evidence{
			nanoseconds("exposed_communication", exposed), nanoseconds("communication", comm), nanoseconds("busy_without_waiting", busy),
		},
		Try: "check how the ranks are linked (nvidia-smi topo -m), use fewer of them or a faster all-reduce, fuse all-reduce with the norm after it, overlap with the other half of the batch",
	}
	if !l.gpu {
		f.Try = "use fewer ranks with more threads each, bind each rank to the cores and the memory of one socket, all-reduce through shared memory rather than gloo's sockets"
	}
	if !generates(l.rank) {
		f.Try = "check how the ranks are linked, and send while something is computed: what is ready first is sent first (buckets, a stream of " +
			"its own), fewer and larger messages"
	}
	if v.pipelined() {
		f.Try = "stages of a pipeline wait for each other unless there are as many batches in flight as stages: more requests that come at different times, or tensor parallelism where the ranks share a machine"
	}
	say(f, "nothing is computed during %s of communication %s (%s of the busy time)", nanoseconds("exposed_communication_per_step", f.StakeNsPerStep), l.per(),
		share("of_busy", exposed, busy))
	v.sayWaiting(f, wait, collectives, unknown)
	if l.longestMeeting != nil {
		f.Events = []analyze.EventRef{*l.longestMeeting}
	}
	return f
}

// sayWaiting says what of a rank's communication was waiting for others, as far as that is known, and whether it is left out.
func (v *view) sayWaiting(f *analyze.Finding, wait int64, collectives, unknown int) {
	left := nanoseconds("waiting_left_out", wait)
	switch {
	case unknown == 0:
		say(f, "; waiting for other ranks, %s in all, is not counted", left)
	case unknown < collectives:
		say(f, "; waiting for other ranks, %s in all, is not counted, as far as it is known: %s of %s collectives count whole", left,
			number("waits_not_known", unknown), number("collectives", collectives))
	case len(v.ranks) > 1:
		say(f, ", waiting for other ranks included: their collectives do not match")
	default:
		say(f, ", waiting for other ranks included, which only their traces could tell apart")
	}
}

// pipelined tells whether ranks send each other what they computed, as the stages of a pipeline do. Only described
// communication counts: the kernel that NCCL sends with does all-to-alls as well.
func (v *view) pipelined() bool {
	return slices.ContainsFunc(v.ranks, func(l *Look) bool {
		return slices.ContainsFunc(l.rank.Collectives, func(c analyze.Collective) bool {
			name := strings.TrimPrefix(c.Name, "gloo:")
			return name == "send" || name == "recv"
		})
	})
}

const (
	// smallMessageBytes is the largest message that vLLM's custom all-reduce takes (CustomAllreduce, max_size).
	smallMessageBytes = 8 << 20
	// smallMessageNs: where the trace gives no sizes (replayed graphs), an all-reduce this short carries a small message:
	// 8 MiB take longer over NVLink's 450 GB/s each way and NCCL's latency of about 10 µs.
	smallMessageNs = 30_000
	// slowLinkBytesPerNs is PCIe's pace: what takes longer than the message does there waits.
	slowLinkBytesPerNs = 25
	// customAllReduceNs is what the one-shot kernel takes for a decode step's message: the median of 1,449
	// cross_device_reduce_1stage in a trace of vLLM on 4 H100.
	customAllReduceNs = 4_127
	// customAllReduceRanks is the most ranks it serves.
	customAllReduceRanks = 8
)

var customAllReduce = regexp.MustCompile(`cross_device_reduce|multimem_all|(?i)(one|two)_?shot_?all_?reduce|allreduce_fusion|quick_?reduce`)

// leastOnOneHost is the finding of the rank that has least at stake (of what the others take longer, the most is waiting),
// if the ranks share a machine.
func leastOnOneHost(v *view, found []*analyze.Finding) *analyze.Finding {
	for _, l := range v.ranks {
		if l.rank.Host != v.ranks[0].rank.Host {
			return nil
		}
	}
	return v.least(found)
}

// customAllReduceMissing: the small all-reduces of decode steps run in NCCL.
func customAllReduceMissing(rv *rankView) *analyze.Finding {
	d := rv.t.Meta.Distributed
	if d == nil || d.WorldSize < 2 || d.WorldSize > customAllReduceRanks {
		return nil
	}
	var all []int64
	var first *work
	var bytes int64 = -1
	for i := range rv.work {
		w := &rv.work[i]
		name := rv.name(w.Name)
		if rv.matches(customAllReduce, w.Name) {
			return nil
		}
		if !rv.in(w.iteration, trace.StepDecode) || !strings.HasPrefix(name, "nccl") || !strings.Contains(name, "AllReduce") {
			continue
		}
		if g := rv.gpuWork(w); g != nil && g.Collective != trace.NoSide {
			if c := rv.t.Collectives.At(g.Collective); c.InElements >= 0 {
				bytes = max(bytes, c.InElements*elementBytes(rv.name(c.Dtype)))
			}
		}
		if first == nil {
			first = w
		}
		all = append(all, w.EndNs-w.StartNs)
	}
	if len(all) == 0 || bytes > smallMessageBytes || stats.Median(all) > smallMessageNs+max(0, bytes)/slowLinkBytesPerNs { // most wait
		return nil
	}
	var beyond int64
	for _, ns := range all {
		beyond += max(0, min(ns, smallMessageNs)-customAllReduceNs) // what is longer waited for another rank
	}
	steps, stepNs := rv.decode()
	f := &analyze.Finding{
		Inferred: true, StakeNsPerStep: quotient(beyond, rv.steps()),
		Evidence: []analyze.Evidence{
			number("nccl_all_reduces", len(all)), number("decode_steps", steps), nanoseconds("beyond_custom_kernel", beyond),
			share("of_decode_steps", beyond, stepNs),
		},
		Events: []analyze.EventRef{rv.ref(first.Row)},
		Try:    "see that custom all-reduce is on (vLLM and SGLang: no --disable-custom-all-reduce) and that the GPUs reach each other (nvidia-smi topo -p2p r); in plain PyTorch use symmetric memory's one-shot all-reduce",
	}
	say(f, "NCCL does the %s all-reduces of a decode step (", mean("all_reduces_per_decode_step", len(all), steps))
	if bytes >= 0 {
		say(f, "of at most %s", bytesOf("largest_message", bytes))
	} else {
		say(f, "short ones")
	}
	say(f, ", median %s), where the engines' own kernels take about %s on one machine: an estimated %s per decode step",
		nanoseconds("median", stats.Median(all)), nanoseconds("custom_kernel", customAllReduceNs),
		nanoseconds("beyond_custom_kernel_per_decode_step", quotient(beyond, steps)))
	return f
}

// elementBytes is the size of an element of a collective's message; 0 if the type is not known.
func elementBytes(dtype string) int64 {
	switch strings.ToLower(dtype) {
	case "float", "int":
		return 4
	case "half", "bfloat16":
		return 2
	case "double", "long":
		return 8
	case "byte", "char":
		return 1
	}
	return 0
}
