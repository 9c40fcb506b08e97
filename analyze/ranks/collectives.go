package ranks

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// Collective is what all communications of one name, type, message size and group took.
//
// On a GPU these are the communication kernels, the engines' own included, which carry no metadata: of those only the
// name is known. In a CPU-only trace they are gloo's annotations on gloo's threads (the c10d ops that launch them
// return at once), or the embedded engine's c10d ops.
//
// A collective takes as long as the last rank makes it take: ranks that come early wait in it. TransferNs is what is
// left without waiting (waits.go says how the two are told apart).
//
// Bandwidth is bytes over the transfer, in true bytes a second; BusBytesPerS is that times the collective's bus factor,
// as NCCL's tests have it: what each rank's link carried, whatever the number of ranks n. The factor is 2(n-1)/n for an
// all-reduce, (n-1)/n for all-gather, reduce-scatter and all-to-all, of which Bytes is the larger side, and 1 for the
// rest. (TraceLens divides by 2^30 and calls that GB/s.)
type Collective struct {
	Name string `json:"name"`
	// Kind is all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, reduce, send_recv, barrier, dispatch or combine, by
	// the name; other if it says none of these.
	Kind       string `json:"kind"`
	Dtype      string `json:"dtype,omitempty"`
	Group      string `json:"group,omitempty"`
	GroupSize  int64  `json:"group_size"` // -1: unknown
	Bytes      int64  `json:"bytes"`      // message size of one; -1: unknown
	Count      int    `json:"count"`
	TotalNs    int64  `json:"total_ns"`
	MinNs      int64  `json:"min_ns"`
	MedianNs   int64  `json:"median_ns"`
	MaxNs      int64  `json:"max_ns"`
	WaitNs     int64  `json:"wait_ns"`     // Σ; -1: unknown
	TransferNs int64  `json:"transfer_ns"` // Σ; -1: unknown
	// WaitFrom is what WaitNs is told by: WaitFromEngine, WaitFromStarts, WaitFromDurations; "" if it is unknown.
	WaitFrom string `json:"wait_from,omitempty"`

	// BytesPerS is of the transfers, or if they are unknown of the shortest (which waited least); 0 if either is unknown.
	BytesPerS    float64 `json:"bytes_per_s,omitempty"`
	BusBytesPerS float64 `json:"bus_bytes_per_s,omitempty"` // 0 too if the group's size is unknown
	// LateRank is the rank that the others waited for most often, LateCount times of Count / ranks; -1: unknown. Only over
	// all ranks.
	LateRank  int `json:"late_rank"`
	LateCount int `json:"late_count,omitempty"`

	// LaunchedBy is the op that launched it, in a CPU-only trace whose collectives run on threads of their own, and
	// QueuedNs the time from that op's start to its own, Σ.
	LaunchedBy string `json:"launched_by,omitempty"`
	QueuedNs   int64  `json:"queued_ns,omitempty"`
}

// busFactor is how often a link carries the bytes of a collective of n ranks.
func busFactor(kind string, n int64) float64 {
	if n < 2 {
		return 0
	}
	switch kind {
	case "all_reduce":
		return 2 * float64(n-1) / float64(n)
	case "all_gather", "reduce_scatter", "all_to_all":
		return float64(n-1) / float64(n)
	}
	return 1
}

func summarizeCollective(k collectiveKey, r *sequence) Collective {
	s := stats.Of(r.ns)
	c := Collective{Name: k.name, Kind: k.kind(), Dtype: k.dtype, Group: k.group, GroupSize: k.groupSize, Bytes: k.bytes,
		Count: s.N, TotalNs: s.Sum, MinNs: s.Min, MedianNs: s.Median, MaxNs: s.Max, LateRank: -1,
		LaunchedBy: r.launchedBy, QueuedNs: r.queuedNs}
	for _, w := range r.wait {
		if w == trace.Absent {
			c.WaitNs, c.TransferNs = trace.Absent, trace.Absent
			break
		}
		c.WaitNs += w
	}
	if c.WaitNs != trace.Absent {
		c.TransferNs, c.WaitFrom = c.TotalNs-c.WaitNs, cmp.Or(r.waitFrom, WaitFromEngine)
	}
	if ns := max(0, float64(c.TransferNs)) / float64(max(1, c.Count)); c.Bytes > 0 {
		if c.TransferNs < 0 {
			ns = float64(c.MinNs)
		}
		if ns > 0 {
			c.BytesPerS = float64(c.Bytes) / ns * 1e9
			c.BusBytesPerS = c.BytesPerS * busFactor(c.Kind, c.GroupSize)
		}
	}
	return c
}

func sortCollectives(rows []Collective) {
	slices.SortFunc(rows, func(a, b Collective) int {
		return cmp.Or(cmp.Compare(b.TotalNs, a.TotalNs), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Bytes, b.Bytes),
			cmp.Compare(a.Dtype, b.Dtype), cmp.Compare(a.Group, b.Group), cmp.Compare(a.GroupSize, b.GroupSize))
	})
}
