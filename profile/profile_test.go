package profile

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// ranksOf lays the traces of so many ranks, with so many steps each, into a new directory.
func ranksOf(t *testing.T, ranks, steps int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for rank := range ranks {
		lay(t, filepath.Join(dir, rankFile(rank)), enginetest.Trace(rank, ranks, steps))
	}
	return dir
}

func rankFile(rank int) string { return "rank" + string(rune('0'+rank)) + ".1.pt.trace.json" }

func lay(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}

// open is Open as a test that cannot go on without it.
func open(t *testing.T, o Options, paths ...string) *Profile {
	t.Helper()
	p, err := Open(t.Context(), paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// onStdin makes standard input of a text.
func onStdin(t *testing.T, text []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	lay(t, path, text)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdin
	os.Stdin = f
	t.Cleanup(func() { os.Stdin = was; f.Close() })
}

func TestOpen(t *testing.T) {
	dir := ranksOf(t, 2, 3)
	lay(t, filepath.Join(dir, "config.json"), []byte("{}"))
	one := filepath.Join(dir, rankFile(1))
	captured := t.TempDir()
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, ID: "c", Status: ondisk.Complete, Ranks: ondisk.Ranks{Expected: 1},
		Files: []ondisk.File{{Path: "any.trace.json", Rank: 5, SizeBytes: 9}}}
	if err := m.Write(captured); err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(captured, "any.trace.json"), enginetest.Trace(5, 8, 1))
	for _, c := range []struct {
		name  string
		paths []string
		ranks []int
		notes []ondisk.NoteKind
		about string
	}{
		{"a directory", []string{dir}, []int{0, 1}, []ondisk.NoteKind{ondisk.NoteNotTraces}, ""},
		{"a file", []string{one}, []int{1}, nil, ""},
		{"a directory and a file of it", []string{one, dir}, []int{1, 0}, []ondisk.NoteKind{ondisk.NoteNotTraces, ondisk.NoteTwice}, ""},
		{"standard input twice", []string{"-", "-"}, []int{-1}, []ondisk.NoteKind{ondisk.NoteTwice}, ""},
		{"a capture", []string{captured}, []int{5}, []ondisk.NoteKind{ondisk.NoteChanged}, "c"},
		{"a capture and its trace", []string{captured, filepath.Join(captured, "any.trace.json")}, []int{5},
			[]ondisk.NoteKind{ondisk.NoteChanged, ondisk.NoteTwice}, "c"},
		{"a capture and another trace", []string{captured, one}, []int{5, 1}, []ondisk.NoteKind{ondisk.NoteChanged}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, Options{}, c.paths...)
			var ranks []int
			for _, f := range p.Files {
				ranks = append(ranks, f.Rank)
			}
			var kinds []ondisk.NoteKind
			for _, n := range p.Notes() {
				kinds = append(kinds, n.Kind)
			}
			about := ""
			if p.About != nil {
				about = p.About.Name
			}
			if !slices.Equal(ranks, c.ranks) || !slices.Equal(kinds, c.notes) || about != c.about || len(p.Captures) != len(c.paths) {
				t.Errorf("ranks %v, notes %v, about %q; want %v, %v, %q", ranks, kinds, about, c.ranks, c.notes, c.about)
			}
		})
	}
}

func TestOpenFails(t *testing.T) {
	failed := t.TempDir()
	m := &ondisk.Manifest{SchemaVersion: ondisk.SchemaVersion, Status: ondisk.Failed, Error: "disk full", Files: []ondisk.File{{Path: "a.json"}}}
	if err := m.Write(failed); err != nil {
		t.Fatal(err)
	}
	lay(t, filepath.Join(failed, "a.json"), enginetest.Trace(0, 1, 1))
	absent := filepath.Join(t.TempDir(), "absent")
	if _, err := Open(t.Context(), nil, Options{}); !isError[*engine.UsageError](err) {
		t.Errorf("nothing: %v", err)
	}
	if _, err := Open(t.Context(), []string{absent}, Options{}); err == nil || !strings.Contains(err.Error(), absent) {
		t.Errorf("what is not there: %v", err)
	}
	if _, err := Open(t.Context(), []string{t.TempDir()}, Options{}); err == nil || !strings.Contains(err.Error(), "no trace") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := Open(t.Context(), []string{failed}, Options{}); err != nil {
		t.Errorf("a failed capture: %v", err)
	}
	if _, err := Open(t.Context(), []string{failed}, Options{Strict: true}); !isError[*StrictError](err) || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("strictly: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ended, []string{failed}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// TestDamage: a trace that ends too early is read as far as it goes, and strictly it is an error that says where.
func TestDamage(t *testing.T) {
	dir := ranksOf(t, 2, 3)
	path := filepath.Join(dir, rankFile(1))
	text := enginetest.Trace(1, 2, 3)
	lay(t, path, text[:len(text)*2/3])
	r, err := open(t, Options{}, dir).Report(t.Context(), Selection{})
	if err != nil || !slices.ContainsFunc(r.Problems, func(p analyze.Problem) bool { return p.ID == "damaged" }) {
		t.Errorf("%v: the report should tell of the damage", err)
	}
	strict := open(t, Options{Strict: true}, dir)
	for name, read := range readers(strict, filepath.Join(t.TempDir(), "out")) {
		err := read(t.Context())
		if damage, ok := errors.AsType[*source.DamageError](err); !isError[*StrictError](err) || !ok || damage.Path != path {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// readers are the ways to read all of a profile.
func readers(p *Profile, output string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"report": func(ctx context.Context) error { _, err := p.Report(ctx, Selection{}); return err },
		"traces": func(ctx context.Context) error { _, err := p.Traces(ctx); return err },
		"cut": func(ctx context.Context) error {
			_, err := p.Cut(ctx, output, Cut{Only: []string{"cpu_op"}})
			return err
		},
		"side": func(ctx context.Context) error {
			_, err := ReadSides(ctx, []*Side{{Captures: p.Captures}}, p.options)
			return err
		},
	}
}

// TestCancel: when the context ends, no further file is read, and nothing is written.
func TestCancel(t *testing.T) {
	const ranks = 6
	dir, output := ranksOf(t, ranks, 2), filepath.Join(t.TempDir(), "out")
	for name := range readers(nil, "") {
		ctx, cancel := context.WithCancel(t.Context())
		read := 0
		p := open(t, Options{MemoryBytes: 1, Progress: func(e Event) { // one after the other
			if e.Kind == Read {
				read++
				cancel()
			}
		}}, dir)
		if err := readers(p, output)[name](ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if read != 1 {
			t.Errorf("%s: %d traces of %d were read", name, read, ranks)
		}
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("a cut was written")
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Verify(ctx, []string{dir}, Options{Progress: func(e Event) {
		if e.Kind == Checking {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("verify: %v", err)
	}
}

// TestCancelInTheMiddle: the end of a context ends the reading of a trace that has no end.
func TestCancelInTheMiddle(t *testing.T) {
	const most = 64 << 20 // then the trace ends after all
	event := []byte(`{"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1, "dur": 1},`)
	for name, read := range map[string]func(ctx context.Context, p *Profile) error{
		"report": func(ctx context.Context, p *Profile) error { _, err := p.Report(ctx, Selection{}); return err },
		"traces": func(ctx context.Context, p *Profile) error { _, err := p.Traces(ctx); return err },
		"verify": func(ctx context.Context, _ *Profile) error {
			_, err := Verify(ctx, []string{stdin}, Options{})
			return err
		},
		"sides": func(ctx context.Context, _ *Profile) error {
			side, err := OpenSide(stdin)
			if err == nil {
				_, err = ReadSides(ctx, []*Side{side}, Options{Strict: true})
			}
			return err
		},
	} {
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		was := os.Stdin
		os.Stdin = from
		ctx, cancel := context.WithCancel(t.Context())
		written := make(chan int)
		go func() {
			n, err := to.WriteString(`{"traceEvents": [`)
			for ; err == nil && n < most; n += len(event) {
				if n > 1<<20 {
					cancel()
				}
				_, err = to.Write(event)
			}
			to.Close()
			written <- n
		}()
		err = read(ctx, open(t, Options{}, stdin))
		from.Close() // so that the writer ends
		if n := <-written; !errors.Is(err, context.Canceled) || n >= most {
			t.Errorf("%s: %v after %d bytes", name, err, n)
		}
		os.Stdin = was
	}
}

func TestSelectionErrors(t *testing.T) {
	p := open(t, Options{}, ranksOf(t, 2, 3)) // step 0 is a prefill, 1 and 2 are decodes
	for _, c := range []struct {
		name     string
		selected Selection
		by       Selector
		text     string // "" if it is no error
	}{
		{"all", Selection{}, "", ""},
		{"a step", Selection{Steps: []analyze.Range{{From: 2, To: 2}}}, "", ""},
		{"from a rank on", Selection{Ranks: []analyze.Range{{From: 1, To: math.MaxInt}}}, "", ""},
		{"no such step", Selection{Steps: []analyze.Range{{From: 7, To: 9}}}, "", "the traces have steps 0 to 2"},
		{"no such step of the phase", Selection{Steps: []analyze.Range{{From: 1, To: 2}}, Phase: "prefill"}, "", "no step is selected"},
		{"no such phase", Selection{Phase: "mixed"}, "", "no step is selected"},
		{"no phase", Selection{Phase: "encode"}, ByPhase, "phase encode: must be prefill, decode, mixed"},
		{"no such rank", Selection{Ranks: []analyze.Range{{From: 2, To: 3}, {From: 7, To: 7}}}, ByRanks, "ranks 2-3,7: the traces are of ranks 0, 1"},
		{"no GPU", Selection{Devices: []analyze.Range{{From: 0, To: math.MaxInt}}}, "", "no GPU work is selected"},
		{"no range", Selection{Steps: []analyze.Range{{From: 3, To: 1}}}, BySteps, "must be numbers"},
		{"below nothing", Selection{Devices: []analyze.Range{{From: -1, To: 1}}}, ByDevices, "must be numbers"},
	} {
		r, err := p.Report(t.Context(), c.selected)
		e, ok := errors.AsType[*SelectionError](err)
		switch {
		case c.text == "" && (err != nil || len(r.Ranks) == 0):
			t.Errorf("%s: %v", c.name, err)
		case c.text != "" && (!ok || e.By != c.by || !strings.Contains(err.Error(), c.text)):
			t.Errorf("%s: %v, want that %q is wrong: %s", c.name, err, c.by, c.text)
		}
	}
}

// TestMemoryBudget: what the traces in hand may take together stays below what there is, whatever that is, and of one that
// is larger it is told. The answer is the same.
func TestMemoryBudget(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(16)) // enough processors for all at once
	dir := ranksOf(t, 8, 200)
	want, err := open(t, Options{}, dir).Report(t.Context(), Selection{})
	if err != nil {
		t.Fatal(err)
	}
	each := formats.MemoryEstimate(filepath.Join(dir, rankFile(7)))
	for _, fit := range []int64{0, 1, 3} {
		budget := max(1, each*fit+each/10)
		tooLarge := 0
		o := Options{MemoryBytes: budget, Progress: func(e Event) {
			if e.Kind == TooLarge && e.NeedBytes > budget && e.FreeBytes == budget {
				tooLarge++
			}
		}}
		p := open(t, o, dir)
		got, err := p.Report(t.Context(), Selection{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("room for %d: %v, another result", fit, err)
		}
		if told := tooLarge > 0; told != (fit == 0) {
			t.Errorf("room for %d: of %d it was told that they are too large", fit, tooLarge)
		}
		var mu sync.Mutex
		var inHand, most int64
		r := p.options.newReading(p.paths())
		err = r.start(t.Context(), p.paths(), func(int, []*trace.Trace) {
			mu.Lock()
			inHand++
			most = max(most, inHand)
			mu.Unlock()
			for range 100 {
				runtime.Gosched()
			}
			mu.Lock()
			inHand--
			mu.Unlock()
		})()
		r.done()
		if err != nil || most > max(1, fit) {
			t.Errorf("room for %d: %d in hand, %v", fit, most, err)
		}
	}
}

// TestReportLetsGo: what a report keeps of a trace does not keep the trace; Traces keeps it.
func TestReportLetsGo(t *testing.T) {
	dir := ranksOf(t, 1, 5)
	p := open(t, Options{}, dir)
	ranks, err := p.Traces(t.Context())
	if err != nil || len(ranks) != 1 || ranks[0].Number != 0 || ranks[0].Trace.Events.Len() == 0 {
		t.Fatalf("%+v, %v", ranks, err)
	}
	a := &analysis{profile: p, graphs: findGraphCaptures(p.paths())}
	var k kept
	k.add(a.look(ranks[0].Trace, 0, &Selection{}))
	kept := weak.Make(ranks[0].Trace)
	runtime.GC()
	if kept.Value() == nil {
		t.Error("a trace is gone that somebody has")
	}
	runtime.KeepAlive(ranks) // for the last time
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the trace is in memory, and nobody has it")
	}
	runtime.KeepAlive(k)
}

func TestTrace(t *testing.T) {
	p := open(t, Options{}, ranksOf(t, 3, 2))
	for i, f := range p.Files {
		traces, err := p.Trace(t.Context(), i)
		if err != nil || len(traces) != 1 || traces[0].Meta.Path != f.Path || traces[0].Meta.Distributed.Rank != f.Rank {
			t.Errorf("trace %d: %v, %v", i, traces, err)
		}
	}
	for _, i := range []int{-1, 3} {
		if _, err := p.Trace(t.Context(), i); !isError[*engine.UsageError](err) {
			t.Errorf("trace %d: %v", i, err)
		}
	}
}

func TestStandardInput(t *testing.T) {
	onStdin(t, enginetest.Trace(0, 1, 3))
	p := open(t, Options{}, "-")
	r, err := p.Report(t.Context(), Selection{Ranks: []analyze.Range{{From: 0, To: 0}}})
	if err != nil || len(r.Ranks) != 1 || len(r.Steps) != 3 {
		t.Errorf("%v", err)
	}
	for name, read := range readers(p, "out.json") {
		if name != "side" { // which is of captures, whoever opened them
			if err := read(t.Context()); !errors.Is(err, ErrReadOnce) {
				t.Errorf("%s, after standard input was read: %v", name, err)
			}
		}
	}
	side, err := OpenSide("-")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSides(t.Context(), []*Side{side, side}, Options{}); !errors.Is(err, ErrReadOnce) {
		t.Errorf("with itself: %v", err)
	}
}

// gcPercent is what the collector is set to.
func gcPercent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestGarbage: the collector is the caller's, unless he asks; and is put back when reading ends, however it ends.
func TestGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	const own = 321
	defer debug.SetGCPercent(debug.SetGCPercent(own))
	dir := ranksOf(t, 2, 2)
	broken := filepath.Join(t.TempDir(), "broken.json")
	lay(t, broken, []byte(`{"traceEvents": 5}`))
	for _, bound := range []bool{false, true} {
		for _, path := range []string{dir, broken} {
			var during []uint64
			p := open(t, Options{BoundGarbage: bound, Progress: func(Event) { during = append(during, gcPercent()) }}, path)
			if _, err := p.Report(t.Context(), Selection{}); (err != nil) != (path == broken) {
				t.Error(err)
			}
			if slices.Contains(during, own) == bound || len(during) == 0 {
				t.Errorf("bound %t: %d while reading %s", bound, during, path)
			}
			if now := gcPercent(); now != own {
				t.Errorf("bound %t: %d after reading %s", bound, now, path)
			}
		}
	}
	first, second := boundGarbage(nil), boundGarbage(nil)
	first()
	if gcPercent() == own {
		t.Error("put back while somebody reads")
	}
	second()
	if gcPercent() != own {
		t.Error("not put back")
	}
	t.Setenv("GOGC", "50")
	release := boundGarbage(nil)
	if gcPercent() != own {
		t.Error("the environment's was changed")
	}
	release()
}
