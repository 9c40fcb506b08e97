package analyze

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/trace"
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

// kernelDurations is a kernel's row and every one of its durations, which merging ranks needs for the median.
type kernelDurations struct {
	Kernel
	ns []int64
}

// kernelTable lists the kernels of all devices.
func (x *index) kernelTable() []kernelDurations {
	type key struct {
		name   trace.StringID
		device int32
	}
	rowOf := map[key]int{}
	busyUntil := map[int32]int64{}
	var rows []kernelDurations
	for i := range x.gpu {
		g := &x.gpu[i]
		k := key{g.name, g.device}
		r, ok := rowOf[k]
		if !ok {
			r = len(rows)
			rowOf[k] = r
			rows = append(rows, kernelDurations{Kernel: Kernel{Name: x.name(g.name), Category: x.kernelCategory(g), Device: int(g.device)}})
		}
		until, ok := busyUntil[g.device]
		if !ok {
			until = g.start
		}
		rows[r].ExclusiveNs += max(0, g.end-max(g.start, until))
		busyUntil[g.device] = max(until, g.end)
		rows[r].ns = append(rows[r].ns, g.end-g.start)
	}
	return rows
}

// mergeKernels gives one row per name, over all devices and ranks.
func mergeKernels(tables ...[]kernelDurations) []kernelDurations {
	rowOf := map[string]int{}
	var rows []kernelDurations
	for _, table := range tables {
		for _, k := range table {
			r, ok := rowOf[k.Name]
			if !ok {
				r = len(rows)
				rowOf[k.Name] = r
				rows = append(rows, kernelDurations{Kernel: Kernel{Name: k.Name, Category: k.Category, Device: AllDevices}})
			}
			rows[r].ExclusiveNs += k.ExclusiveNs
			rows[r].ns = append(rows[r].ns, k.ns...)
		}
	}
	return rows
}

// finishKernels computes the statistics and sorts by exclusive time, most first.
func finishKernels(table []kernelDurations) []Kernel {
	rows := make([]Kernel, len(table))
	for i, k := range table {
		s := stats(k.ns)
		k.Count, k.TotalNs, k.MinNs, k.MeanNs, k.MedianNs, k.MaxNs = s.n, s.sum, s.min, s.mean(), s.median, s.max
		k.StdDevNs = stdDev(k.ns)
		rows[i] = k.Kernel
	}
	slices.SortFunc(rows, func(p, q Kernel) int {
		return cmp.Or(cmp.Compare(q.ExclusiveNs, p.ExclusiveNs), cmp.Compare(q.TotalNs, p.TotalNs),
			cmp.Compare(p.Name, q.Name), cmp.Compare(p.Device, q.Device))
	})
	return rows
}

// Category is what the work of one category took: kernels and copies of a GPU, or the ops of a CPU.
type Category struct {
	Name        string `json:"name"`
	Count       int    `json:"count"`
	TotalNs     int64  `json:"total_ns"`     // Σ durations; of ops, nested ones counted each time
	ExclusiveNs int64  `json:"exclusive_ns"` // as Kernel.ExclusiveNs; of ops, the self time
}

// kernelCategories sums a kernel table by category, most exclusive time first.
func kernelCategories(kernels []Kernel) []Category {
	var rows []Category
	for _, k := range kernels {
		i := slices.IndexFunc(rows, func(c Category) bool { return c.Name == k.Category })
		if i < 0 {
			i = len(rows)
			rows = append(rows, Category{Name: k.Category})
		}
		rows[i].Count += k.Count
		rows[i].TotalNs += k.TotalNs
		rows[i].ExclusiveNs += k.ExclusiveNs
	}
	sortCategories(rows)
	return rows
}

func sortCategories(rows []Category) {
	slices.SortFunc(rows, func(p, q Category) int {
		return cmp.Or(cmp.Compare(q.ExclusiveNs, p.ExclusiveNs), cmp.Compare(p.Name, q.Name))
	})
}
