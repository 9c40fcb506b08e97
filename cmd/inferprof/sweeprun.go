package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/sweep"
)

// stopWithin is how long a run may take to stop its profiler and write its traces after an interrupt.
const stopWithin = 10 * time.Minute

// runnerOf makes captures of a plan's cells by running inferprof run, each in a process of its own. What a run said is kept
// beside its capture.
func runnerOf(p *sweep.Plan) sweep.Runner {
	return func(ctx context.Context, c *sweep.Cell, dir string) error {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		args := slices.Concat([]string{"run"}, p.Run, c.Set, []string{"--no-report", "--quiet", "--capture-dir", dir})
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Args[0] = os.Args[0]
		cmd.Env = append(os.Environ(), c.Env...)
		logPath := dir + ".log" // written while the run goes on, for whoever wants to follow it
		log, err := os.Create(logPath)
		if err != nil {
			return fmt.Errorf("sweep directory %s: %w", p.Dir, words.WithoutPath(err))
		}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = io.Discard, io.MultiWriter(log, &said)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = stopWithin
		err = cmd.Run()
		if closeErr := log.Close(); closeErr != nil && err == nil {
			err = closeErr
		}
		if said.Len() == 0 {
			_ = os.Remove(logPath) // an empty log says nothing
		}
		if err != nil {
			return failureOf(said.Bytes(), err)
		}
		return nil
	}
}

// failureOf is the reason that a run gave, the last line of what it said, without our own name before it.
func failureOf(said []byte, err error) error {
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(said, []byte("?")))), "\n")
	last := strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "inferprof: ")
	if last == "" {
		return err
	}
	return errors.New(last)
}
