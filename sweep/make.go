package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/inferprof/inferprof/internal/words"
)

// Runner makes a capture of a cell in a directory that is not there yet, and whose parent is.
type Runner func(ctx context.Context, c *Cell, dir string) error

// Event tells that a capture is being made, or is done.
type Event struct {
	Cell   *Cell
	Repeat int // from 0
	N, Of  int // captures of those that were missing, counted from 1
	Done   bool
	Took   time.Duration // if Done
	Err    error         // if Done
}

// Make makes the captures that are missing, interleaved: every cell once, then every cell again in the opposite order, so
// that what drifts with time hits all alike. A cell that failed is not repeated, and the others go on: Run.Failure says
// why. After each capture the plan is saved. When ctx ends it returns ctx's error, and what was being made is made again
// by the next Make.
func (p *Plan) Make(ctx context.Context, run Runner, tell func(Event)) error {
	e := Event{Of: p.Pending()}
	failed := map[int]bool{}
	for repeat := range p.Repeat {
		for k := range p.Cells {
			i := k
			if repeat%2 == 1 {
				i = len(p.Cells) - 1 - k
			}
			c := &p.Cells[i]
			r := &c.Runs[repeat]
			if r.Capture != "" {
				continue
			}
			e = Event{Cell: c, Repeat: repeat, N: e.N + 1, Of: e.Of}
			if failed[i] {
				r.Failure = "not tried: it failed before"
				continue
			}
			tell(e)
			start := time.Now()
			dir, err := p.makeOne(ctx, c, repeat, run)
			if ctx.Err() != nil {
				if err := p.save(); err != nil {
					return err
				}
				return ctx.Err()
			}
			if r.Capture, r.Failure = dir, ""; err != nil {
				failed[i] = true
				r.Capture, r.Failure = "", words.OneLine(err)
			}
			e.Done, e.Took, e.Err = true, time.Since(start), err
			tell(e)
			if err := p.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeOne makes one capture of a cell, and returns its directory in the sweep's.
func (p *Plan) makeOne(ctx context.Context, c *Cell, repeat int, run Runner) (string, error) {
	name, err := freeName(filepath.Join(p.Dir, c.Dir), "run"+strconv.Itoa(repeat+1))
	if err != nil {
		return "", err
	}
	dir := filepath.Join(c.Dir, name)
	path := filepath.Join(p.Dir, dir)
	if err := run(ctx, c, path); err != nil {
		return "", err
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
