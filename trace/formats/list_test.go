package formats_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// toy is a format whose files begin with a word: every line after it is an op of 1 µs. It is as sure of them as it is told.
func toy(name, word string, sure source.Confidence) source.Format {
	return source.Format{
		Name: name, Endings: []string{"." + word},
		Sniff: func(head []byte) source.Confidence {
			if strings.HasPrefix(string(head), word) {
				return sure
			}
			return source.No
		},
		Read: func(in *source.Input) (*trace.Trace, error) {
			text, err := io.ReadAll(in)
			t := &trace.Trace{Strings: trace.NewStrings()}
			t.Tracks = []trace.Track{{Process: t.Strings.InternString("1"), Thread: t.Strings.InternString("1"), PID: 1, TID: 1}}
			if kind, what, damaged := source.EndDamage(err); damaged {
				t.Damage = append(t.Damage, trace.Damage{Kind: kind, Offset: int64(len(text)), Text: what})
			}
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			if lines[0] != word {
				return nil, &source.NotTraceError{What: "a " + word + " without its first line"}
			}
			for i, line := range lines[1:] {
				t.Events.Append(trace.Event{StartNs: int64(i) * 2000, DurationNs: 1000, Name: t.Strings.InternString(line),
					Category: trace.CategoryCPUOp, Phase: trace.PhaseComplete,
					Side: t.Ops.Append(trace.Op{ExternalID: trace.Absent, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide})})
			}
			return t, nil
		},
	}
}

// writing is a format that can write names and says of itself that it did.
func writing(f source.Format) source.Format {
	f.Write = func(w io.Writer, _ *trace.Trace, _ *trace.Rows) error {
		_, err := fmt.Fprintln(w, f.Name)
		return err
	}
	return f
}

// TestTheMostConfidentReads: a file is read by the format that is the surest, of equals by the first in the list, and by
// the list's first if none claims it.
func TestTheMostConfidentReads(t *testing.T) {
	for _, c := range []struct {
		name string
		list formats.List
		text string
		want string
	}{
		{"one claims it", formats.List{toy("a", "aaa", source.Sure), toy("b", "bbb", source.Maybe)}, "bbb\nx", "b"},
		{"the surer", formats.List{toy("a", "toy", source.Likely), toy("b", "toy", source.Sure)}, "toy\nx", "b"},
		{"of equals the first", formats.List{toy("a", "toy", source.Likely), toy("b", "toy", source.Likely)}, "toy\nx", "a"},
		{"the surer, whatever the order", formats.List{toy("b", "toy", source.Sure), toy("a", "toy", source.Likely)}, "toy\nx", "b"},
		{"none", formats.List{toy("a", "toy", source.No), toy("b", "toy", source.No)}, "toy\nx", "a"},
	} {
		for _, stream := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text)), zipped(t, c.text)} {
			x, err := c.list.Read(stream, "x", source.Options{})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if x.Meta.Format != c.want || x.Events.Len() != 1 || x.Meta.Path != "x" || x.Meta.FileName == nil {
				t.Errorf("%s: %d events, %+v, want format %s", c.name, x.Events.Len(), x.Meta, c.want)
			}
		}
	}
	none := formats.List{toy("a", "aaa", source.Sure), toy("b", "bbb", source.Sure)}
	_, err := none.Read(strings.NewReader("ccc"), "dir/c.txt", source.Options{})
	if not, ok := errors.AsType[*source.NotTraceError](err); !ok || not.Path != "dir/c.txt" || not.What != "a aaa without its first line" {
		t.Errorf("a file of neither: %v", err)
	}
}

func zipped(tb testing.TB, text string) io.Reader {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return &b
}

// TestEveryListedFormat: what each says of the others' files. Kineto reads any list of Chrome's events, unless another is
// sure that it is one of its own.
func TestEveryListedFormat(t *testing.T) {
	for text, want := range map[string]string{
		oneEvent: "kineto",
		`[{"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1, "dur": 1}]`:                           "kineto",
		`[{"name": "a", "ph": "X", "ts": 1, "dur": 1, "tid": 1, "pid": "CPU functions", "args": {}}]`:                  "autograd",
		`{"traceEvents": [{"name": "a", "cat": "cpu_op", "ph": "X", "ts": 1, "dur": 1, "tid": 1, "pid": "TPU"}]}`:      "kineto",
		`{"deviceProperties": "` + strings.Repeat("x", source.HeadBytes) + `", "traceEvents": [{"ph": "i", "ts": 1}]}`: "kineto",
	} {
		x, err := formats.Read(strings.NewReader(text), "x", source.Options{})
		if err != nil || x.Meta.Format != want || x.Events.Len() != 1 {
			t.Errorf("%.80s: %+v, %v; want %s", text, x, err, want)
		}
	}
	for text, want := range map[string]string{
		"":             "x.json: not a profiler trace but an empty file: pass a trace that torch.profiler wrote (*.pt.trace.json.gz)",
		"PK\x03\x04":   "x.json: not a profiler trace but a zip archive: pass a trace that torch.profiler wrote (*.pt.trace.json.gz)",
		`{"nodes": []`: "x.json: not a profiler trace but an execution trace (nodes, no events): pass the Kineto trace that was recorded beside it (*.pt.trace.json.gz)",
	} {
		if _, err := formats.Read(strings.NewReader(text), "x.json", source.Options{}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestStandardInput: "-" can be read once, and is recognised all the same.
func TestStandardInput(t *testing.T) {
	l := formats.List{toy("a", "aaa", source.Sure), toy("b", "bbb", source.Sure)}
	for _, use := range []func() error{
		func() error {
			x, err := l.ReadFile("-", source.Options{})
			if err == nil && (x.Meta.Format != "b" || x.Events.Len() != 2 || x.Meta.Path != "standard input") {
				err = fmt.Errorf("%d events, %+v", x.Events.Len(), x.Meta)
			}
			return err
		},
		func() error {
			v, err := l.Verify("-")
			if err == nil && (!v.Whole || v.Events != 2 || v.Bytes != 8 || v.Path != "-") {
				err = fmt.Errorf("%+v", v)
			}
			return err
		},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer w.Close()
			for _, part := range []string{"bb", "b\nx", "\ny\n"} {
				_, _ = io.WriteString(w, part)
			}
		}()
		was := os.Stdin
		os.Stdin = r
		err = use()
		os.Stdin = was
		r.Close()
		if err != nil {
			t.Error(err)
		}
	}
}

// TestVerifyByReading: a format that only reads is verified by that.
func TestVerifyByReading(t *testing.T) {
	l := formats.List{toy("a", "toy", source.Sure)}
	whole, err := io.ReadAll(zipped(t, "toy\nx\ny\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		file            []byte
		whole, checksum bool
	}{
		"rank3.1.pt.trace.toy.gz": {whole, true, true},
		"rank4.1.pt.trace.toy.gz": {whole[:len(whole)-4], false, false},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := l.Verify(path)
		if err != nil || v.Whole != c.whole || v.Checksum != c.checksum || v.Events != 2 || v.Categories["cpu_op"] != 2 ||
			v.Bytes != int64(len(c.file)) || v.Compression != "gzip" || v.TextBytes != 8 || v.EndUnixNs != 3000 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

// TestTheNameChoosesTheWriter, and among the formats of that name the one that the trace was read from.
func TestTheNameChoosesTheWriter(t *testing.T) {
	l := formats.List{toy("reads", "json", source.Sure), writing(toy("a", "json", source.Sure)), writing(toy("b", "json", source.Sure)), writing(toy("c", "toy", source.Sure))}
	dir := t.TempDir()
	for _, c := range []struct{ readFrom, path, want string }{
		{"", "x.json", "a"}, {"b", "x.json", "b"}, {"c", "x.json", "a"}, {"reads", "x.json.gz", "a"},
		{"", "x.toy", "c"}, {"b", "x.toy.gz", "c"}, {"b", "x", "b"}, {"", "x", "a"},
	} {
		path := filepath.Join(dir, c.path)
		if err := l.WriteFile(path, &trace.Trace{Meta: trace.Meta{Format: c.readFrom}}, nil); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		in, err := source.NewInput(f, path)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(in.Beginning(100))); got != c.want || (in.Compression == "gzip") != strings.HasSuffix(path, ".gz") {
			t.Errorf("%s, read from %q, is written by %s, want %s", c.path, c.readFrom, got, c.want)
		}
		in.Close()
		f.Close()
	}
	if err := l[:1].WriteFile(filepath.Join(dir, "y.json"), &trace.Trace{}, nil); err == nil {
		t.Error("a format that only reads has written")
	}
}

func TestEndings(t *testing.T) {
	l := formats.List{toy("a", "toy", source.Sure), {Name: "b", Endings: []string{".trace.json"}, SharedEndings: []string{".json"}}}
	for name, want := range map[string]struct{ named, may bool }{
		"x.trace.json": {true, true}, "x.trace.json.gz": {true, true}, "x.json.zst": {false, true}, "x.toy": {true, true}, "x.toy.gz": {true, true},
		"trace.json-rank-3.gz": {false, true}, "x.trace.json-rank-3": {true, true}, ".x.trace.json": {}, "x.trace.json.tmp": {}, "x.txt": {}, "toy": {}, "": {},
	} {
		if named, may := l.NamedAsTrace(name), l.MayBeTrace(name); named != want.named || may != want.may {
			t.Errorf("%s: named %t, may be %t; want %+v", name, named, may, want)
		}
	}
}

func TestWriterAndTime(t *testing.T) {
	for name, want := range map[string]struct {
		writer string
		at     int64
		ok     bool
	}{
		"rank1.17.pt.trace.json.gz":                        {"dp-1 rank1", 17, true},
		"mine_dp2_pp0_tp1_dcp0_ep1_rank5.18.pt.trace.json": {"dp2 rank5", 18, true},
		"vm_4348.async_llm.1795476513.pt.trace.json.zst":   {"vm_4348.async_llm", 1795476513, true},
		"1763.2-TP-1.trace.json.gz":                        {},
		"rank-34.Jul_15_10_52_41.pt.trace.json.gz":         {},
		"rank1.99999999999999999999.pt.trace.json":         {"dp-1 rank1", 1<<63 - 1, false},
	} {
		if writer, at, ok := formats.WriterAndTime("dir/" + name); writer != want.writer || at != want.at || ok != want.ok {
			t.Errorf("%s: %s, %d, %t; want %+v", name, writer, at, ok, want)
		}
	}
}
