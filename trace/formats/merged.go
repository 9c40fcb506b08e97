package formats

import (
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// SGLang can merge the traces of all ranks into one file, for viewers: it puts a label before the pid of every event,
// "[TP01] 4508", and leaves the rest as it was. The correlations of the ranks' launches are then the same numbers, and
// nothing but the label tells them apart.

// mergedProcess is a pid with a label, and rankLabel a label that is a rank's number.
var (
	mergedProcess = regexp.MustCompile(`^\[([A-Z]+\d+(?:-[A-Z]+\d+)*)\] (.*)$`)
	rankLabel     = regexp.MustCompile(`^TP(\d+)$`)
)

// splitMerged parts a trace into which those of several ranks were merged, one for each label, in the order of the
// labels. Any other trace is returned as it is.
func splitMerged(t *trace.Trace) []*trace.Trace {
	labels := map[string][]trace.TrackID{}
	for i := range t.Tracks {
		if m := mergedProcess.FindStringSubmatch(t.Strings.At(t.Tracks[i].Process)); m != nil {
			labels[m[1]] = append(labels[m[1]], trace.TrackID(i))
		}
	}
	if len(labels) < 2 {
		return []*trace.Trace{t}
	}
	names := slices.Sorted(maps.Keys(labels))
	part := make([]int, len(t.Tracks)) // of each track; what has no label stays with the first
	tracks := slices.Clone(t.Tracks)
	for n, label := range names {
		for _, id := range labels[label] {
			part[id] = n
			x := &tracks[id]
			pid := mergedProcess.FindStringSubmatch(t.Strings.At(x.Process))[2]
			x.Process, x.PID = t.Strings.InternString(pid), -1
			if v, err := strconv.ParseInt(pid, 10, 64); err == nil {
				x.PID = v
			}
		}
	}
	parts := t.Divide(part, len(names))
	for n, p := range parts {
		p.Tracks = tracks
		p.Meta.Distributed = rankOfLabel(names[n], n, len(names), t.Meta.Distributed)
	}
	return parts
}

// rankOfLabel is what is known of the n-th of so many merged ranks: by its label, else by its place among them.
func rankOfLabel(label string, n, ranks int, merged *trace.Distributed) *trace.Distributed {
	d := &trace.Distributed{Rank: n, WorldSize: ranks}
	if merged != nil {
		d.Backend, d.Groups, d.WorldSize = merged.Backend, merged.Groups, max(merged.WorldSize, ranks)
	}
	if m := rankLabel.FindStringSubmatch(label); m != nil {
		d.Rank, _ = strconv.Atoi(m[1])
		d.WorldSize = max(d.WorldSize, d.Rank+1)
	}
	return d
}
