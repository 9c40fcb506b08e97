package collect_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/capture/collect"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Main(m)) }

// far is a place on another machine, which exists in memory only. What happens there is done by a script, at times counted
// from the stop.
type far struct {
	name    string
	mu      sync.Mutex
	files   map[string]farFile
	err     error // of every call
	cut     error // of fetching
	lists   int
	fetched map[string]int
}

type farFile struct {
	text     []byte
	modified int64
}

func newFar(name string) *far {
	return &far{name: name, files: map[string]farFile{}, fetched: map[string]int{}}
}

func (p *far) put(name string, text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[name] = farFile{text, time.Now().UnixNano()}
}

func (p *far) fail(err, cut error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.cut = err, cut
}

func (p *far) List(context.Context) (map[string]engine.Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists++
	list := map[string]engine.Entry{}
	for name, f := range p.files {
		list[name] = engine.Entry{SizeBytes: int64(len(f.text)), ModifiedNs: f.modified}
	}
	return list, p.err
}

func (p *far) Fetch(_ context.Context, name, path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := errors.Join(p.err, p.cut); err != nil {
		return err
	}
	p.fetched[name]++
	return os.WriteFile(path, p.files[name].text, 0o666)
}

func (p *far) At(string) string { return "" }
func (p *far) String() string   { return p.name }

// near is a place on this machine.
type near struct{ engine.Directory }

// full is one whose files cannot be copied before a time.
type full struct {
	near
	until time.Time
}

func (p full) Fetch(ctx context.Context, name, path string) error {
	if time.Now().Before(p.until) {
		return errors.New("no space left on device")
	}
	return p.near.Fetch(ctx, name, path)
}

func (p near) put(name string, text []byte) {
	if err := os.WriteFile(p.At(name), text, 0o666); err != nil {
		panic(err)
	}
}

// fake is an engine that is told to stop. settle is how long it may be silent.
type fake struct {
	engine.Engine // of which nothing else is called
	exports       []engine.Export
	stop          func(ctx context.Context) error
	settle        time.Duration
	concluded     *engine.Collected
}

func (f *fake) Exports() []engine.Export                             { return f.exports }
func (f *fake) StopProfile(ctx context.Context) error                { return f.stop(ctx) }
func (f *fake) SettleTime(context.Context) time.Duration             { return f.settle }
func (f *fake) Conclude(_ context.Context, c engine.Collected) error { f.concluded = &c; return nil }

// after answers a stop after so long by the bubble's clock (testing/synctest), which waits for nothing.
func after(d time.Duration) func(context.Context) error {
	return func(context.Context) error { time.Sleep(d); return nil }
}

// at runs each function at its time from now, in a goroutine of the bubble.
func at(script map[time.Duration]func()) {
	for d, f := range script {
		time.AfterFunc(d, f)
	}
}

const rank0, rank1 = "rank0.1795536134753873994.pt.trace.json", "rank1.1795536134753873995.pt.trace.json"

func text(rank int) []byte { return enginetest.Trace(rank, 2, 3) }

func ranks(r collect.Result) string {
	var list []string
	for _, f := range r.Files {
		list = append(list, fmt.Sprintf("%d %s %s", f.Rank, f.Verdict, filepath.Base(f.Path)))
	}
	return strings.Join(list, ", ")
}

// Whatever a file does before it is whole, it is waited for as long as something moves, and no longer.
func TestWhatIsWaitedFor(t *testing.T) {
	const settle = 5 * time.Second
	half := func(rank int) []byte { return text(rank)[:len(text(rank))/2] }
	for _, c := range []struct {
		name   string
		stop   time.Duration // until it is answered
		script func(put func(string, []byte)) map[time.Duration]func()
		want   string
		over   time.Duration // when it is, at the latest; far places are listed every second
	}{
		{"there when the stop is answered", time.Second, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){time.Millisecond: func() { put(rank0, text(0)); put(rank1, text(1)) }}
		}, "0 whole " + rank0 + ", 1 whole " + rank1, 3 * time.Second},
		{"one grows", 0, func(put func(string, []byte)) map[time.Duration]func() {
			script := map[time.Duration]func(){time.Second: func() { put(rank0, nil) }, 2 * time.Second: func() { put(rank1, text(1)) }}
			for i := range 10 {
				script[time.Duration(3+4*i)*time.Second] = func() { put(rank0, text(0)[:len(text(0))*(i+1)/10]) }
			}
			return script
		}, "0 whole " + rank0 + ", 1 whole " + rank1, 42 * time.Second},
		{"one comes late", 0, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put(rank0, text(0)) }, 4 * time.Second: func() { put(rank1, text(1)) }}
		}, "0 whole " + rank0 + ", 1 whole " + rank1, 7 * time.Second},
		{"one comes too late", 0, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put(rank0, text(0)) }, 20 * time.Second: func() { put(rank1, text(1)) }}
		}, "0 whole " + rank0, 9 * time.Second},
		{"one stays cut off", 0, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put(rank0, text(0)); put(rank1, half(1)) }}
		}, "0 whole " + rank0 + ", 1 damaged " + rank1, 9 * time.Second},
		{"one is truncated while the stop is open", 8 * time.Second, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put(rank0, text(0)) }, 4 * time.Second: func() { put(rank0, half(0)) }}
		}, "0 damaged " + rank0, 15 * time.Second},
		{"one is no trace, whatever its name", 0, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put(rank0, text(0)); put(rank1, []byte(`{"nodes":[]}`)) }}
		}, "0 whole " + rank0 + ", 1 no trace " + rank1, 9 * time.Second},
		{"nobody ever writes", 0, func(func(string, []byte)) map[time.Duration]func() { return nil }, "", 7 * time.Second},
		{"another file is no trace", 0, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put("server_args.json", []byte(`{"model":"x"}`)); put("notes.txt", text(1)); put("named", nil) }}
		}, "", 8 * time.Second},
		{"traces of other names", 0, func(put func(string, []byte)) map[time.Duration]func() {
			return map[time.Duration]func(){0: func() { put("trace-rank-0.json", text(0)); put("trace-rank-1.json", text(1)) }}
		}, "0 whole trace-rank-0.json, 1 whole trace-rank-1.json", 3 * time.Second},
	} {
		for _, kind := range []string{"far", "near", "in the capture"} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					e := &fake{settle: settle, stop: after(c.stop)}
					var put func(string, []byte)
					into := t.TempDir()
					switch kind {
					case "far":
						p := newFar("node1:/traces")
						put, e.exports = p.put, []engine.Export{{Place: p, Ranks: 2}}
					case "near":
						p := near{engine.Directory(dir)}
						put, e.exports = p.put, []engine.Export{{Place: p, Ranks: 2}}
					default:
						p := near{engine.Directory(into)}
						put, e.exports = p.put, []engine.Export{{Place: p, Ranks: 2}}
					}
					put("rank0.1.pt.trace.json", text(0)) // of an earlier profile
					collection, err := collect.Begin(t.Context(), e, into, nil)
					if err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					at(c.script(put))
					r := collection.Stop(t.Context())
					if took := time.Since(began); took > c.over {
						t.Errorf("over after %v, want %v at most", took, c.over)
					}
					if got := ranks(r); got != c.want {
						t.Errorf("got %q, want %q", got, c.want)
					}
					if r.StopTook < c.stop || r.Err != nil {
						t.Errorf("stop took %v, error %v", r.StopTook, r.Err)
					}
					for _, f := range r.Files {
						if filepath.Dir(f.Path) != into {
							t.Errorf("%s is not in the capture", f.Path)
						}
						if again, _ := ondisk.CheckTrace(t.Context(), f.Path); again.SHA256 != f.SHA256 || again.Verdict != f.Verdict || again.Problem != f.Problem {
							t.Errorf("%s: said to be %+v, and is %+v", f.Path, f.File, again)
						}
					}
					left, _ := filepath.Glob(filepath.Join(into, ".*"))
					if len(left) > 0 {
						t.Errorf("left behind: %v", left)
					}
					synctest.Wait()
				})
			})
		}
	}
}

// A place that cannot be reached for a while is asked again, for listing and for fetching.
func TestUnreachable(t *testing.T) {
	away := errors.New("connection refused")
	synctest.Test(t, func(t *testing.T) {
		p := newFar("node1:/traces")
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 1}}, settle: 20 * time.Second, stop: after(0)}
		into := t.TempDir()
		c, err := collect.Begin(t.Context(), e, into, nil)
		if err != nil {
			t.Fatal(err)
		}
		at(map[time.Duration]func(){
			0:               func() { p.fail(away, nil) },
			4 * time.Second: func() { p.put(rank0, text(0)); p.fail(nil, away) },
			9 * time.Second: func() { p.fail(nil, nil) },
		})
		if r := c.Stop(t.Context()); ranks(r) != "0 whole "+rank0 {
			t.Errorf("got %q", ranks(r))
		}
		if e.concluded == nil || !e.concluded.Complete || e.concluded.Places[0].Err != nil {
			t.Errorf("concluded %+v", e.concluded)
		}
	})
	synctest.Test(t, func(t *testing.T) { // and one that stays away is told of
		p := newFar("node1:/traces")
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 1}}, settle: 5 * time.Second, stop: after(0)}
		into := t.TempDir()
		c, err := collect.Begin(t.Context(), e, into, nil)
		if err != nil {
			t.Fatal(err)
		}
		p.put(rank0, text(0)[:100])
		at(map[time.Duration]func(){4500 * time.Millisecond: func() { p.put(rank0, text(0)[:200]) }, 5100 * time.Millisecond: func() { p.fail(away, nil) }})
		if r := c.Stop(t.Context()); len(r.Files) > 0 || !errors.Is(e.concluded.Places[0].Err, away) || e.concluded.Complete {
			t.Errorf("files %v, concluded %+v", r.Files, e.concluded)
		}
		if left, err := os.ReadDir(into); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if _, err := collect.Begin(t.Context(), e, t.TempDir(), nil); !errors.Is(err, away) || !strings.Contains(err.Error(), "traces of node1:/traces") {
			t.Errorf("begin: %v", err)
		}
	})
}

// So is a whole file here that could not be copied, though it has not changed.
func TestNoRoomForAWhile(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := full{near{engine.Directory(dir)}, time.Now().Add(3 * time.Second)}
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 1}}, settle: 5 * time.Second, stop: after(0)}
		c, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.put(rank0, text(0))
		began := time.Now()
		if r := c.Stop(t.Context()); ranks(r) != "0 whole "+rank0 || time.Since(began) > 3100*time.Millisecond {
			t.Errorf("got %q after %v", ranks(r), time.Since(began))
		}
	})
}

// Where no room is made, that is told while it is waited for, and where the whole trace stays in the end.
func TestNoRoom(t *testing.T) {
	dir, into := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := full{near{engine.Directory(dir)}, time.Now().Add(time.Hour)}
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 1}}, settle: 5 * time.Second, stop: after(0)}
		var said []string
		c, err := collect.Begin(t.Context(), e, into, func(text string) { said = append(said, text) })
		if err != nil {
			t.Fatal(err)
		}
		p.put(rank0, text(0))
		r := c.Stop(t.Context())
		if len(r.Files) > 0 || !r.NoRoom {
			t.Errorf("got %+v", r)
		}
		if last := said[len(said)-1]; !strings.Contains(last, "rank 0: no room for it in the capture") {
			t.Errorf("said %q last", last)
		}
		problem := e.concluded.Places[0].Files[0].Problem
		for _, part := range []string{"it stays whole in " + dir, "no room for it in " + into, "free some space"} {
			if !strings.Contains(problem, part) {
				t.Errorf("problem %q does not say %q", problem, part)
			}
		}
	})
}

// Two traces of one rank are not two ranks, and one that is cut off does not stand for it beside a whole one.
func TestTwoOfOneRank(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := near{engine.Directory(dir)}
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 2}}, settle: 5 * time.Second, stop: after(0)}
		c, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		at(map[time.Duration]func(){
			0: func() {
				p.put(rank0, text(0))
				p.put("again_"+rank0, text(0))
				p.put("rank0.1095536134753873994.pt.trace.json", text(0)[:300])
			},
			3 * time.Second: func() { p.put(rank1, text(1)) },
		})
		if got := ranks(c.Stop(t.Context())); !strings.HasPrefix(got, "0 whole "+rank0+", 1 whole "+rank1) || !e.concluded.Complete {
			t.Errorf("got %q", got)
		}
	})
}

// Two places may use the same names: nothing is lost, and their ranks are counted through.
func TestEqualNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFar("node1:/traces"), newFar("node2:/traces")
		e := &fake{exports: []engine.Export{{Place: a, Ranks: 2}, {Place: b, Ranks: 2}}, settle: time.Second, stop: after(0)}
		c, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*far{a, b} {
			p.put(rank0, text(0))
			p.put(rank1, text(1))
		}
		want := "0 whole " + rank0 + ", 1 whole " + rank1 + ", 2 whole server2_" + rank0 + ", 3 whole server2_" + rank1
		if got := ranks(c.Stop(t.Context())); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Each file is read, and so fetched, once for each state that it was quiet in.
func TestFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFar("node1:/traces")
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 2}}, settle: 30 * time.Second, stop: after(0)}
		c, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		p.put(rank1, text(1)[:100])
		script := map[time.Duration]func(){20500 * time.Millisecond: func() { p.put(rank1, text(1)) }}
		for i := range 10 { // in between two listings each
			script[time.Duration(700*i+100)*time.Millisecond] = func() { p.put(rank0, text(0)[:len(text(0))*(i+1)/10]) }
		}
		at(script)
		if got := ranks(c.Stop(t.Context())); !strings.Contains(got, "1 whole") {
			t.Errorf("got %q", got)
		}
		if diff := cmp.Diff(map[string]int{rank0: 1, rank1: 2}, p.fetched); diff != "" {
			t.Errorf("fetched (-want +got):\n%s", diff)
		}
		if p.lists > 25 {
			t.Errorf("listed %d times in 21 seconds", p.lists)
		}
	})
}

// The end of a context ends the wait; the stop is told, and what is there counts.
func TestCancelled(t *testing.T) {
	dir, into := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := near{engine.Directory(dir)}
		told := make(chan struct{})
		since := time.Unix(0, 1794999000000000000) // when the fake traces begin
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 3, Since: since}}, settle: time.Hour, stop: func(ctx context.Context) error {
			<-ctx.Done()
			close(told)
			return ctx.Err()
		}}
		c, err := collect.Begin(t.Context(), e, into, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		old := []byte(strings.Replace(string(text(1)), "1794999", "1794998", 1))
		const cancelled = time.Minute - 10*time.Millisecond // between two looks: in one it would interrupt any of what that does
		at(map[time.Duration]func(){
			time.Second: func() { p.put(rank0, text(0)) },
			time.Minute - 60*time.Millisecond: func() { // seen, and not read yet
				p.put(rank1, old)
				p.put("rank2.json", text(2))
				p.put("rank1.1795536134753873999.pt.trace.json", text(1)[:300]) // being written, for all that is known
			},
			cancelled: cancel,
		})
		began := time.Now()
		r := c.Stop(ctx)
		<-told
		if took := time.Since(began); took != cancelled || ranks(r) != "0 whole "+rank0+", 2 whole rank2.json" || !r.Abandoned || r.Err != nil {
			t.Errorf("after %v: %q, %+v", took, ranks(r), r)
		}
		if files, err := os.ReadDir(into); err != nil || len(files) != 2 {
			t.Errorf("in the capture: %v, %v", files, err)
		}
	})
}

// Of the traces of one writer the one of the profile that is resumed is taken, and neither that of one that ended just before it began
// nor that of one that began since.
func TestResumeAmongOthers(t *testing.T) {
	began := time.Unix(1794999000, 0) // that is when the fake traces begin
	for name, since := range map[string]time.Time{
		"one ended before":                     began.Add(5 * time.Second),
		"one ended just before, as clocks may": began.Add(time.Second + time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) { resumeAmongOthers(t, since) })
	}
}

func resumeAmongOthers(t *testing.T, since time.Time) {
	dir, into := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		own := "rank0.1795000000000000000.pt.trace.json"
		for _, file := range []struct{ name, seconds string }{
			{"rank0.1794999000500000000.pt.trace.json", "1794999"}, {own, "1795000"}, {"rank0.1795001000000000000.pt.trace.json", "1795001"},
		} {
			if err := os.WriteFile(filepath.Join(dir, file.name), []byte(strings.ReplaceAll(string(text(0)), "1794999", file.seconds)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		e := &fake{exports: []engine.Export{{Place: near{engine.Directory(dir)}, Ranks: 1, Since: since}}, settle: 5 * time.Second, stop: after(0)}
		c, err := collect.Resume(t.Context(), e, into, since, nil)
		if err != nil {
			t.Fatal(err)
		}
		if complete, steps := c.Complete(t.Context()); !complete || steps == 0 {
			t.Errorf("complete %t, %d steps", complete, steps)
		}
		if r := c.Stop(t.Context()); ranks(r) != "0 whole "+own {
			t.Errorf("%q", ranks(r))
		}
		if files, err := os.ReadDir(into); err != nil || len(files) != 1 {
			t.Errorf("in the capture: %v, %v", files, err)
		}
	})
}

// A stop that is not answered holds the verdict up for a moment only, if it may be left to itself.
func TestUnansweredStop(t *testing.T) {
	for _, c := range []struct {
		answer   time.Duration // the trace is there after a second
		mayLeave bool
		left     bool
		over     time.Duration
	}{
		{time.Minute, true, true, 1300 * time.Millisecond},
		{time.Minute, false, false, time.Minute},
		{1170 * time.Millisecond, true, false, 1170 * time.Millisecond},
	} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			p := near{engine.Directory(dir)}
			left := false
			e := &fake{exports: []engine.Export{{Place: p, Ranks: 1}}, settle: time.Second, stop: func(ctx context.Context) error {
				if !c.mayLeave {
					ctx = context.WithoutCancel(ctx)
				}
				select {
				case <-time.After(c.answer):
				case <-ctx.Done():
					left = true
				}
				return nil
			}}
			collection, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			at(map[time.Duration]func(){time.Second: func() { p.put(rank0, text(0)) }})
			began := time.Now()
			r := collection.Stop(t.Context())
			if took := time.Since(began); left != c.left || took > c.over || r.StopTook != took || ranks(r) != "0 whole "+rank0 {
				t.Errorf("%+v: left %t, %q after %v, the stop took %v", c, left, ranks(r), took, r.StopTook)
			}
		})
	}
}

// How many traces there must be is learned from those that are there, if nobody knows.
func TestLearnedRanks(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := near{engine.Directory(dir)}
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 1, AtLeast: true, Worlds: 1}}, settle: 5 * time.Second, stop: after(0)}
		c, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		at(map[time.Duration]func(){0: func() { p.put(rank0, text(0)) }, 3 * time.Second: func() { p.put(rank1, text(1)) }})
		if got, want := ranks(c.Stop(t.Context())), "0 whole "+rank0+", 1 whole "+rank1; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if !slices.Equal(e.concluded.Ranks, []int{2}) {
			t.Errorf("ranks %v", e.concluded.Ranks)
		}
	})
}

// A late trace of an earlier profile is left out; temporary files of writers are something that moves.
func TestEarlierAndTemporary(t *testing.T) {
	dir, scratch := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", scratch)
	old := filepath.Join(scratch, "tmpold.json")
	if err := os.WriteFile(old, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p := near{engine.Directory(dir)}
		ends := time.Unix(0, 1794999000000000000) // of the fake traces
		e := &fake{exports: []engine.Export{{Place: p, Ranks: 2, Since: ends.Add(time.Minute)}}, settle: 5 * time.Second, stop: after(0)}
		var told []string
		c, err := collect.Begin(t.Context(), e, t.TempDir(), func(text string) { told = append(told, text) })
		if err != nil {
			t.Fatal(err)
		}
		growing := near{engine.Directory(scratch)}
		script := map[time.Duration]func(){0: func() { p.put(rank1, text(1)) }}
		for i := range 10 {
			script[time.Duration(1+4*i)*time.Second] = func() {
				growing.put("tmpnew.json.tmp", make([]byte, 1_000_000*(i+1)))
				growing.put("tmpold.json", make([]byte, i+1))
			}
		}
		at(script)
		began := time.Now()
		r := c.Stop(t.Context())
		if took := time.Since(began); took < 41*time.Second || took > 43*time.Second {
			t.Errorf("over after %v, want 5 s after the last growth at 37 s", took)
		}
		if f := e.concluded.Places[0].Files; len(r.Files) > 0 || len(f) != 1 || !f[0].Earlier || f[0].Kept {
			t.Errorf("files %v, concluded %+v", r.Files, e.concluded)
		}
		if diff := cmp.Diff([]string{filepath.Join(scratch, "tmpnew.json.tmp")}, r.Temporary); diff != "" {
			t.Errorf("temporary (-want +got):\n%s", diff)
		}
		if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, "0 of 2 ranks whole; tmpnew.json.tmp: 10.00 MB") }) {
			t.Errorf("told %q", told[max(0, len(told)-3):])
		}
	})
}

// Data-parallel engines may each count their ranks from 0. A name may tell which engine a trace is of; if it does not, the
// order does. Files that are no rank's have none.
func TestRanks(t *testing.T) {
	for _, c := range []struct {
		name   string
		export engine.Export
		names  []string
		want   []int // by name
	}{
		{"two engines", engine.Export{Ranks: 4, Worlds: 2}, []string{"dp0_pp0_tp0_dcp0_ep0_rank0.1.pt.trace.json", "dp0_pp0_tp1_dcp0_ep1_rank1.1.pt.trace.json",
			"dp1_pp0_tp0_dcp0_ep2_rank0.1.pt.trace.json", "dp1_pp0_tp1_dcp0_ep3_rank1.1.pt.trace.json"}, []int{0, 1, 2, 3}},
		{"one of two engines", engine.Export{Ranks: 4, Worlds: 2}, []string{"dp1_pp0_tp0_dcp0_ep2_rank0.1.pt.trace.json", "dp1_pp0_tp1_dcp0_ep3_rank1.1.pt.trace.json"}, []int{2, 3}},
		{"ranks of all", engine.Export{Ranks: 4, Worlds: 2}, []string{"dp1_pp0_tp0_dcp0_ep2_rank2.1.pt.trace.json", "dp1_pp0_tp1_dcp0_ep3_rank3.1.pt.trace.json"}, []int{2, 3}},
		{"one engine of many experts", engine.Export{Ranks: 4, Worlds: 1}, []string{"dp1_pp0_tp0_dcp0_ep2_rank1.1.pt.trace.json"}, []int{1}},
		{"two servers", engine.Export{Ranks: 4, Worlds: 2}, []string{"server1_rank0.1.pt.trace.json", "server1_rank1.1.pt.trace.json", "server2_rank0.1.pt.trace.json", "server2_rank1.1.pt.trace.json"}, []int{0, 1, 2, 3}},
		{"no rank's", engine.Export{Ranks: 2}, []string{"vm_1.async_llm.1.pt.trace.json", "graph_capture_rank_0.1.pt.trace.json", "merged-1.trace.json", "rank1.1.pt.trace.json"}, []int{1, -1, -1, -1}},
		{"the second node alone", engine.Export{Ranks: 2, Worlds: 1}, []string{"rank2.1.pt.trace.json", "rank3.1.pt.trace.json"}, []int{2, 3}},
		{"no rank in the name", engine.Export{Ranks: 2}, []string{"host_1.1.pt.trace.json", "rank0.1.pt.trace.json"}, []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p := near{engine.Directory(dir)}
				c.export.Place = p
				e := &fake{exports: []engine.Export{c.export}, stop: func(context.Context) error {
					for _, name := range c.names {
						world := 2
						text := enginetest.Trace(0, world, 1)
						if strings.HasPrefix(name, "host") {
							text = []byte(strings.Replace(string(text), `"distributedInfo":`, `"other":`, 1))
						}
						p.put(name, text)
					}
					return nil
				}}
				collection, err := collect.Begin(t.Context(), e, t.TempDir(), nil)
				if err != nil {
					t.Fatal(err)
				}
				var got []int
				for _, f := range collection.Stop(t.Context()).Files {
					got = append(got, f.Rank)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("ranks %v, want %v", got, c.want)
				}
			})
		})
	}
}
