package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// TestMain gives the scripts the command inferprof, with a few engines that ours has not: fake works, the others each
// go wrong in one way.
func TestMain(m *testing.M) {
	fakes := map[string]*enginetest.Script{
		"fake":         {},
		"fake-unready": {OpenErr: errors.New("model x: config.json: unknown architecture: it runs OPT and Llama models")},
		"fake-lost":    {Trace: only(0, enginetest.Trace(0, 2, 3))},
		"fake-cut":     {Trace: func(rank int) []byte { t := enginetest.Trace(rank, 1, 3); return t[:len(t)-80] }},
		"fake-dies": {Generate: func(_ context.Context, round int) error {
			if round == 1 {
				return errors.New("out of memory")
			}
			return nil
		}},
		"fake-waits": {Generate: waitInRound(1)},
		"fake-stuck": {Generate: waitInRound(1), Stop: func() {
			fmt.Fprintln(os.Stderr, "fake: stopping")
			select {} // until the process is ended
		}},
	}
	testscript.Main(m, map[string]func(){"inferprof": func() {
		for name, script := range fakes {
			engine.Register(name, script.Open)
		}
		tellAfter, tellEvery = time.Hour, time.Hour
		main()
	}})
}

func only(rank int, text []byte) func(int) []byte {
	return func(r int) []byte {
		if r == rank {
			return text
		}
		return nil
	}
}

// waitInRound makes a round of generating say so and wait for its context to end.
func waitInRound(n int) func(context.Context, int) error {
	return func(ctx context.Context, round int) error {
		if round != n {
			return nil
		}
		fmt.Fprintln(os.Stderr, "fake: generating")
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and checks its exit code: exits 2 inferprof run --bogus. An error is one line, after those of a
// sweep's captures.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v exited with %d, want %d", args[1:], got, want)
	}
	stderr := ts.ReadFile("stderr")
	for strings.HasPrefix(stderr, "✓ ") || strings.HasPrefix(stderr, "✗ ") {
		_, stderr, _ = strings.Cut(stderr, "\n")
	}
	if want != 0 {
		oneLineOnly(ts, stderr)
	}
}

func oneLineOnly(ts *testscript.TestScript, text string) {
	for i, r := range text {
		if r == '\n' && i != len(text)-1 {
			ts.Fatalf("an error of more than one line:\n%s", text)
		}
	}
	if text == "" {
		ts.Fatalf("an error without a word on standard error")
	}
}
