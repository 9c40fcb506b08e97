//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/doctor"
	"github.com/inferprof/inferprof/engine/server"
)

// served is an inferprof serve in a process of its own.
type served struct {
	*exec.Cmd
	url, dir string
}

func startServer(t *testing.T, ranks int) *served {
	t.Helper()
	s := &served{dir: t.TempDir()}
	config, err := json.Marshal(map[string]any{"profiler": "torch", "torch_profiler_dir": s.dir})
	if err != nil {
		t.Fatal(err)
	}
	s.Cmd = exec.Command("inferprof", "serve", "--port", "0", "--tensor-parallel-size", strconv.Itoa(ranks), "--profiler-config", string(config))
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the server said nothing: ", err)
	}
	s.url = strings.TrimSpace(line)
	return s
}

func (s *served) kill() {
	_ = s.Process.Kill()
	_ = s.Wait()
}

// post calls a route of the server.
func (s *served) post(t *testing.T, path string) {
	t.Helper()
	r, err := http.Post(s.url+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
}

func (s *served) args(dir string, more ...string) []string {
	return append([]string{"run", "--url", s.url, "--trace-dir", s.dir, "--capture-dir", dir, "--no-report"}, more...)
}

// A capture of our own server, from the outside.
func TestURL(t *testing.T) {
	s := startServer(t, 2)
	dir := filepath.Join(t.TempDir(), "capture")
	args := s.args(dir, "--random-input-len", "16", "--random-output-len", "4", "--max-iterations", "2")
	if runtime.GOOS == "linux" {
		i := slices.Index(args, "--trace-dir")
		args = slices.Delete(args, i, i+2) // the server's command line tells
	}
	p := start(t, args...)
	if code, said := p.end(); code != exitFine {
		t.Fatalf("exit code %d: %s", code, said)
	}
	c, err := ondisk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := c.Manifest
	if m.Status != ondisk.Complete || len(c.Traces) != 2 || m.Files[0].Steps != 2 || m.Engine.Endpoints[0].Dialect != "inferprof" {
		t.Errorf("manifest %+v", m)
	}
	if m.Throughput.OutputTokens != 16 || m.Throughput.PromptTokens != 64 {
		t.Errorf("throughput %+v", m.Throughput)
	}
}

// The doctor tells what a server is without starting a profile.
func TestDoctorOfServer(t *testing.T) {
	s := startServer(t, 1)
	var stdout, stderr bytes.Buffer
	if code := execute(context.Background(), []string{"doctor", s.url, "--format", "json"}, &stdout, &stderr); code != exitFine {
		t.Logf("exit code %d: %s", code, &stderr) // of this machine: its Python or its disk
	}
	var x doctor.Examination
	if err := json.Unmarshal(stdout.Bytes(), &x); err != nil {
		t.Fatal(err)
	}
	if d := x.Server; d == nil || d.Dialect != "inferprof" || d.Profiling != "on" || !d.Bounded || !d.Metrics || d.Recording != "no" || d.Model == "" || len(d.Problems) > 0 {
		t.Errorf("server %+v", d)
	}
	if files, err := os.ReadDir(s.dir); err != nil || len(files) > 0 {
		t.Errorf("traces %v, %v", files, err)
	}
}

// Ctrl-C in the middle of a load stops the server's profiler and keeps what it wrote.
func TestURLInterrupted(t *testing.T) {
	s := startServer(t, 2)
	dir := filepath.Join(t.TempDir(), "capture")
	p := start(t, s.args(dir, "--random-output-len", "400", "--num-prompts", "20000", "--concurrency", "64", "--warmup", "0")...) // which takes minutes
	awaitRunning(t, s)
	p.signal(syscall.SIGINT)
	code, said := p.end()
	if code != exitInterrupted || !strings.Contains(said, "2 of 2 traces are whole and kept in "+dir) {
		t.Errorf("exit code %d, said %q", code, said)
	}
}

// awaitRunning waits until the server works on a request.
func awaitRunning(t *testing.T, s *served) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		r, err := http.Get(s.url + "/load")
		if err != nil {
			t.Fatal(err)
		}
		var load struct {
			Server int `json:"server_load"`
		}
		err = json.NewDecoder(r.Body).Decode(&load)
		r.Body.Close()
		if err == nil && load.Server > 0 {
			return
		}
	}
	t.Fatal("no request arrived")
}

// Whoever is killed, and whenever: what a manifest calls whole is whole, nothing that is whole gets lost, and the next look
// tells the truth. INFERPROF_KILLS=100 runs it a hundred times.
func TestURLKilled(t *testing.T) {
	kills := 4
	if n, err := strconv.Atoi(os.Getenv("INFERPROF_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var s *served
	ended := map[string]int{}
	for i := range kills {
		victim := []string{"inferprof", "server"}[i%2]
		if s == nil {
			s = startServer(t, 2)
		}
		dir := filepath.Join(t.TempDir(), "capture")
		before := s.traces(t)
		p := start(t, s.args(dir, "--random-output-len", "60", "--num-prompts", "6", "--warmup", "0")...)
		if i%4 < 2 {
			awaitRunning(t, s) // so that the profile has begun
		}
		<-time.After(time.Duration(random.Int64N(int64(500 * time.Millisecond)))) // the moment is what is tried, not waited for
		if victim == "server" {
			s.kill()
		} else if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		code, said := p.end()
		lines := strings.Count("\n"+said, "\ninferprof: ") // after what was waited for, where that takes long
		if victim == "server" && (code != exitFine && code != exitFailed || code == exitFailed && lines != 1) {
			t.Errorf("server killed: exit code %d, said %q", code, said)
		}
		ended[victim+" "+truth(t, dir, s)]++
		if victim == "server" {
			s = nil
		} else if m, err := ondisk.ReadManifest(dir); err != nil || m.RecordingSince == nil {
			s.post(t, "/stop_profile")
		} else {
			ended[s.recover(t, dir, before)]++
		}
	}
	t.Log(ended)
}

// recover ends what a killed inferprof has left on, brings both traces, and leaves nobody recording. Only of one that was killed
// before its start had come to the server, which had so many traces before, there are none; that is said. It returns which of the two.
func (s *served) recover(t *testing.T, dir string, before int) string {
	t.Helper()
	was, err := server.Describe(t.Context(), s.url, "")
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := execute(t.Context(), []string{"recover", dir, "--quiet"}, &stdout, &stderr)
	m, err := ondisk.ReadManifest(dir)
	begun := was.Recording != "no" || s.traces(t) > before
	if err != nil || m.Status != ondisk.Interrupted || m.RecordingSince != nil || begun && (code != exitFine || !slices.Equal(m.Ranks.Found, []int{0, 1})) ||
		!begun && (code != exitFailed || !strings.Contains(stderr.String(), "no new trace appeared in ")) {
		t.Errorf("recover, begun %t: exit code %d, said %q; manifest %+v, %v", begun, code, &stderr, m, err)
	}
	if d, err := server.Describe(t.Context(), s.url, ""); err != nil || d.Recording != "no" {
		t.Errorf("after recover: %+v, %v", d, err)
	}
	if !begun {
		return "not begun"
	}
	return "recovered"
}

// traces is how many the server has written.
func (s *served) traces(t *testing.T) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.pt.trace.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// truth checks a capture whose maker or server was killed, and says in a word what there is of it.
func truth(t *testing.T, dir string, s *served) string {
	t.Helper()
	all, err := ondisk.OpenAll(dir)
	if err != nil {
		if _, statErr := os.Stat(dir); statErr == nil && !strings.Contains(err.Error(), "no trace") {
			t.Errorf("%s is there, and: %v", dir, err)
		}
		return "nothing"
	}
	c := all[0]
	files, err := c.Verify(t.Context(), nil)
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if f.Verdict == ondisk.Whole && c.Manifest.Status == ondisk.Complete {
			continue
		}
		if c.Manifest.Status == ondisk.Complete {
			t.Errorf("a complete capture with %+v", f)
		}
	}
	for _, f := range c.Manifest.Files {
		if f.Verdict == ondisk.Whole {
			if _, err := os.Stat(filepath.Join(s.dir, f.Path)); err != nil {
				t.Errorf("the server's own file is gone: %v", err)
			}
		}
	}
	return string(c.Manifest.Status)
}
