package device

import (
	"bytes"
	"cmp"
	varint "encoding/binary" // binary is an op of two inputs here
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/internal/tables"
)

// AllDevices is Kernel.Device of a row over all devices and ranks.
const AllDevices = -1

// Kernel is what all GPU work of one exact name took on one device (AllDevices: on all).
//
// ExclusiveNs is the part of each kernel's time that lies beyond everything that started before it on its device, in
// the order of (start, end): where kernels overlap, the one that started first gets the time, and of several that start
// together the shortest comes first. It sums to the device's busy time. This is the elapsed time of vLLM's and SGLang's
// gputrc2graph, which leaves the order of kernels that start together open.
type Kernel struct {
	Name        string `json:"name"`
	Category    string `json:"category"`
	Device      int    `json:"device"`
	Count       int    `json:"count"`
	TotalNs     int64  `json:"total_ns"`
	ExclusiveNs int64  `json:"exclusive_ns"`
	MinNs       int64  `json:"min_ns"`
	MeanNs      int64  `json:"mean_ns"`
	MedianNs    int64  `json:"median_ns"` // the upper of the two middle values
	MaxNs       int64  `json:"max_ns"`
	StdDevNs    int64  `json:"stddev_ns"` // of the durations as a sample of all that there could be; 0 of one
}

// kernelDurations is a kernel's row and every one of its durations.
type kernelDurations struct {
	Kernel
	ns []int64
}

// Kernels lists the kernels of each device, most exclusive time first, and what merging ranks needs of them.
func Kernels(x *index.Index) ([]Kernel, []PackedKernel) {
	table := kernelTable(x)
	rows := make([]Kernel, len(table))
	for i, k := range table {
		rows[i] = k.Kernel
		rows[i].summarize(k.ns)
	}
	sortKernels(rows)
	return rows, packKernels(table)
}

// kernelTable collects the durations of kernels, by device and name.
func kernelTable(x *index.Index) []kernelDurations {
	type device struct {
		rowOf     []int32 // by name, counted from 1
		busyUntil int64
	}
	devices := map[int32]*device{}
	var d *device
	var rows []kernelDurations
	counts := make([]int, x.Trace.Strings.Len()) // by name
	for i := range x.GPU {
		counts[x.GPU[i].Name]++
	}
	for i := range x.GPU {
		g := &x.GPU[i]
		if i == 0 || g.Device != x.GPU[i-1].Device {
			if d = devices[g.Device]; d == nil {
				d = &device{make([]int32, x.Trace.Strings.Len()), g.StartNs}
				devices[g.Device] = d
			}
		}
		if d.rowOf[g.Name] == 0 {
			rows = append(rows, kernelDurations{Kernel: Kernel{Name: x.Name(g.Name), Category: x.KernelCategory(g), Device: int(g.Device)},
				ns: make([]int64, 0, counts[g.Name])}) // on several devices a few times too long
			d.rowOf[g.Name] = int32(len(rows))
		}
		r := &rows[d.rowOf[g.Name]-1]
		r.ExclusiveNs += max(0, g.EndNs-max(g.StartNs, d.busyUntil))
		d.busyUntil = max(d.busyUntil, g.EndNs)
		r.ns = append(r.ns, g.EndNs-g.StartNs)
	}
	return rows
}

// PackedKernel is what merging ranks needs of a kernel's row: for the median, every one of its durations. Of a million
// kernels few differ, so that these are kept as what each is longer than the one before, and how many are as long: a byte
// or two per kernel, rather than eight.
type PackedKernel struct {
	name, category string
	exclusiveNs    int64
	n              int
	durations      []byte // pairs of varints
}

// packKernels packs a table whose durations are sorted.
func packKernels(table []kernelDurations) []PackedKernel {
	out := make([]PackedKernel, len(table))
	var buf []byte
	for i, k := range table {
		buf = buf[:0]
		last := int64(0)
		for from, to := 0, 0; from < len(k.ns); from = to {
			for to < len(k.ns) && k.ns[to] == k.ns[from] {
				to++
			}
			buf = varint.AppendVarint(buf, k.ns[from]-last)
			buf = varint.AppendUvarint(buf, uint64(to-from))
			last = k.ns[from]
		}
		out[i] = PackedKernel{k.Name, k.Category, k.ExclusiveNs, len(k.ns), bytes.Clone(buf)}
	}
	return out
}

// appendDurations unpacks.
func (k *PackedKernel) appendDurations(ns []int64) []int64 {
	ns = slices.Grow(ns, k.n)
	value := int64(0)
	for b := k.durations; len(b) > 0; {
		longer, i := varint.Varint(b)
		count, j := varint.Uvarint(b[i:])
		b = b[i+j:]
		value += longer
		for range count {
			ns = append(ns, value)
		}
	}
	return ns
}

// MergeKernels gives one row per name, over all devices and ranks.
func MergeKernels(ranks [][]PackedKernel) []Kernel {
	of := map[string][]*PackedKernel{}
	var names []string
	for _, table := range ranks {
		for i := range table {
			k := &table[i]
			if of[k.name] == nil {
				names = append(names, k.name)
			}
			of[k.name] = append(of[k.name], k)
		}
	}
	rows := make([]Kernel, len(names))
	var ns []int64
	for i, name := range names {
		row := Kernel{Name: name, Category: of[name][0].category, Device: AllDevices}
		ns = ns[:0]
		for _, k := range of[name] {
			row.ExclusiveNs += k.exclusiveNs
			ns = k.appendDurations(ns)
		}
		row.summarize(ns)
		rows[i] = row
	}
	sortKernels(rows)
	return rows
}

// summarize computes the statistics of durations, which it sorts.
func (k *Kernel) summarize(ns []int64) {
	stats.Sort(ns)
	s := stats.Of(ns)
	k.Count, k.TotalNs, k.MinNs, k.MeanNs, k.MedianNs, k.MaxNs = s.N, s.Sum, s.Min, s.Mean(), s.Median, s.Max
	k.StdDevNs = stats.StdDev(ns)
}

func sortKernels(rows []Kernel) {
	slices.SortFunc(rows, func(p, q Kernel) int {
		return cmp.Or(cmp.Compare(q.ExclusiveNs, p.ExclusiveNs), cmp.Compare(q.TotalNs, p.TotalNs),
			cmp.Compare(p.Name, q.Name), cmp.Compare(p.Device, q.Device))
	})
}

// Category is what the work of one category took: kernels and copies of a GPU, or the ops of a CPU.
type Category struct {
	Name        string `json:"name"`
	Count       int    `json:"count"`
	TotalNs     int64  `json:"total_ns"`     // Σ durations; of ops, nested ones counted each time
	ExclusiveNs int64  `json:"exclusive_ns"` // as Kernel.ExclusiveNs; of ops, the self time
}

// KernelCategories sums a kernel table by category, most exclusive time first.
func KernelCategories(kernels []Kernel) []Category {
	rows := make([]Category, len(kernels))
	for i, k := range kernels {
		rows[i] = Category{k.Category, k.Count, k.TotalNs, k.ExclusiveNs}
	}
	return SumCategories(rows)
}

// SumCategories gives one row per category, most exclusive time first; an empty list of none.
func SumCategories(parts []Category) []Category {
	rows := tables.Merge(func(c *Category) string { return c.Name }, func(sum, c *Category) {
		sum.Count += c.Count
		sum.TotalNs += c.TotalNs
		sum.ExclusiveNs += c.ExclusiveNs
	}, parts)
	slices.SortFunc(rows, func(p, q Category) int {
		return cmp.Or(cmp.Compare(q.ExclusiveNs, p.ExclusiveNs), cmp.Compare(p.Name, q.Name))
	})
	if rows == nil {
		return []Category{}
	}
	return rows
}
