package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/profile"
)

// StateName is the file that a sweep is continued from.
const StateName = "sweep.json"

// version is the version of sweep.json that this build reads and writes.
const version = 1

// What is wrong with a directory that a plan can't be continued in.
var (
	ErrDamaged = errors.New(StateName + " is damaged")
	ErrOther   = errors.New("holds another sweep")
)

// Resume takes over what an earlier sweep of the same plan has done in its directory. More repeats than before are added to
// it. Where there is another sweep it fails with ErrOther, and with ErrDamaged where what is there can't be read.
func (p *Plan) Resume() error {
	text, err := os.ReadFile(filepath.Join(p.Dir, StateName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("continue the sweep in %s: %w", p.Dir, words.WithoutPath(err))
	}
	var before Plan
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("continue the sweep in %s: %w (%w)", p.Dir, ErrDamaged, err)
	}
	if !p.same(&before) {
		return fmt.Errorf("%s %w", p.Dir, ErrOther)
	}
	for i := range p.Cells {
		for k := range p.Cells[i].Runs {
			if k >= len(before.Cells[i].Runs) {
				break
			}
			if done := before.Cells[i].Runs[k].Capture; done != "" && filepath.IsLocal(done) && complete(filepath.Join(p.Dir, done)) {
				p.Cells[i].Runs[k].Capture = done
			}
		}
	}
	return nil
}

// same tells whether an earlier plan is of the same runs, its repeats aside.
func (p *Plan) same(before *Plan) bool {
	return before.Version == version && slices.Equal(before.Run, p.Run) && slices.EqualFunc(before.Cells, p.Cells, func(a, b Cell) bool {
		return a.Name == b.Name && slices.Equal(a.Set, b.Set) && slices.Equal(a.Env, b.Env)
	})
}

// complete says whether a capture is still there and whole.
func complete(dir string) bool {
	c, err := ondisk.Open(dir)
	return err == nil && c.Manifest != nil && c.Manifest.Status == ondisk.Complete && len(c.Traces) > 0
}

// save writes sweep.json.
func (p *Plan) save() error {
	return atomicfile.Write(filepath.Join(p.Dir, StateName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(p)
	})
}

// Captures is how many captures the plan has.
func (p *Plan) Captures() int { return len(p.Cells) * p.Repeat }

// Pending is how many of them are still to be made.
func (p *Plan) Pending() (n int) {
	for _, c := range p.Cells {
		for _, r := range c.Runs {
			if r.Capture == "" {
				n++
			}
		}
	}
	return n
}

// Failure says why a cell has no capture of some repeat; "" if it has all.
func (c *Cell) Failure() string {
	for _, r := range c.Runs {
		switch {
		case r.Capture != "":
		case r.Failure != "":
			return r.Failure
		default:
			return "not run"
		}
	}
	return ""
}

// Sides opens the captures of each cell, for a comparison. A cell without any is a side without captures.
func (p *Plan) Sides() ([]*profile.Side, error) {
	sides := make([]*profile.Side, len(p.Cells))
	for i, c := range p.Cells {
		sides[i] = &profile.Side{Label: c.Name}
		for _, r := range c.Runs {
			if r.Capture == "" {
				continue
			}
			opened, err := ondisk.Open(filepath.Join(p.Dir, r.Capture))
			if err != nil {
				return nil, err
			}
			sides[i].Captures = append(sides[i].Captures, opened)
		}
	}
	return sides, nil
}
