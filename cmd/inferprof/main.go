// Command inferprof profiles LLM inference: it runs an engine between start and stop of its profiler, checks the traces
// that come of it, and says where the time went. One file per verb: flags in, one call, rendering out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
)

// The exit codes, as README.md documents them.
const (
	exitFine        = 0
	exitFailed      = 1 // the thing asked for failed, or a gate cannot tell
	exitUsage       = 2 // wrong usage
	exitGate        = 3 // --strict or a gate said no
	exitInterrupted = 130
)

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(vllmSpelling(args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "inferprof: "+words.OneLine(err))
	}
	return exitCode(err)
}

// gateError is a check that failed on what was asked for, not in doing it.
type gateError struct{ text string }

func (e *gateError) Error() string { return e.text }

func exitCode(err error) int {
	if err == nil {
		return exitFine
	}
	if errors.Is(err, capture.ErrInterrupted) {
		return exitInterrupted
	}
	if _, ok := errors.AsType[*engine.UsageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*gateError](err); ok {
		return exitGate
	}
	return exitFailed
}
