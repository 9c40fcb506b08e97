// Package sweep makes captures of variants of one thing, in an order that is fair to all of them, and remembers how far it
// is, so that an interrupted sweep goes on where it was.
//
// A Plan is made of a command line and of what is varied in it: a cell for each combination of values, and in each cell so
// many repeats, whose differences tell how far a difference between cells may be trusted. Who makes a capture is the
// caller's (Runner): the command line starts a process of its own for each, since environment variables, memory and
// crashes are a process's.
//
// A sweep's directory holds one directory per cell, in that one capture per repeat, and sweep.json, which says what was
// asked for and what is done.
package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/engine"
)

// Plan is what is to be run, and how far it is. It is sweep.json.
type Plan struct {
	Version int      `json:"schema_version"`
	Run     []string `json:"run"` // the command line that is varied
	Repeat  int      `json:"repeat"`
	Cells   []Cell   `json:"cells"`

	Dir string `json:"-"` // of the sweep
}

// Cell is one combination.
type Cell struct {
	Name string   `json:"name"`
	Dir  string   `json:"directory"` // in the sweep's
	Set  []string `json:"set"`       // --quantization=awq
	Env  []string `json:"env"`       // NAME=value
	Runs []Run    `json:"runs"`
}

// Run is one repeat of a cell.
type Run struct {
	Capture string `json:"capture,omitempty"` // its directory, in the sweep's; "" until it is complete
	Failure string `json:"failure,omitempty"`
}

// Variable is what is varied: a flag of the command line, or an environment variable.
type Variable struct {
	Name   string // without dashes
	Env    bool
	Values []string
}

// mostCells bounds the combinations of a plan.
const mostCells = 1000

// New plans every combination of the variables' values, so many times each. Its directory is still to be set.
func New(run []string, repeat int, vary ...Variable) (*Plan, error) {
	p := &Plan{Version: version, Run: run, Repeat: repeat, Cells: []Cell{{}}}
	for _, v := range vary {
		if n := len(p.Cells) * len(v.Values); n > mostCells {
			return nil, &engine.UsageError{Text: fmt.Sprintf("%d combinations are too many: at most %d", n, mostCells)}
		}
		p.multiply(v)
	}
	names := map[string]int{}
	for i := range p.Cells {
		c := &p.Cells[i]
		c.Dir = cellDirectory(c.Name)
		if names[c.Dir]++; names[c.Dir] > 1 {
			c.Dir += fmt.Sprintf("-%d", names[c.Dir])
		}
		c.Runs = make([]Run, repeat)
	}
	return p, nil
}

// multiply makes a cell for each value of each cell that is there.
func (p *Plan) multiply(v Variable) {
	var cells []Cell
	for _, c := range p.Cells {
		for _, value := range v.Values {
			next := Cell{Name: c.Name, Set: slices.Clone(c.Set), Env: slices.Clone(c.Env)}
			if next.Name != "" {
				next.Name += ", "
			}
			setting := v.Name + "=" + value
			next.Name += setting
			if v.Env {
				next.Env = append(next.Env, setting)
			} else {
				next.Set = append(next.Set, "--"+setting)
			}
			cells = append(cells, next)
		}
	}
	p.Cells = cells
}

// DefaultName is a name for the directory of a sweep that is the same for the same sweep, so that it is found again. sets
// and envs are NAME=VALUE,VALUE as they were given.
func DefaultName(sets, envs, run []string) string {
	var names []string
	for _, set := range slices.Concat(sets, envs) {
		name, _, _ := strings.Cut(set, "=")
		names = append(names, name)
	}
	text, _ := json.Marshal([]any{sets, envs, run}) // of strings: cannot fail
	sum := sha256.Sum256(text)
	return cellDirectory("sweep-"+strings.Join(names, "-")) + "-" + hex.EncodeToString(sum[:4])
}

// cellDirectory makes a name fit for a directory.
func cellDirectory(name string) string {
	const longest = 80
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._+=-", r):
			return r
		case r == ' ':
			return -1
		}
		return '_'
	}, name)
	if len(out) > longest {
		sum := sha256.Sum256([]byte(name))
		out = out[:longest-9] + "-" + hex.EncodeToString(sum[:4])
	}
	return strings.TrimLeft(out, ".")
}
