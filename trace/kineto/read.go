// Package kineto is the format of PyTorch's profiler: Chrome-trace JSON as Kineto writes it, of any size. It reads it
// forgivingly of what those files really contain, verifies it, and writes it.
//
// It is also the format of last resort: whatever is a list of Chrome's trace events is read as one of these, and a file
// that is no trace of any format is refused by it, in words that say what it is.
package kineto

import (
	"bytes"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// Format is the room's entry in the list of formats.
func Format() source.Format {
	return source.Format{
		Name: "kineto", Endings: []string{".trace.json"}, SharedEndings: []string{".json"},
		Sniff: sniff, Read: read, Verify: verify, Write: Write,
	}
}

// sniff tells a trace from other JSON: an object with a list of events, or a list of events. What stands before the
// events is small in most files (devices, process groups, log lines), but not in all.
func sniff(head []byte) source.Confidence {
	head = bytes.TrimSpace(bytes.TrimPrefix(head, byteOrderMark))
	switch {
	case looksForeign(head): // and is left out of a directory, if nobody named it
		return source.Maybe
	case bytes.Contains(head, []byte(`"traceEvents"`)), bytes.HasPrefix(head, []byte("[")) && bytes.Contains(head, []byte(`"ph"`)):
		return source.Likely
	case bytes.HasPrefix(head, []byte("[")), bytes.HasPrefix(head, []byte("{")):
		return source.Maybe
	}
	return source.No
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// Events is the format of Chrome's trace events, whoever wrote them, for formats that say what such rows mean.
func Events() source.Format {
	f := Format()
	f.Read = func(in *source.Input) (*trace.Trace, error) {
		s, err := scan(in, nil)
		if err != nil {
			return nil, err
		}
		return s.t, nil
	}
	return f
}

// scan reads a file; it counts events instead of keeping them if it is given what counts.
func scan(in *source.Input, t *tally) (*scanner, error) {
	s := newScanner(newWindow(in))
	s.tally = t
	return s, s.document()
}

// read implements source.Format.
func read(in *source.Input) (*trace.Trace, error) {
	s, err := scan(in, nil)
	if err == nil {
		err = s.refuseForeign()
	}
	if err != nil {
		return nil, err
	}
	return s.t, nil
}

// verify implements source.Format: it counts events instead of keeping them.
func verify(in *source.Input) (source.Verification, error) {
	s, err := scan(in, &tally{})
	if err == nil {
		err = s.refuseForeign()
	}
	if err != nil {
		return source.Verification{}, err
	}
	v := s.tally.Verification(&s.t.Meta)
	v.Closed, v.Damage = s.closed, s.t.Damage
	return v, nil
}

// tally counts rows.
type tally struct{ source.Tally }

func (c *tally) add(r *row, t *trace.Trace) { c.Add(t, r.category, r.name, r.start, r.dur) }
