package kineto

import (
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// trackKey names a track by the texts of its pid and tid.
type trackKey struct{ process, thread trace.StringID }

// process is what the metadata events say of a pid.
type process struct {
	name, labels string
	sortIndex    int64
}

// thread is what they say of a tid of a pid.
type thread struct {
	name      string
	sortIndex int64
}

// tracks finds tracks, and collects what the file declares about them, which may come before or after their events.
type tracks struct {
	ids       map[trackKey]trace.TrackID
	pairs     map[[2]int64]trace.TrackID // the same by the values that shapes give
	processes map[trace.StringID]process
	threads   map[trackKey]thread
}

func newTracks() tracks {
	return tracks{map[trackKey]trace.TrackID{}, map[[2]int64]trace.TrackID{}, map[trace.StringID]process{}, map[trackKey]thread{}}
}

// track returns the track of a pid and a tid token, adding it if it is new.
func (s *scanner) track(pid, tid []byte) trace.TrackID {
	return s.trackByText(trackKey{s.text(pid), s.text(tid)})
}

func (s *scanner) trackByText(k trackKey) trace.TrackID {
	id, ok := s.tracks.ids[k]
	if !ok {
		id = trace.TrackID(len(s.t.Tracks))
		s.t.Tracks = append(s.t.Tracks, trace.Track{
			Process: k.process, Thread: k.thread,
			PID: trackNumber(s.t.Strings.At(k.process)), TID: trackNumber(s.t.Strings.At(k.thread)),
		})
		s.tracks.ids[k] = id
	}
	return id
}

// trackOf is track for the values that shapes give: numbers, or interned tokens marked as textual.
func (s *scanner) trackOf(pid, tid int64) trace.TrackID {
	pair := [2]int64{pid, tid}
	id, ok := s.tracks.pairs[pair]
	if !ok {
		id = s.trackByText(trackKey{s.trackText(pid), s.trackText(tid)})
		s.tracks.pairs[pair] = id
	}
	return id
}

func (s *scanner) trackText(v int64) trace.StringID {
	if v > 0 && v&textual != 0 {
		return s.decoded(trace.StringID(v &^ textual))
	}
	return s.t.Strings.InternString(strconv.FormatInt(v, 10))
}

// decoded is what an interned token says.
func (s *scanner) decoded(token trace.StringID) trace.StringID {
	return s.text([]byte(s.t.Strings.At(token)))
}

func trackNumber(text string) int64 {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return v
}

// takeDeclaration files a metadata event: names, labels and sort indices of processes and threads.
func (s *scanner) takeDeclaration(b, name, pid, tid []byte) {
	k := trackKey{s.text(pid), s.text(tid)}
	p, t := s.tracks.processes[k.process], s.tracks.threads[k]
	for _, m := range s.members {
		if !m.argument {
			continue
		}
		value := m.value(b)
		if first(value) == '"' {
			value, _ = decodeString(value[1 : len(value)-1])
		}
		switch string(unquoted(name)) + " " + string(m.key(b)) {
		case "process_name name":
			p.name = string(value)
		case "process_labels labels":
			p.labels = string(value)
		case "process_sort_index sort_index":
			p.sortIndex, _ = looseInt(value)
		case "thread_name name":
			t.name = string(value)
		case "thread_sort_index sort_index":
			t.sortIndex, _ = looseInt(value)
		}
	}
	s.tracks.processes[k.process], s.tracks.threads[k] = p, t
}

// nameTracks gives the tracks what was declared.
func (s *scanner) nameTracks() {
	for i := range s.t.Tracks {
		x := &s.t.Tracks[i]
		p, t := s.tracks.processes[x.Process], s.tracks.threads[trackKey{x.Process, x.Thread}]
		x.ProcessName, x.Labels, x.ProcessSortIndex = p.name, p.labels, p.sortIndex
		x.ThreadName, x.ThreadSortIndex = t.name, t.sortIndex
	}
}
