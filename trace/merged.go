package trace

import (
	"regexp"
	"slices"
	"strconv"
)

// SGLang can merge the traces of all ranks into one file, for viewers: it puts a label before the pid of every event,
// "[TP01] 4508", and leaves the rest as it was. The correlations of the ranks' launches are then the same numbers, and
// nothing but the label tells them apart.

// mergedProcess is a pid with a label, and rankLabel a label that is a rank's number.
var (
	mergedProcess = regexp.MustCompile(`^\[([A-Z]+\d+(?:-[A-Z]+\d+)*)\] (.*)$`)
	rankLabel     = regexp.MustCompile(`^TP(\d+)$`)
)

// SplitMerged parts a trace into which those of several ranks were merged, one for each label, in the order of the
// labels. Any other trace is returned as it is. The parts share the strings and the side tables of t, and know which of
// its events theirs are (FileRow).
func SplitMerged(t *Trace) []*Trace {
	labels := map[string][]TrackID{}
	for i := range t.Tracks {
		if m := mergedProcess.FindStringSubmatch(t.Strings.At(t.Tracks[i].Process)); m != nil {
			labels[m[1]] = append(labels[m[1]], TrackID(i))
		}
	}
	if len(labels) < 2 {
		return []*Trace{t}
	}
	names := make([]string, 0, len(labels))
	for l := range labels {
		names = append(names, l)
	}
	slices.Sort(names)
	part := make([]int, len(t.Tracks)) // of each track; what has no label stays with the first
	tracks := slices.Clone(t.Tracks)
	for n, l := range names {
		for _, id := range labels[l] {
			part[id] = n
			x := &tracks[id]
			pid := mergedProcess.FindStringSubmatch(t.Strings.At(x.Process))[2]
			x.Process, x.PID = t.Strings.InternString(pid), -1
			if v, err := strconv.ParseInt(pid, 10, 64); err == nil {
				x.PID = v
			}
		}
	}
	parts := make([]*Trace, len(names))
	for n, l := range names {
		p := *t
		p.Tracks, p.Events = tracks, Events{others: t.Events.others}
		d := Distributed{Rank: n, WorldSize: len(names)}
		if was := t.Meta.Distributed; was != nil {
			d.Backend, d.Groups, d.WorldSize = was.Backend, was.Groups, max(was.WorldSize, len(names))
		}
		if m := rankLabel.FindStringSubmatch(l); m != nil {
			d.Rank, _ = strconv.Atoi(m[1])
			d.WorldSize = max(d.WorldSize, d.Rank+1)
		}
		p.Meta.Distributed = &d
		parts[n] = &p
	}
	for i := range t.Events.Len() {
		n := part[t.Events.Track(i)]
		at, j := &parts[n].Events, parts[n].Events.Append(t.Events.At(i))
		at.blocks[j>>blockBits].Category[j&blockMask] = t.Events.blocks[i>>blockBits].Category[i&blockMask]
		parts[n].rows = append(parts[n].rows, int32(i))
	}
	for _, p := range parts {
		if t.Text != nil {
			p.Text = &partText{t, p.rows}
		}
	}
	return parts
}

// partText is the text of a part of a trace.
type partText struct {
	whole *Trace
	rows  []int32 // of the whole, by the part's
}

func (p *partText) AppendEvent(dst []byte, _ *Trace, i int) []byte {
	return p.whole.Text.AppendEvent(dst, p.whole, int(p.rows[i]))
}

func (p *partText) Arg(_ *Trace, i int, name string) (Value, bool) {
	return p.whole.Text.Arg(p.whole, int(p.rows[i]), name)
}

func (p *partText) Declarations() []string { return p.whole.Text.Declarations() }
