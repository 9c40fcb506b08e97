package ranks

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// Runs are the collectives that one rank ran: each kind by itself, in order of time.
type Runs map[collectiveKey]*sequence

// Equal reports whether they are the same collectives and took as long, whenever that was and whoever else was in them.
func (runs Runs) Equal(other Runs) bool {
	return maps.EqualFunc(runs, other, func(a, b *sequence) bool { return slices.Equal(a.ns, b.ns) })
}

// collectiveKey tells collectives of one kind from those of another.
type collectiveKey struct {
	name, dtype, group string
	groupSize, bytes   int64
}

// sequence is the collectives of one key on one rank, in order of time.
type sequence struct {
	start []int64
	ns    []int64
	wait  []int64 // trace.Absent where unknown
	row   []int32 // of the trace
	met   []int32 // Meeting.Number; unmatched where no other rank is known to have been in it

	waitFrom   string // of waits that the writer does not tell; "" if all are told, or unknown
	launchedBy string
	queuedNs   int64
}

// Together is how many of them no rank leaves before all have come.
func (runs Runs) Together() (n int) {
	for k, s := range runs {
		if endsTogether(k.kind()) {
			n += len(s.ns)
		}
	}
	return n
}

func (s *sequence) add(startNs, ns, waitNs int64, row int32) {
	s.start, s.ns, s.wait = append(s.start, startNs), append(s.ns, ns), append(s.wait, waitNs)
	s.row, s.met = append(s.row, row), append(s.met, unmatched)
}

func (s *sequence) end(i int) int64 { return s.start[i] + s.ns[i] }

// kind is what a collective does, by its name.
func (k collectiveKey) kind() string {
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
	{"all_reduce", []string{"allreduce", "all_reduce", "cross_device_reduce", "one_shot", "two_shot", "oneshot", "twoshot",
		"quickreduce", "quick_reduce"}},
	{"all_gather", []string{"allgather", "all_gather"}},
	{"all_to_all", []string{"alltoall", "all_to_all"}},
	{"dispatch", []string{"dispatch"}},
	{"combine", []string{"combine"}},
	{"broadcast", []string{"broadcast"}},
	{"send_recv", []string{"sendrecv", "send", "recv"}},
	{"barrier", []string{"barrier"}},
	{"reduce", []string{"reduce"}},
}

// add adds a collective to its sequence, which it returns.
func (runs Runs) add(k collectiveKey, startNs, ns, waitNs int64, row int32) *sequence {
	s := runs[k]
	if s == nil {
		s = &sequence{}
		runs[k] = s
	}
	s.add(startNs, ns, waitNs, row)
	return s
}

// Collectives finds the collectives of a trace: its communication kernels, or in a CPU-only trace what its threads say.
func Collectives(x *index.Index) Runs {
	runs := Runs{}
	if x.OnGPU {
		runs.addKernels(x)
	} else {
		runs.addHost(x)
	}
	return runs
}

// addKernels adds the communication kernels.
func (runs Runs) addKernels(x *index.Index) {
	var plain *sequence // of the kernel before, if it describes itself by its name alone
	var name trace.StringID
	for i := range x.GPU {
		g := &x.GPU[i]
		if g.Class != index.ClassComm {
			continue
		}
		described := g.Side != trace.NoSide && x.Trace.GPU.At(g.Side).Collective != trace.NoSide
		if plain != nil && !described && g.Name == name {
			plain.add(g.StartNs, g.EndNs-g.StartNs, trace.Absent, g.Row)
			continue
		}
		k, wait := collectiveKey{name: x.Name(g.Name), groupSize: trace.Absent, bytes: trace.Absent}, trace.Absent
		if described {
			k, wait = keyOf(x, k.name, x.Trace.GPU.At(g.Side).Collective)
		}
		if s := runs.add(k, g.StartNs, g.EndNs-g.StartNs, wait, g.Row); !described {
			plain, name = s, g.Name
		}
	}
}

// addHost adds the collectives of a CPU-only trace: annotations if there are any, else ops that say what they communicate,
// else ops by name.
func (runs Runs) addHost(x *index.Index) {
	e := &x.Trace.Events
	var annotations, described, named []index.Span
	for _, h := range x.Host() {
		i := int(h.Row)
		c := e.Category(i)
		if c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation || x.OpCategory(&h) != categories.Comm {
			continue
		}
		switch {
		case c == trace.CategoryUserAnnotation:
			if isBackendName(x.Name(e.Name(i))) {
				annotations = append(annotations, h)
			}
		case e.Side(i) != trace.NoSide && x.Trace.Ops.At(e.Side(i)).Collective != trace.NoSide:
			described = append(described, h)
		default:
			named = append(named, h)
		}
	}
	launchers := matchLaunchers(x, annotations, described, named)
	for _, spans := range [][]index.Span{annotations, described, named} {
		if len(spans) == 0 {
			continue
		}
		slices.SortStableFunc(spans, func(a, b index.Span) int { return cmp.Compare(a.StartNs, b.StartNs) })
		for _, h := range spans {
			i := int(h.Row)
			k, wait := collectiveKey{name: x.Name(e.Name(i)), groupSize: trace.Absent, bytes: trace.Absent}, trace.Absent
			if side := e.Side(i); side != trace.NoSide {
				op := x.Trace.Ops.At(side)
				if op.Collective != trace.NoSide {
					k, wait = keyOf(x, k.name, op.Collective)
				} else {
					k.bytes, k.dtype = messageBytes(x.Trace.Inputs.Shapes(op.Shapes).Args, x.Trace.Inputs.Dtypes(op.Dtypes).Names)
				}
			}
			s := runs.add(k, h.StartNs, h.EndNs-h.StartNs, wait, h.Row)
			if op := launchers[h.Row]; op != nil {
				s.launchedBy = x.Name(e.Name(int(op.Row)))
				s.queuedNs += h.StartNs - op.StartNs
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
			kind := collectiveKey{name: x.Name(e.Name(int(h.Row)))}.kind()
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
		kind := collectiveKey{name: x.Name(e.Name(int(h.Row)))}.kind()
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

// keyOf is which collective the arguments of an event, which has a name, say that it is, and how long it waited, if they say
// that.
func keyOf(x *index.Index, name string, row uint32) (k collectiveKey, waitNs int64) {
	c := x.Trace.Collectives.At(row)
	k = collectiveKey{name: name, dtype: x.Name(c.Dtype), group: x.Name(c.GroupRanks), groupSize: c.GroupSize, bytes: c.Bytes}
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
