package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/inferprof/inferprof/internal/words"
)

// stopWithin is how long a run may take to stop its profiler and write its traces after an interrupt.
const stopWithin = 10 * time.Minute

// runCell1 makes one capture of a cell: in a process of its own, since environment variables, memory and crashes are a
// process's. It returns the capture's directory in the sweep's. What the run said is kept beside it.
func runCell1(ctx context.Context, p *sweepPlan, c *sweepCell, repeat int) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	name, err := freeName(filepath.Join(p.dir, c.Dir), "run"+strconv.Itoa(repeat+1))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(c.Dir, name)
	path := filepath.Join(p.dir, dir)
	args := slices.Concat([]string{"run"}, p.Run, c.Set, []string{"--no-report", "--quiet", "--capture-dir", path})
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), c.Env...)
	logPath := path + ".log" // written while the run goes on, for whoever wants to follow it
	log, err := os.Create(logPath)
	if err != nil {
		return "", fmt.Errorf("sweep directory %s: %w", p.dir, words.WithoutPath(err))
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
		return "", failureOf(said.Bytes(), err)
	}
	if !complete(path) {
		return "", fmt.Errorf("the run ended well and left no complete capture in %s", path)
	}
	return dir, nil
}

// freeName finds a name that nothing in dir has: what an interrupted sweep left stays where it is.
func freeName(dir, name string) (string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", fmt.Errorf("sweep directory %s: %w", dir, words.WithoutPath(err))
	}
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try += "-" + strconv.Itoa(n)
		}
		if _, err := os.Lstat(filepath.Join(dir, try)); errors.Is(err, os.ErrNotExist) {
			return try, nil
		}
	}
}
