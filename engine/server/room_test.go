package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/sampling"
)

// What is known decides; what is not is said. A server that dies of a file that it can't write is not told to write one
// unless somebody could.
func TestJudge(t *testing.T) {
	failed := func(err error) trial {
		return trial{at: "/x", err: &fs.PathError{Op: "open", Path: "/x/.inferprof-trial-1", Err: err}}
	}
	fine := trial{at: "/x"}
	for _, c := range []struct {
		name            string
		dialect         string
		writable        verdict
		trial           trial
		ours            bool
		refused, warned string
	}{
		{"all is well", "sglang", yes, fine, true, "", ""},
		{"another user's, who may", "sglang", yes, fine, false, "", ""},
		{"another user's, who may and we may not", "sglang", yes, failed(syscall.EACCES), false, "", ""},
		{"ours, whose root is nobody there", "sglang", yes, failed(syscall.EACCES), true, "a small file can't: permission denied: name a directory", ""},
		{"who may, and a full disk", "sglang", yes, failed(syscall.ENOSPC), false, "no space left on device", ""},
		{"the same user's", "sglang", unknown, fine, true, "", ""},
		{"the same user's, who may not", "vllm-body", unknown, failed(syscall.EACCES), true, "permission denied", ""},
		{"far away", "sglang", unknown, fine, false, "", "whether the server may, with rights of its own, is not known"},
		{"far away, and full", "vllm-body", unknown, failed(syscall.ENOSPC), false, "no space left on device", ""},
		{"far away, and we may not", "vllm-body", unknown, failed(syscall.EACCES), false, "", "can't be written to /x (permission denied)"},
		{"far away, read-only here", "vllm-body", unknown, failed(syscall.EROFS), false, "", "(read-only file system)"},
		{"no shell there", "sglang", unknown, trial{err: errors.New("sh: not found")}, true, "", "could not be tried: sh: not found"},
		{"far away, and it dies of it", "sglang", unknown, failed(syscall.EACCES), false, "by --trace-dir or --collect; nothing was started", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &endpoint{client: &client{base: "http://s"}, dialect: dialectNamed(c.dialect)}
			warning, err := p.judge(site{dir: "/x", writable: c.writable}, c.trial, c.ours)
			if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) ||
				(warning != "") != (c.warned != "") || !strings.Contains(warning, c.warned) {
				t.Errorf("error %v, warning %q", err, warning)
			}
		})
	}
}

// tried is a directory on another machine whose trial went as a test has it.
type tried struct {
	ssh
	trial trial
}

func (p *tried) try(context.Context) trial { return p.trial }

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		name            string
		servers         int
		trial           trial
		refused, warned string
	}{
		{"enough", 2, trial{free: 1 << 40, temp: "/tmp", tempFree: 1 << 40}, "", ""},
		{"nobody tells", 1, trial{free: -1, temp: "/tmp", tempFree: -1}, "", ""},
		{"a little", 1, trial{free: 900_000}, "900.0 kB are free in /x and about 16.78 MB are needed (10 steps of 1 rank): free some, or", ""},
		{"enough for one", 2, trial{free: 20 << 20}, "", "about 33.55 MB are needed (10 steps of 2 ranks)"},
		{"little for temporary files", 1, trial{free: 1 << 40, temp: "/tmp", tempFree: 5e6}, "", "5.000 MB are free in /tmp (to which each trace is first written uncompressed) and about 16.78 MB are needed"},
		{"one disk for both", 1, trial{free: 20 << 20, disk: disk{"h", "/"}, temp: "/tmp", tempFree: 20 << 20, tempDisk: disk{"h", "/"}}, "",
			"20.97 MB are free on the disk of /x and /tmp (to which each trace is first written uncompressed) and about 33.55 MB are needed (10 steps of 1 rank)"},
		{"two disks", 1, trial{free: 20 << 20, disk: disk{"h", "/x"}, temp: "/tmp", tempFree: 20 << 20, tempDisk: disk{"h", "/"}}, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &Engine{}
			e.config.Profiler.MaxIterations = 10
			c.trial.at = "/x"
			at := &tried{trial: c.trial}
			e.places = []place{at}
			for range c.servers {
				e.endpoints = append(e.endpoints, &endpoint{client: &client{base: "http://s"}, dialect: dialectNamed("vllm-body"), place: at, engines: 1})
			}
			e.doors = e.endpoints
			err := e.checkRoom(t.Context(), []engine.Request{{Params: sampling.Params{MaxTokens: 100}}})
			said := strings.Join(e.Warnings(), "; ")
			if (err != nil) != (c.refused != "") || err != nil && !strings.Contains(err.Error(), c.refused) || !strings.Contains(said, c.warned) ||
				c.warned == "" && strings.Contains(said, "needed") {
				t.Errorf("error %v, warned %q", err, said)
			}
		})
	}
}

// What several servers write to one disk is summed, whatever the directories. A disk that is plainly too small is refused, one
// that is by the estimate alone is warned of.
func TestSpaces(t *testing.T) {
	const MiB = 1 << 20
	sglang := &endpoint{client: &client{base: "http://s"}, dialect: dialectNamed("sglang")}
	old := &endpoint{client: &client{base: "http://v"}, dialect: dialectNamed("vllm")}
	here, there := disk{id: "1"}, disk{id: "2"}
	needs := func(p *endpoint, dir string, temp bool, bytes int64) use {
		return use{by: p, x: expected{steps: 256, traces: 1, dirBytes: bytes, tempBytes: bytes}, dir: dir, temp: temp}
	}
	type added struct {
		disk disk
		free int64
		use  use
	}
	for _, c := range []struct {
		name            string
		uses            []added
		refused, warned string
	}{
		{"enough", []added{{here, 1 << 30, needs(sglang, "/t", true, 512*MiB)}}, "", ""},
		{"nobody tells", []added{{here, -1, needs(sglang, "/t", true, 512*MiB)}}, "", ""},
		{"under the least", []added{{here, 3e6, needs(sglang, "/t", true, 16*MiB)}},
			"server http://s: 3.000 MB are free in /t (to which each trace is first written uncompressed) and about 16.78 MB are needed (256 steps of 1 rank): " +
				"free some, or start the server with TMPDIR=DIR on a larger disk; nothing was started", ""},
		{"far below", []added{{here, 100 * MiB, needs(sglang, "/t", true, 1<<30)}}, ", or record fewer steps with --max-iterations; nothing was started", ""},
		{"which it can't be told", []added{{here, 100 * MiB, needs(old, "/t", true, 1<<30)}}, "free some, or start the server with TMPDIR=DIR on a larger disk; nothing", ""},
		{"by the estimate alone", []added{{here, 300 * MiB, needs(sglang, "/t", true, 1<<30)}}, "", "; a server may die of a disk that is full"},
		{"two directories", []added{{here, 700 * MiB, needs(sglang, "/t", true, 512*MiB)}, {here, 700 * MiB, needs(old, "/u", true, 512*MiB)}}, "",
			"servers http://s, http://v: 734.0 MB are free on the disk of /t (to which each trace is first written uncompressed) and /u (to"},
		{"of two disks", []added{{here, 700 * MiB, needs(sglang, "/t", true, 512*MiB)}, {there, 700 * MiB, needs(old, "/u", true, 512*MiB)}}, "", ""},
		{"traces and what is before them", []added{{here, 20 * MiB, needs(old, "/x", false, 90*MiB)}, {here, 20 * MiB, needs(old, "/t", true, 90*MiB)}},
			"on the disk of /x and /t (to which each trace is first written uncompressed) and about 188.7 MB are needed (256 steps of 1 rank): " +
				"free some, start the server with a torch_profiler_dir that it may write to, with room, or start the server with TMPDIR=DIR", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list spaces
			for _, a := range c.uses {
				list.add(a.disk, a.free, a.use)
			}
			var refused, warned string
			for _, s := range list {
				warning, err := s.check()
				if warned += warning; err != nil {
					refused += err.Error()
				}
			}
			if (refused != "") != (c.refused != "") || !strings.Contains(refused, c.refused) || (warned != "") != (c.warned != "") || !strings.Contains(warned, c.warned) {
				t.Errorf("refused %q, warned %q", refused, warned)
			}
		})
	}
}

// Directories of one disk are told to be so, whatever their names.
func TestDiskOf(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "below")
	if err := os.Mkdir(below, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, ok := host.FileSystem(dir); ok && diskOf(dir) != diskOf(below) {
		t.Errorf("%v, %v", diskOf(dir), diskOf(below))
	}
	if d := diskOf(dir + "/not there"); d.id != dir+"/not there" {
		t.Errorf("%v", d)
	}
}

// Only who may just what we may is told by what we may.
func TestSameRights(t *testing.T) {
	ours := rights{known: true, uid: 7, groups: []uint32{7, 4, 4}}
	for _, c := range []struct {
		theirs rights
		want   bool
	}{
		{rights{known: true, uid: 7, groups: []uint32{4, 7}}, true},
		{rights{known: true, uid: 8, groups: []uint32{4, 7}}, false},
		{rights{known: true, uid: 7, groups: []uint32{4, 7, 9}}, false},
		{rights{known: true, uid: 7, groups: []uint32{4, 7}, anyFile: true}, false},
		{rights{known: true, uid: 7, groups: []uint32{4, 7}, foreign: true}, false},
		{rights{uid: 7, groups: []uint32{4, 7}}, false},
	} {
		if got := ours.same(c.theirs); got != c.want {
			t.Errorf("%+v: %t", c.theirs, got)
		}
	}
}

// A profile is expected to hold no more steps than it may, nor more than the workload has tokens for.
func TestExpectedSteps(t *testing.T) {
	requests := func(n, tokens int) []engine.Request {
		list := make([]engine.Request, n)
		for i := range list {
			list[i].Params.MaxTokens = tokens
		}
		return list
	}
	told := func(n int) *int { return &n }
	for _, c := range []struct {
		dialect   string
		bound     int
		told      *int
		requests  []engine.Request
		server    engine.ServerConfig
		min, most int
	}{
		{"sglang", 5, nil, requests(8, 100), engine.ServerConfig{}, 5, 5},
		{"sglang", 256, nil, requests(4, 6), engine.ServerConfig{}, 6, 24 + 4},
		{"sglang", 0, nil, requests(4, 1000), engine.ServerConfig{}, 1000, 1100},
		{"sglang", 0, nil, requests(8, 100), engine.ServerConfig{Concurrency: 1}, 800, 900},
		{"sglang", 0, nil, requests(8, 100), engine.ServerConfig{RequestRate: 1}, 400, 900},
		{"vllm", 5, nil, requests(1, 100), engine.ServerConfig{}, 100, 110}, // which can't be told
		{"vllm", 5, told(7), requests(1, 100), engine.ServerConfig{}, 7, 7},
		{"vllm-body", 0, told(7), requests(1, 100), engine.ServerConfig{}, 100, 110}, // a start without a bound has none
		{"vllm", 0, nil, nil, engine.ServerConfig{NoLoad: true, Duration: 10 * time.Second}, 10, 1000},
		{"sglang", 20, nil, nil, engine.ServerConfig{NoLoad: true, Duration: 10 * time.Second}, 20, 20},
	} {
		p := &endpoint{dialect: dialectNamed(c.dialect), told: settings{MaxIterations: c.told}}
		e := &Engine{endpoints: []*endpoint{p}, doors: []*endpoint{p}, server: c.server}
		e.config.Server, e.config.Profiler.MaxIterations = &c.server, c.bound
		if got := e.steps(p, c.requests); got < c.min || got > c.most {
			t.Errorf("%+v: %d steps", c, got)
		}
	}
}

// What is recorded besides, and how it is written, is in the estimate.
func TestExpectedSize(t *testing.T) {
	size := func(dialect string, told settings, profiler engine.ProfilerConfig) expected {
		p := &endpoint{dialect: dialectNamed(dialect), told: told, engines: 1}
		e := &Engine{endpoints: []*endpoint{p}, doors: []*endpoint{p}}
		profiler.MaxIterations = 256
		e.config.Profiler = profiler
		return e.expect(p, []engine.Request{{Params: sampling.Params{MaxTokens: 1000}}})
	}
	plain := size("vllm-body", settings{WithStack: new(false), known: true}, engine.ProfilerConfig{})
	if plain.tempBytes <= plain.dirBytes || plain.dirBytes < leastBytes {
		t.Errorf("%+v", plain)
	}
	for name, x := range map[string]expected{
		"vLLM's default":      size("vllm-body", settings{known: true}, engine.ProfilerConfig{}),
		"asked of SGLang":     size("sglang", settings{}, engine.ProfilerConfig{WithStack: true}),
		"shapes of SGLang":    size("sglang", settings{}, engine.ProfilerConfig{RecordShapes: true}),
		"shapes, as vLLM has": size("vllm-body", settings{WithStack: new(false), RecordShapes: new(true)}, engine.ProfilerConfig{}),
	} {
		if x.tempBytes <= plain.tempBytes {
			t.Errorf("%s: %+v, no more than %+v", name, x, plain)
		}
	}
	if x := size("vllm-body", settings{}, engine.ProfilerConfig{WithStack: true}); x != plain {
		t.Errorf("nobody knows of stacks: %+v, want %+v", x, plain)
	}
	// A worker that waits fills a trace with stacks, however few steps there are.
	p := &endpoint{dialect: dialectNamed("vllm-body"), told: settings{known: true}, engines: 1}
	idle := &Engine{endpoints: []*endpoint{p}, doors: []*endpoint{p}, server: engine.ServerConfig{NoLoad: true, Duration: time.Minute}}
	idle.config.Server, idle.config.Profiler.MaxIterations = &idle.server, 1
	if x := idle.expect(p, nil); x.tempBytes < 60*waitBytesPerS {
		t.Errorf("a minute of waiting: %+v", x)
	}
	if with, without := size("vllm-body", settings{known: true}, engine.ProfilerConfig{}), size("vllm-body", settings{IgnoreFront: new(true), known: true}, engine.ProfilerConfig{}); with.tempBytes <= without.tempBytes || !with.front || without.front {
		t.Errorf("the API server counts for nothing: %+v, %+v", with, without)
	}
	if x := size("inferprof", settings{known: true}, engine.ProfilerConfig{}); x.tempBytes != 0 || x.stacks {
		t.Errorf("inferprof serve: %+v", x)
	}
	if x := size("vllm-body", settings{UseGzip: new(false), WithStack: new(false)}, engine.ProfilerConfig{}); x.tempBytes != 0 || x.dirBytes != plain.tempBytes {
		t.Errorf("uncompressed: %+v", x)
	}
}

func TestParseTrial(t *testing.T) {
	df := "overlay 103081248 67085240 30713744 69% /a b\n"
	for _, c := range []struct {
		text string
		want trial
		err  string
	}{
		{"at /x\nwrote\nroom " + df + "temp /tmp\ntemproom tmp fs 900 100 800 12% /tmp\n", trial{at: "/x", free: 30713744 << 10, disk: disk{id: "/a b"}, temp: "/tmp", tempFree: 800 << 10, tempDisk: disk{id: "/tmp"}}, ""},
		{"at /x\nfailed sh: /x/.f: Permission denied\nroom \ntemp /tmp\ntemproom \n", trial{at: "/x", free: -1, temp: "/tmp", tempFree: -1}, "sh: /x/.f: Permission denied"},
		{"at /x\n", trial{at: "/x", free: -1, tempFree: -1}, "broke off"},
		{"", trial{free: -1, tempFree: -1}, ""},
		{"at /x\nwrote\nroom Filesystem 1024-blocks Used Available Capacity Mounted on\n", trial{at: "/x", free: -1, tempFree: -1}, ""},
	} {
		got := parseTrial(c.text)
		if (got.err != nil) != (c.err != "") || got.err != nil && !strings.Contains(got.err.Error(), c.err) {
			t.Errorf("%q: %v", c.text, got.err)
		}
		if got.err = nil; got != c.want {
			t.Errorf("%q: %+v, want %+v", c.text, got, c.want)
		}
	}
}

func FuzzTrial(f *testing.F) {
	f.Add("at /x\nwrote\nroom overlay 1 2 3 4% /\ntemp /tmp\ntemproom x 5% 6%\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := parseTrial(text); got.free < -1 || got.tempFree < -1 {
			t.Errorf("%+v", got)
		}
	})
}

// A trial leaves nothing behind, however it went, and makes no directory.
func TestTry(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := tryFile(file + "/x"); err == nil {
		t.Error("below what is not there")
	}
	if err := tryFile(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over what is there: %v", err)
	}
	sh := func(d string) trial {
		return remoteTry(context.Background(), "node1", "node1:"+d, trialCommand(d))
	}
	for _, d := range []string{dir, filepath.Join(dir, "not", "there")} {
		l := local{engine.Directory(d), d}
		for how, got := range map[string]trial{"here": l.try(t.Context()), "by a shell": sh(d)} {
			if got.at != dir || got.err != nil || got.free == 0 {
				t.Errorf("%s, %s: %+v", d, how, got)
			}
		}
	}
	if err := tryFile(file); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
