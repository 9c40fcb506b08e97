package ondisk

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// writerPattern takes a trace's name apart: who wrote it, and when. The same writer's next profile differs in the time
// alone.
var writerPattern = regexp.MustCompile(`^(.*?)\.(\d+)\.pt\.trace\.json(?:\.gz|\.zst)?$`)

// NamedAsTrace reports whether a file's name says that it is a trace. A file named so counts as one even if it is empty
// or broken: leaving it out would hide the damage.
func NamedAsTrace(name string) bool {
	return strings.HasSuffix(trace.UncompressedName(name), ".trace.json") && !strings.HasPrefix(name, ".")
}

// TraceNames is the set of files in dir that are named as traces.
func TraceNames(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() && NamedAsTrace(e.Name()) {
			names[e.Name()] = true
		}
	}
	return names, nil
}

// SortByRank orders traces as people count: by the rank in the name, then by name; those without a rank last.
func SortByRank(paths []string) {
	rank := func(path string) int {
		if r := trace.ParseFileName(path).Rank; r >= 0 {
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
		if writer, at, ok := writerAndTime(p); ok {
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
		writer, at, ok := writerAndTime(p)
		if ok && (at != last(times[writer]) || nearest(reference, at) != last(reference)) {
			older++
			continue
		}
		newest = append(newest, p)
	}
	return newest, older
}

func last[T any](list []T) T { return list[len(list)-1] }

// writerAndTime says who wrote a trace, and when, as its name tells. A rank is the same writer whatever prefix its
// profile was given; other processes go by all of their name.
func writerAndTime(path string) (writer string, at int64, ok bool) {
	m := writerPattern.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return "", 0, false
	}
	writer = m[1]
	if n := trace.ParseFileName(path); n.Rank >= 0 {
		writer = fmt.Sprintf("dp%d rank%d", n.DP, n.Rank)
	}
	at, err := strconv.ParseInt(m[2], 10, 64)
	return writer, at, err == nil
}

// nearest is the value of times that is nearest to at.
func nearest(times []int64, at int64) int64 {
	return slices.MinFunc(times, func(a, b int64) int { return cmp.Compare(distance(a, at), distance(b, at)) })
}

func distance(a, b int64) int64 { return max(a-b, b-a) }
