package ranks

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/index"
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
// left without waiting. Where the writer tells the wait, that is taken; else, where the same collectives in the same
// number are found on several ranks, the n-th on each are one (clock.go says how a shorter sequence is laid along a longer
// one), its transfer is the shortest of their durations, and the rest is waiting. This needs no common clock, and equals the rule "latest start − own start" when all ranks end together.
//
// Bandwidth is bytes over the transfer, in true bytes a second; BusBytesPerS is that times the collective's bus factor,
// as NCCL's tests have it: what each rank's link carried, whatever the number of ranks n. The factor is 2(n-1)/n for an
// all-reduce, (n-1)/n for all-gather, reduce-scatter and all-to-all, of which Bytes is the larger side, and 1 for the
// rest. (TraceLens divides by 2^30 and calls that GB/s.)
type Collective struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"` // all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, reduce, send_recv, barrier, dispatch, combine; other
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

// CollectiveKey tells collectives of one kind from those of another.
type CollectiveKey struct {
	name, dtype, group string
	groupSize, bytes   int64
}

// CollectiveRuns are the collectives of one key on one rank, in order of time.
type CollectiveRuns struct {
	start []int64
	ns    []int64
	wait  []int64 // Absent where unknown

	launchedBy string
	queuedNs   int64
}

func (r *CollectiveRuns) end(i int) int64 { return r.start[i] + r.ns[i] }

// kind is what a collective does, by its name.
func (k CollectiveKey) kind() string {
	name := strings.ToLower(k.name)
	for _, p := range collectiveKinds {
		for _, part := range p.parts {
			if strings.Contains(name, part) {
				return p.kind
			}
		}
	}
	return "other"
}

// collectiveKinds: the first that a name has a part of.
var collectiveKinds = []struct {
	kind  string
	parts []string
}{
	{"reduce_scatter", []string{"reducescatter", "reduce_scatter"}},
	{"all_reduce", []string{"allreduce", "all_reduce", "cross_device_reduce", "one_shot", "two_shot", "oneshot", "twoshot", "quickreduce", "quick_reduce"}},
	{"all_gather", []string{"allgather", "all_gather"}},
	{"all_to_all", []string{"alltoall", "all_to_all"}},
	{"dispatch", []string{"dispatch"}},
	{"combine", []string{"combine"}},
	{"broadcast", []string{"broadcast"}},
	{"send_recv", []string{"sendrecv", "send", "recv"}},
	{"barrier", []string{"barrier"}},
	{"reduce", []string{"reduce"}},
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

// Collectives lists the collectives of a trace: of a GPU the communication kernels, else what hostCollectives finds.
func Collectives(x *index.Index, cpuOnly bool) map[CollectiveKey]*CollectiveRuns {
	runs := map[CollectiveKey]*CollectiveRuns{}
	add := func(k CollectiveKey, start, ns, wait int64) *CollectiveRuns {
		r := runs[k]
		if r == nil {
			r = &CollectiveRuns{}
			runs[k] = r
		}
		r.start, r.ns, r.wait = append(r.start, start), append(r.ns, ns), append(r.wait, wait)
		return r
	}
	if cpuOnly {
		hostCollectives(x, add)
		return runs
	}
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Class != index.ClassComm {
			continue
		}
		k, wait := CollectiveKey{name: x.Name(g.Name), groupSize: trace.Absent, bytes: trace.Absent}, trace.Absent
		if g.Side != trace.NoSide {
			if c := x.Trace.GPU.At(g.Side).Collective; c != trace.NoSide {
				k, wait = collectiveKey(x, k.name, c)
			}
		}
		add(k, g.StartNs, g.EndNs-g.StartNs, wait)
	}
	return runs
}

// hostCollectives finds the collectives of a CPU-only trace: annotations if there are any, else ops that say what they
// communicate, else ops by name.
func hostCollectives(x *index.Index, add func(k CollectiveKey, start, ns, wait int64) *CollectiveRuns) {
	e := &x.Trace.Events
	var found [3][]index.Span
	for _, h := range x.Host() {
		i := int(h.Row)
		c := e.Category(i)
		if c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation || x.OpCategories.Of(x.Name(e.Name(i))) != categories.Comm {
			continue
		}
		switch {
		case c == trace.CategoryUserAnnotation:
			if isBackendName(x.Name(e.Name(i))) {
				found[0] = append(found[0], h)
			}
		case e.Side(i) != trace.NoSide && x.Trace.Ops.At(e.Side(i)).Collective != trace.NoSide:
			found[1] = append(found[1], h)
		default:
			found[2] = append(found[2], h)
		}
	}
	launchers := matchLaunchers(x, found[0], found[1], found[2])
	for _, spans := range found {
		if len(spans) == 0 {
			continue
		}
		slices.SortStableFunc(spans, func(a, b index.Span) int { return cmp.Compare(a.StartNs, b.StartNs) })
		for _, h := range spans {
			i := int(h.Row)
			k, wait := CollectiveKey{name: x.Name(e.Name(i)), groupSize: trace.Absent, bytes: trace.Absent}, trace.Absent
			if side := e.Side(i); side != trace.NoSide {
				op := x.Trace.Ops.At(side)
				if op.Collective != trace.NoSide {
					k, wait = collectiveKey(x, k.name, op.Collective)
				} else {
					k.bytes, k.dtype = messageBytes(x.Trace.Inputs.Shapes(op.Shapes).Args, x.Trace.Inputs.Dtypes(op.Dtypes).Names)
				}
			}
			r := add(k, h.StartNs, h.EndNs-h.StartNs, wait)
			if op := launchers[h.Row]; op != nil {
				r.launchedBy = x.Name(e.Name(int(op.Row)))
				r.queuedNs += h.StartNs - op.StartNs
			}
		}
		return
	}
}

// matchLaunchers finds the op that launched each annotation of a process group's own threads, by the annotation's row:
// the n-th all-reduce of the backend is the n-th all-reduce op (gloo runs a group's collectives in order), if there are
// as many. Of ops that call each other (c10d::allreduce_ in _c10d_functional::all_reduce) the innermost counts.
func matchLaunchers(x *index.Index, annotations, described, named []index.Span) map[int32]*index.Span {
	if len(annotations) == 0 {
		return nil
	}
	e := &x.Trace.Events
	byKind := map[string][]index.Span{}
	for _, ops := range [][]index.Span{described, named} {
		for _, h := range ops {
			kind := CollectiveKey{name: x.Name(e.Name(int(h.Row)))}.kind()
			if k := byKind[kind]; len(k) > 0 && k[len(k)-1].Track == h.Track && h.EndNs <= k[len(k)-1].EndNs {
				k[len(k)-1] = h
				continue
			}
			byKind[kind] = append(byKind[kind], h)
		}
	}
	byTime := func(a, b index.Span) int { return cmp.Compare(a.StartNs, b.StartNs) }
	of := map[string][]index.Span{}
	for _, h := range annotations {
		kind := CollectiveKey{name: x.Name(e.Name(int(h.Row)))}.kind()
		of[kind] = append(of[kind], h)
	}
	out := map[int32]*index.Span{}
	for kind, spans := range of {
		ops := byKind[kind]
		if len(ops) != len(spans) {
			continue
		}
		slices.SortStableFunc(spans, byTime)
		slices.SortStableFunc(ops, byTime)
		for i := range spans {
			if ops[i].StartNs <= spans[i].StartNs {
				out[spans[i].Row] = &ops[i]
			}
		}
	}
	return out
}

// isBackendName knows the annotations of process groups, gloo:all_reduce, from those of users, ## all to all ##.
func isBackendName(name string) bool {
	backend, collective, ok := strings.Cut(name, ":")
	return ok && backend != "" && collective != "" && !strings.ContainsAny(name, " #") && !strings.HasPrefix(collective, ":")
}

func collectiveKey(x *index.Index, name string, row uint32) (k CollectiveKey, waitNs int64) {
	c := x.Trace.Collectives.At(row)
	k = CollectiveKey{name: name, dtype: x.Name(c.Dtype), group: x.Name(c.GroupRanks), groupSize: c.GroupSize, bytes: c.Bytes}
	if n := x.Name(c.Name); n != "" {
		k.name = n
	}
	if k.group == "" {
		k.group = x.Name(c.GroupName)
	}
	if k.bytes == trace.Absent {
		if size := index.DtypeBytes(k.dtype); size > 0 && max(c.InElements, c.OutElements) > 0 {
			k.bytes = max(c.InElements, c.OutElements) * size
		}
	}
	return k, c.WaitNs
}

// messageBytes is the size of the first tensor of an op's inputs, and its type; -1 if the op does not say. A tensor
// list counts by its first member.
func messageBytes(shapes []trace.Shape, dtypes []string) (int64, string) {
	for i := range min(len(shapes), len(dtypes)) {
		shape := shapes[i].Dims
		if list := shapes[i].List; len(list) > 0 {
			shape = list[0]
		}
		if len(shape) == 0 {
			continue
		}
		size := index.DtypeBytes(dtypes[i])
		if size == 0 {
			return trace.Absent, dtypes[i]
		}
		for _, d := range shape {
			size *= d
		}
		return size, dtypes[i]
	}
	return trace.Absent, ""
}

// SplitWaits tells waiting from transfer by comparing ranks. It returns the table of each rank, and that of all; numbers
// are the ranks'.
func SplitWaits(numbers []int, ranks []map[CollectiveKey]*CollectiveRuns) (perRank [][]Collective, all []Collective) {
	type member struct {
		rank int
		*CollectiveRuns
	}
	keys := map[CollectiveKey][]member{}
	for i, runs := range ranks {
		for k, r := range runs {
			keys[k] = append(keys[k], member{numbers[i], r})
		}
	}
	late := map[CollectiveKey]map[int]int{} // how often each rank came last
	for k, same := range keys {
		slices.SortFunc(same, func(a, b member) int { return cmp.Compare(a.rank, b.rank) })
		if len(same) < 2 {
			continue
		}
		fewest := slices.MinFunc(same, func(a, b member) int { return cmp.Compare(len(a.ns), len(b.ns)) })
		from := make([]int, len(same)) // the first of each rank that all have
		matched := true
		for j, r := range same {
			shift, ok := align(r.CollectiveRuns, fewest.CollectiveRuns)
			from[j], matched = shift, matched && ok
		}
		if !matched {
			continue
		}
		late[k] = map[int]int{}
		for i := range fewest.ns {
			last := 0
			for j, r := range same {
				if r.ns[from[j]+i] < same[last].ns[from[last]+i] {
					last = j
				}
			}
			shortest := same[last].ns[from[last]+i]
			late[k][same[last].rank]++
			for j, r := range same {
				if at := from[j] + i; r.wait[at] == trace.Absent {
					r.wait[at] = r.ns[at] - shortest
				}
			}
		}
	}
	perRank = make([][]Collective, len(ranks))
	for i, runs := range ranks {
		for k, r := range runs {
			perRank[i] = append(perRank[i], summarizeCollective(k, r))
		}
		sortCollectives(perRank[i])
	}
	for k, same := range keys {
		var joined CollectiveRuns
		for _, r := range same {
			joined.ns, joined.wait = append(joined.ns, r.ns...), append(joined.wait, r.wait...)
			joined.launchedBy = cmp.Or(joined.launchedBy, r.launchedBy)
			joined.queuedNs += r.queuedNs
		}
		c := summarizeCollective(k, &joined)
		for rank, n := range late[k] {
			if n > c.LateCount || n == c.LateCount && rank < c.LateRank {
				c.LateRank, c.LateCount = rank, n
			}
		}
		all = append(all, c)
	}
	sortCollectives(all)
	return perRank, all
}

func summarizeCollective(k CollectiveKey, r *CollectiveRuns) Collective {
	s := stats.Of(slices.Clone(r.ns))
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
		c.TransferNs = c.TotalNs - c.WaitNs
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
