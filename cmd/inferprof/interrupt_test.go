//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/inferprof/inferprof/capture/ondisk"
)

// process is an inferprof whose standard error is read line by line.
type process struct {
	*exec.Cmd
	t      *testing.T
	stdout bytes.Buffer
	stderr *bufio.Reader
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	minded(t)
	return startCommand(t, exec.Command("inferprof", args...))
}

// minded makes processes that the test starts mind signals, even where the tests run under nohup or in the background of a
// script: what their parent ignores they would ignore too, but not what it catches.
func minded(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if signal.Ignored(s) {
			caught := make(chan os.Signal, 1)
			signal.Notify(caught, s)
			t.Cleanup(func() { signal.Stop(caught) })
		}
	}
}

func startCommand(t *testing.T, c *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: c, t: t}
	p.Stdout = &p.stdout
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stderr = bufio.NewReader(pipe)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// await reads standard error up to a line that holds text.
func (p *process) await(text string) {
	p.t.Helper()
	for {
		line, err := p.stderr.ReadString('\n')
		if err != nil {
			p.t.Fatalf("standard error ended without %q", text)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the process and returns its exit code and the rest of its standard error.
func (p *process) end() (int, string) {
	p.t.Helper()
	rest, err := io.ReadAll(p.stderr)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			p.t.Fatal(err)
		}
	}
	return p.ProcessState.ExitCode(), string(rest)
}

// Ctrl-C in the middle of generating stops the profiler and keeps its traces.
func TestInterrupt(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		dir := t.TempDir()
		p := start(t, "run", "--engine", "fake-waits", "-tp", "2", "--profile-dir", dir)
		p.await("fake: generating")
		p.signal(s)
		code, said := p.end()
		if code != exitInterrupted || !strings.Contains(said, "inferprof: interrupted: the profiler was stopped; 2 of 2 traces are whole and kept in "+dir) {
			t.Errorf("%v: exit code %d, said %q", s, code, said)
		}
		if p.stdout.Len() > 0 {
			t.Errorf("%v: standard output %q, want none", s, p.stdout.String())
		}
		c, err := ondisk.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if c.Manifest.Status != ondisk.Interrupted || len(c.Traces) != 2 {
			t.Errorf("%v: status %s, traces %v", s, c.Manifest.Status, c.Traces)
		}
	}
}

// What nohup starts does not end when the terminal goes.
func TestIgnoredHangUp(t *testing.T) {
	nohup, err := exec.LookPath("nohup")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs nohup, and Linux's /proc")
	}
	p := startCommand(t, exec.Command(nohup, "inferprof", "run", "--engine", "fake-waits", "--profile-dir", t.TempDir()))
	p.await("fake: generating")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, ignored, _ := strings.Cut(string(status), "SigIgn:\t")
	ignored, _, _ = strings.Cut(ignored, "\n")
	if mask, err := strconv.ParseUint(ignored, 16, 64); err != nil || mask&1 == 0 {
		t.Errorf("a hang-up is not ignored any more: signals %s, %v", ignored, err)
	}
}

// A signal that comes twice, to the process and to its group, is one.
func TestDoubledInterrupt(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "run", "--engine", "fake-waits", "--profile-dir", dir)
	p.await("fake: generating")
	p.signal(syscall.SIGSTOP) // so that both come at once, however late this process sends the second
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("status %v, %v", status, err)
	}
	p.signal(syscall.SIGINT)
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGCONT)
	if code, said := p.end(); code != exitInterrupted || !strings.Contains(said, "1 of 1 traces are whole") {
		t.Errorf("exit code %d, said %q", code, said)
	}
}

// A second Ctrl-C does not wait for a profiler that does not stop. (More may come before it has ended.)
func TestSecondInterrupt(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "run", "--engine", "fake-stuck", "--profile-dir", dir)
	p.await("fake: generating")
	p.signal(syscall.SIGINT)
	p.await("fake: stopping")
	ended := make(chan struct{})
	go func() { // until one comes late enough to be a second one
		for {
			select {
			case <-ended:
				return
			default:
				_ = p.Process.Signal(syscall.SIGINT)
				runtime.Gosched()
			}
		}
	}()
	code, said := p.end()
	close(ended)
	if code != exitInterrupted || !strings.Contains(said, "not waited for") && !strings.Contains(said, "aborted") {
		t.Errorf("exit code %d, said %q", code, said)
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "*", ondisk.ManifestName))
	if err != nil || len(manifests) != 1 {
		t.Fatalf("manifests %v, %v", manifests, err)
	}
	if _, err := ondisk.Open(dir); err == nil || !strings.Contains(err.Error(), "interrupted and holds no trace") {
		t.Errorf("opened again: error %v", err)
	}
}

// An interrupted sweep stops the run that goes on, and the same command continues with what is missing.
func TestInterruptedSweep(t *testing.T) {
	dir := t.TempDir()
	args := []string{"sweep", "--set", "engine=fake,fake-waits", "--repeat", "2", "--dir", dir, "--", "run"}
	p := start(t, args...)
	log := filepath.Join(dir, "engine=fake-waits", "run1.log")
	for {
		if said, err := os.ReadFile(log); err == nil && strings.Contains(string(said), "fake: generating") {
			break
		}
		runtime.Gosched()
	}
	p.signal(syscall.SIGINT)
	if code, said := p.end(); code != exitInterrupted || !strings.Contains(said, "3 of 4 captures are missing; the same command continues") {
		t.Errorf("exit code %d, said %q", code, said)
	}
	c, err := ondisk.Open(filepath.Join(dir, "engine=fake-waits", "run1"))
	if err != nil || c.Manifest.Status != ondisk.Interrupted {
		t.Fatalf("the run that was going on: %v", err)
	}
	// Again: what is there is not made anew, and what was interrupted stays where it is.
	p = start(t, args...)
	p.await("note: 1 of 4 captures are in")
	again := filepath.Join(dir, "engine=fake-waits", "run1-2.log")
	for {
		if said, err := os.ReadFile(again); err == nil && strings.Contains(string(said), "fake: generating") {
			break
		}
		runtime.Gosched()
	}
	p.signal(syscall.SIGTERM)
	if code, said := p.end(); code != exitInterrupted {
		t.Errorf("exit code %d, said %q", code, said)
	}
}
