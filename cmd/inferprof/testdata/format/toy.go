package formats

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// toy is a format of lines: a first one that says so, then one an event: category, name, start and duration in µs.
func toy() source.Format {
	return source.Format{Name: "toy", Endings: []string{".toy"}, Sniff: sniffToy, Read: readToy, Write: writeToy}
}

const toyHead = "toy trace"

func sniffToy(head []byte) source.Confidence {
	if bytes.HasPrefix(head, []byte(toyHead+"\n")) {
		return source.Sure
	}
	return source.No
}

func readToy(in *source.Input) (*trace.Trace, error) {
	t := &trace.Trace{Strings: trace.NewStrings()}
	one := t.Strings.InternString("1")
	t.Tracks = []trace.Track{{Process: one, Thread: one, PID: 1, TID: 1}}
	lines := bufio.NewScanner(in)
	for n := int64(1); lines.Scan(); n++ {
		f := strings.Fields(lines.Text())
		if n == 1 {
			continue
		}
		var start, dur int64
		if len(f) != 4 {
			t.Damage = append(t.Damage, trace.Damage{Kind: source.DamageSyntax, Line: n, Text: lines.Text(), Lost: 1})
			continue
		}
		if _, err := fmt.Sscan(f[2]+" "+f[3], &start, &dur); err != nil {
			t.Damage = append(t.Damage, trace.Damage{Kind: source.DamageValue, Line: n, Text: lines.Text(), Lost: 1})
			continue
		}
		e := trace.Event{StartNs: start * 1000, DurationNs: dur * 1000, Name: t.Strings.InternString(f[1]), Phase: trace.PhaseComplete,
			Category: t.Events.CategoryOf([]byte(f[0])), Side: trace.NoSide}
		switch e.Category.Table() {
		case trace.TableOp:
			e.Side = t.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide})
		case trace.TableGPU:
			e.Side = t.GPU.Append(trace.GPUWork{Stream: 7, Correlation: trace.Absent, ExternalID: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide})
		}
		t.Events.Append(e)
	}
	if kind, text, damaged := source.EndDamage(lines.Err()); damaged {
		t.Damage = append(t.Damage, trace.Damage{Kind: kind, Offset: in.TextBytes, Text: text})
	}
	return t, nil
}

func writeToy(w io.Writer, t *trace.Trace, rows *trace.Rows) error {
	_, err := fmt.Fprintln(w, toyHead)
	for i := range t.Events.Len() {
		if e := t.Events.At(i); err == nil && (rows == nil || rows.Has(i)) {
			_, err = fmt.Fprintln(w, t.Events.CategoryName(i), t.Strings.At(e.Name), e.StartNs/1000, e.DurationNs/1000)
		}
	}
	return err
}
