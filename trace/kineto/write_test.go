package kineto_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto"
	"github.com/inferprof/inferprof/trace/source"
)

// ownTraces lists the project's own real traces.
func ownTraces(tb testing.TB) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "*.pt.trace.json.gz"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no traces in testdata: %v", err)
	}
	return paths
}

func mustRead(tb testing.TB, path string) *trace.Trace {
	tb.Helper()
	got, err := formats.ReadFile(path, source.Options{Strict: true})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// sameTraces holds two traces of the same events against each other, strings by their text.
func sameTraces(t *testing.T, got, want *trace.Trace) {
	t.Helper()
	if got.Events.Len() != want.Events.Len() {
		t.Fatalf("%d events, want %d", got.Events.Len(), want.Events.Len())
	}
	for i := range want.Events.Len() {
		g, w := plainRow(got, i), plainRow(want, i)
		if g != w {
			t.Fatalf("event %d:\n got %+v\nwant %+v", i, g, w)
		}
	}
	if g, w := len(got.Tracks), len(want.Tracks); g != w {
		t.Errorf("%d tracks, want %d", g, w)
	}
}

// plainRow is a row with everything that it points at, comparable between traces.
func plainRow(t *trace.Trace, i int) any {
	type fields struct {
		event                              trace.Event
		name, category, process, thread    string
		processName, threadName, labels    string
		processSort, threadSort            int64
		gpu                                trace.GPUWork
		call                               trace.Call
		op                                 trace.Op
		dims, types, module                string
		frame                              trace.Frame
		memory                             trace.MemoryEvent
		flow                               trace.Flow
		collective                         trace.Collective
		collName, dtype, groupName, groups string
	}
	e := t.Events.At(i)
	s := t.Strings
	x := t.Tracks[e.Track]
	f := fields{
		name: s.At(e.Name), category: t.Events.CategoryName(i), process: s.At(x.Process), thread: s.At(x.Thread),
		processName: x.ProcessName, threadName: x.ThreadName, labels: x.Labels,
		processSort: x.ProcessSortIndex, threadSort: x.ThreadSortIndex,
	}
	collective := trace.NoSide
	switch e.Category.Table() {
	case trace.TableGPU:
		f.gpu = *t.GPU.At(e.Side)
		collective, f.gpu.Collective = f.gpu.Collective, 0
	case trace.TableCall:
		f.call = *t.Calls.At(e.Side)
	case trace.TableOp:
		f.op = *t.Ops.At(e.Side)
		f.dims, f.module = t.Inputs.Shapes(f.op.Shapes).Text, s.At(f.op.Module)
		f.types = strings.Join(t.Inputs.Dtypes(f.op.Dtypes).Names, " ")
		collective = f.op.Collective
		f.op.Shapes, f.op.Dtypes, f.op.Module, f.op.Collective = 0, 0, 0, 0
	case trace.TableFrame:
		f.frame = *t.Frames.At(e.Side)
	case trace.TableMemory:
		f.memory = *t.Memory.At(e.Side)
	case trace.TableFlow:
		f.flow = *t.Flows.At(e.Side)
	}
	if collective != trace.NoSide {
		c := *t.Collectives.At(collective)
		f.collName, f.dtype, f.groupName, f.groups = s.At(c.Name), s.At(c.Dtype), s.At(c.GroupName), s.At(c.GroupRanks)
		c.Name, c.Dtype, c.GroupName, c.GroupRanks = 0, 0, 0, 0
		f.collective = c
	}
	e.Name, e.Track, e.Side = 0, 0, 0
	f.event = e
	return f
}

func TestWriteReadRoundTrip(t *testing.T) {
	paths := append(ownTraces(t), sharedOrNone("own")...)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			if st, err := os.Stat(path); err == nil && testing.Short() && st.Size() > 300_000 {
				t.Skip("large")
			}
			want := mustRead(t, path)
			var got *trace.Trace
			for _, how := range []string{"original", "columns"} {
				// First with the events' original text, then from the columns alone, as a recorder's trace is written.
				if how == "columns" {
					want.Text = nil
				}
				var text bytes.Buffer
				if err := kineto.Write(&text, want, nil); err != nil {
					t.Fatal(err)
				}
				if !json.Valid(text.Bytes()) {
					t.Fatal("what was written is no JSON")
				}
				if how == "original" {
					o, _ := oracle(t, inflated(t, path))
					w, _ := oracle(t, text.Bytes())
					for i := range o.events {
						if !reflect.DeepEqual(o.events[i], w.events[i]) {
							t.Fatalf("event %d: %v, want %v", i, w.events[i], o.events[i])
						}
					}
				}
				var err error
				if got, err = formats.Read(&text, path, source.Options{Strict: true}); err != nil {
					t.Fatal(err)
				}
				sameTraces(t, got, want)
			}
			if got.Meta.BaseTimeNanoseconds != want.Meta.BaseTimeNanoseconds || got.Meta.HostName != want.Meta.HostName ||
				len(got.Meta.Devices) != len(want.Meta.Devices) || len(got.Meta.Other) != len(want.Meta.Other) {
				t.Errorf("metadata differ:\n got %+v\nwant %+v", got.Meta, want.Meta)
			}
		})
	}
}

// built is a trace as a recorder makes one: no profiler window, our own facts on ops and collectives.
func built() *trace.Trace {
	t := &trace.Trace{Strings: trace.NewStrings()}
	s := t.Strings.InternString
	t.Meta = trace.Meta{
		SchemaVersion: 1, BaseTimeNanoseconds: 1790857026000000000, HostName: "node \"a\"", Engine: trace.Engine{Version: "1.2.3"},
		Distributed: &trace.Distributed{Backend: "threads", Rank: 1, WorldSize: 2,
			Groups: []trace.Group{{Name: "0", Description: "default_pg", Size: 2, Ranks: []int{0, 1}}}},
		Other: map[string]string{"with_flops": "1"},
	}
	t.Tracks = []trace.Track{{Process: s("42"), Thread: s("43"), PID: 42, TID: 43, ProcessName: "inferprof",
		ThreadName: "rank 1", Labels: "CPU", ProcessSortIndex: 42, ThreadSortIndex: 43}}
	op := func(category trace.Category, name string, start, dur int64, o trace.Op) {
		t.Events.Append(trace.Event{StartNs: start, DurationNs: dur, Name: s(name), Category: category,
			Phase: trace.PhaseComplete, Side: t.Ops.Append(o)})
	}
	none := trace.Op{ExternalID: 1, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: trace.NoSide}
	op(trace.CategoryUserAnnotation, "execute_context_1(5)_generation_0(0)", 4565046131617245, 9000, none)
	op(trace.CategoryCPUOp, "aten::linear", 4565046131617300, 1001, trace.Op{ExternalID: 2, FLOPs: 1 << 40, Bytes: 77,
		Shapes: t.Inputs.AddShapes(trace.Shapes{Args: []trace.Shape{{Dims: []int64{8, 768}}, {Dims: []int64{768, 768}}}}),
		Dtypes: t.Inputs.AddDtypes(trace.Dtypes{Names: []string{"float", "float"}}), Module: s(`model.layers.0 "x"`), Collective: trace.NoSide})
	row := t.Collectives.Append(trace.Collective{Name: s("allreduce"), Dtype: s("Float"), InElements: 6144, OutElements: 6144,
		GroupSize: 2, GroupName: s("0"), GroupRanks: s("[0, 1]"), Bytes: 24576, WaitNs: 512})
	op(trace.CategoryCPUOp, "record_param_comms", 4565046131619000, 700, trace.Op{ExternalID: 3, FLOPs: trace.Absent, Bytes: trace.Absent, Collective: row})
	t.Events.Append(trace.Event{StartNs: 4565046131619001, Name: s("[memory]"), Category: trace.CategoryInstant, Phase: trace.PhaseInstant,
		Side: t.Memory.Append(trace.MemoryEvent{Address: 1<<63 + 5, Bytes: -4096, TotalAllocatedBytes: 0, TotalReservedBytes: trace.Absent, DeviceID: -1})})
	return t
}

func TestWriteBuiltTrace(t *testing.T) {
	want := built()
	path := filepath.Join(t.TempDir(), "rank1.1.pt.trace.json.gz")
	if err := formats.WriteFile(path, want, nil); err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, path)
	n := want.Events.Len()
	// The profiler's window, the iteration's start, the window's end.
	if got.Events.Len() != n+3 || got.Events.Category(n) != trace.CategoryTrace {
		t.Fatalf("%d events, want %d and the window", got.Events.Len(), n)
	}
	if start, dur := got.Events.StartNs(n), got.Events.DurationNs(n); start != 4565046131617245 || dur != 9000 {
		t.Errorf("window %d + %d", start, dur)
	}
	for i := range n {
		if g, w := plainRow(got, i), plainRow(want, i); g != w {
			t.Errorf("event %d:\n got %+v\nwant %+v", i, g, w)
		}
	}
	if d := got.Meta.Distributed; d == nil || d.Rank != 1 || d.WorldSize != 2 || len(d.Groups) != 1 || len(d.Groups[0].Ranks) != 2 {
		t.Errorf("distributedInfo %+v", got.Meta.Distributed)
	}
	if got.Meta.HostName != want.Meta.HostName || got.Meta.Engine.Version != want.Meta.Engine.Version || got.Meta.DisplayTimeUnit != "ms" {
		t.Errorf("metadata %+v", got.Meta)
	}
	o, _ := oracle(t, inflated(t, path))
	if o.top["traceName"] != "" || o.top["schemaVersion"] != json.Number("1") {
		t.Errorf("top level %v", o.top)
	}
	v, err := formats.Verify(path)
	if err != nil || !v.Whole || v.Rank != 1 || v.RankSource != "distributedInfo" || v.Events != n+3 || v.Steps != 1 {
		t.Errorf("verified as %+v, %v", v, err)
	}
}

func TestEventArgs(t *testing.T) {
	tr := built()
	if got, want := string(kineto.EventArgs(tr, 1)), `"External id": 2`; !json.Valid([]byte(got)) || !strings.Contains(got, want) {
		t.Errorf("args %s, want %s in it", got, want)
	}
	read := mustRead(t, ownTraces(t)[0])
	for i := range read.Events.Len() {
		var event struct{ Args json.RawMessage }
		if err := json.Unmarshal(kineto.EventJSON(read, i), &event); err != nil {
			t.Fatal(err)
		}
		if got := kineto.EventArgs(read, i); string(got) != string(event.Args) {
			t.Fatalf("event %d: args %s, want %s", i, got, event.Args)
		}
	}
}

// An event of very many members costs no more than its length, and is kept as it was written.
func TestAnEventOfManyMembers(t *testing.T) {
	var event bytes.Buffer
	event.WriteString(`{"ph":"X","cat":"cpu_op","name":"a","pid":1,"tid":2,"ts":3.000,"dur":4.000,"args":{"External id":5`)
	for i := range 30_000 {
		fmt.Fprintf(&event, `,"%d":%d`, i, i)
	}
	event.WriteString("}}")
	got, err := formats.Read(strings.NewReader(`{"traceEvents":[`+event.String()+","+event.String()+`]}`), "x", source.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := got.Events.Len(); n != 2 || !bytes.Equal(got.Original(1), event.Bytes()) || got.Ops.At(got.Events.At(1).Side).ExternalID != 5 {
		t.Errorf("%d events, the second is %.200s…", n, got.Original(1))
	}
}

func TestWriteFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := formats.WriteFile(filepath.Join(dir, "absent", "a.json"), built(), nil); err == nil {
		t.Error("wrote into a directory that is not there")
	}
	broken := errors.New("disk full")
	if err := kineto.Write(failing{broken}, built(), nil); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// sharedOrNone is sharedTraces without skipping.
func sharedOrNone(under string) []string {
	paths, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "traces", under, "*", "*.trace.json.gz"))
	return paths
}

// TestNesting: what a recorder writes properly nested is nested in the file, thread by thread.
func TestWrittenEventsNest(t *testing.T) {
	var text bytes.Buffer
	if err := kineto.Write(&text, built(), nil); err != nil {
		t.Fatal(err)
	}
	o, _ := oracle(t, text.Bytes())
	type open struct{ start, end int64 }
	stacks := map[string][]open{}
	for _, e := range o.events {
		if e["ph"] != "X" {
			continue
		}
		key := token(e["pid"]) + "/" + token(e["tid"])
		start := nanos(t, e["ts"])
		end := start + nanos(t, e["dur"])
		stack := stacks[key]
		for len(stack) > 0 && stack[len(stack)-1].end <= start {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 && end > stack[len(stack)-1].end {
			t.Errorf("%v crosses its parent's end", e["name"])
		}
		stacks[key] = append(stack, open{start, end})
	}
	if !strings.Contains(text.String(), `"PyTorch Profiler (0)"`) {
		t.Error("no window of the profiler")
	}
}
