package ondisk

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/trace/formats"
)

// sortByRank orders traces as people count: by the rank in the name, then by name; those without a rank last.
func sortByRank(paths []string) {
	rank := func(path string) int {
		if r := formats.ParseFileName(path).Rank; r >= 0 {
			return r
		}
		return math.MaxInt
	}
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
}

// newestProfile keeps, of the traces of one directory, those of the newest profile in it, and says how many older ones
// it left out. vLLM writes every profile of a server into the same directory: two traces of one writer are two profiles.
//
// The writer with the most traces is the reference. Another writer's newest trace belongs to the newest profile if no
// older trace of the reference lies nearer to it in time. Traces without a time in their names are all kept.
func newestProfile(paths []string) (newest []string, older int) {
	times := map[string][]int64{} // by writer, ascending
	for _, p := range paths {
		if writer, at, ok := formats.WriterAndTime(p); ok {
			times[writer] = append(times[writer], at)
		}
	}
	var reference []int64
	for _, t := range times {
		slices.Sort(t)
		if len(t) > len(reference) || len(t) == len(reference) && slices.Compare(t, reference) > 0 {
			reference = t
		}
	}
	for _, p := range paths {
		writer, at, ok := formats.WriterAndTime(p)
		if ok && (at != last(times[writer]) || nearest(reference, at) != last(reference)) {
			older++
			continue
		}
		newest = append(newest, p)
	}
	return newest, older
}

func last[T any](list []T) T { return list[len(list)-1] }

// nearest is the value of times that is nearest to at.
func nearest(times []int64, at int64) int64 {
	return slices.MinFunc(times, func(a, b int64) int { return cmp.Compare(distance(a, at), distance(b, at)) })
}

func distance(a, b int64) int64 { return max(a-b, b-a) }
