package kineto_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// The oracle is encoding/json with exact decimals: slow, and nothing in common with the scanner.

type oracleEvent map[string]any

type oracleTrace struct {
	top    map[string]any // nil for a bare array
	events []oracleEvent
}

func oracle(tb testing.TB, text []byte) (oracleTrace, bool) {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("oracle: %v", err)
	}
	var o oracleTrace
	list, _ := v.([]any)
	if top, ok := v.(map[string]any); ok {
		o.top = top
		if list, ok = top["traceEvents"].([]any); !ok {
			return o, false
		}
	}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok || m["ph"] == nil {
			return o, false
		}
		if m["ph"] != "M" {
			o.events = append(o.events, m)
		}
	}
	return o, true
}

// nanos turns a JSON number of microseconds into nanoseconds, half to even, by exact arithmetic.
func nanos(tb testing.TB, v any) int64 {
	tb.Helper()
	if v == nil {
		return 0
	}
	if whole, fraction, _ := strings.Cut(fmt.Sprint(v), "."); len(fraction) <= 3 { // nearly all: shift the point in the text
		if ns, err := strconv.ParseInt(whole+(fraction + "000")[:3], 10, 64); err == nil {
			return ns
		}
	}
	r, ok := new(big.Rat).SetString(fmt.Sprint(v))
	if !ok {
		tb.Fatalf("oracle: %v is no number", v)
	}
	r.Mul(r, big.NewRat(1000, 1))
	twice := new(big.Rat).Mul(r, big.NewRat(2, 1))
	q, rem := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int))
	if twice.IsInt() && !r.IsInt() { // a tie
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	} else if rem.Lsh(rem, 1).Cmp(r.Denom()) > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q.Int64()
}

func token(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	}
	return fmt.Sprint(v)
}

// compare holds a trace against the oracle, event by event.
func compare(t *testing.T, got *trace.Trace, want oracleTrace) {
	t.Helper()
	if got.Events.Len() != len(want.events) {
		t.Fatalf("%d events, want %d (damage %v)", got.Events.Len(), len(want.events), got.Damage)
	}
	for i, e := range want.events {
		if err := compareEvent(t, got, i, e); err != "" {
			text, _ := json.Marshal(e)
			t.Fatalf("event %d: %s in %s", i, err, text)
		}
	}
}

func compareEvent(t *testing.T, got *trace.Trace, i int, e oracleEvent) string {
	ev := got.Events.At(i)
	track := got.Tracks[ev.Track]
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"ph", string(ev.Phase), token(e["ph"])},
		{"name", got.Strings.At(ev.Name), token(e["name"])},
		{"ts", ev.StartNs, nanos(t, e["ts"])},
		{"dur", ev.DurationNs, nanos(t, e["dur"])},
		{"pid", got.Strings.At(track.Process), token(e["pid"])},
		{"tid", got.Strings.At(track.Thread), token(e["tid"])},
	} {
		if c.got != c.want {
			return fmt.Sprintf("%s is %v, want %v", c.what, c.got, c.want)
		}
	}
	args, _ := e["args"].(map[string]any)
	number := func(key string, otherwise int64) int64 {
		if v, ok := args[key].(json.Number); ok {
			n, err := v.Int64()
			if err != nil {
				return otherwise
			}
			return n
		}
		return otherwise
	}
	check := func(pairs ...any) string {
		for k := 0; k < len(pairs); k += 3 {
			if pairs[k+1] != pairs[k+2] {
				return fmt.Sprintf("%s is %v, want %v", pairs[k], pairs[k+1], pairs[k+2])
			}
		}
		return ""
	}
	external := number("External id", number("external id", trace.Absent))
	switch ev.Category.Table() {
	case trace.TableGPU:
		g := got.GPU.At(ev.Side)
		return check("device", int64(g.Device), number("device", track.PID), "stream", g.Stream, number("stream", track.TID),
			"correlation", g.Correlation, number("correlation", trace.Absent), "External id", g.ExternalID, external,
			"bytes", g.Bytes, number("bytes", trace.Absent), "registers", int64(g.Registers), number("registers per thread", 0),
			"collective", g.Collective != trace.NoSide, args["Collective name"] != nil)
	case trace.TableCall:
		c := got.Calls.At(ev.Side)
		return check("correlation", c.Correlation, number("correlation", trace.Absent), "External id", c.ExternalID, external)
	case trace.TableOp:
		o := got.Ops.At(ev.Side)
		return check("External id", o.ExternalID, external, "Input Dims", o.Shapes != 0, args["Input Dims"] != nil || args["Input dims"] != nil,
			"Input type", o.Dtypes != 0, args["Input type"] != nil, "Module", got.Strings.At(o.Module), token(args["Module Hierarchy"]),
			"collective", o.Collective != trace.NoSide, args["Collective name"] != nil)
	case trace.TableFrame:
		f := got.Frames.At(ev.Side)
		return check("Python id", f.ID, number("Python id", trace.Absent), "Python parent id", f.ParentID, number("Python parent id", trace.Absent))
	case trace.TableMemory:
		m := got.Memory.At(ev.Side)
		return check("Bytes", m.Bytes, number("Bytes", 0), "Addr", int64(m.Address), number("Addr", 0),
			"Total Allocated", m.TotalAllocatedBytes, number("Total Allocated", trace.Absent), "Device Type", int64(m.DeviceType), number("Device Type", 0))
	case trace.TableFlow:
		id, _ := e["id"].(json.Number).Int64()
		return check("id", got.Flows.At(ev.Side).ID, id)
	}
	return ""
}

// inflated reads a whole file, decompressed by the standard library.
func inflated(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		tb.Fatal(err)
	}
	return b
}

// sharedTraces lists the files under ../shared/traces, or skips the test where that is absent. Those in formats are of no
// usual kind, and some are no JSON.
func sharedTraces(tb testing.TB, under string) []string {
	tb.Helper()
	root := filepath.Join("..", "..", "..", "shared", "traces", under)
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimSuffix(filepath.Base(path), ".gz")
		if err == nil && d.IsDir() && d.Name() == "formats" {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".json") && !strings.Contains(name, "expected") && name != "exact.json" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		tb.Skipf("no shared traces: %v", err)
	}
	return paths
}

// compareTexts holds the original JSON of every event against the file: each stands there, one after the other.
func compareTexts(t *testing.T, got *trace.Trace, text []byte) {
	t.Helper()
	var event []byte
	for i := range got.Events.Len() {
		event = got.Text.AppendEvent(event[:0], got, i)
		k := bytes.Index(text, event)
		if len(event) == 0 || k < 0 {
			t.Fatalf("event %d: the file has no %s", i, event)
		}
		text = text[k+len(event):]
	}
	for _, d := range got.Text.Declarations() {
		if !json.Valid([]byte(d)) {
			t.Fatalf("declaration %s", d)
		}
	}
}

func TestReadEqualsOracle(t *testing.T) {
	for _, path := range sharedTraces(t, "") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if st, err := os.Stat(path); err == nil && testing.Short() && st.Size() > 300_000 {
				t.Skip("large")
			}
			t.Parallel()
			want, isTrace := oracle(t, inflated(t, path))
			got, err := formats.ReadFile(path, source.Options{})
			if !isTrace {
				if err == nil {
					t.Fatalf("read as a trace of %d events, although it is none", got.Events.Len())
				}
				t.Log(err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Damage) != 0 {
				t.Errorf("damage in a whole file: %v", got.Damage[0])
			}
			compare(t, got, want)
			compareTexts(t, got, inflated(t, path))
		})
	}
}
