// Package doctor looks at a machine, and at a server, and says what would go wrong in profiling there: room on the disks that
// traces need, GPUs and their driver, other programs that hold the GPUs' profiling counters, Python and the engines in it.
// It starts no profile and no engine. Nothing that it asks may take long, whatever state it is in.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine/server"
)

// Options say where to look.
type Options struct {
	Python      string // an interpreter or a virtual environment; "": the one that an engine would take
	ProfileDir  string // where captures would go
	URL, APIKey string // of a server; "": none
}

// Examination is what was found.
type Examination struct {
	Machine  Machine             `json:"machine"`
	GPUs     GPUs                `json:"gpus"`
	Python   Python              `json:"python"`
	Server   *server.Description `json:"server,omitempty"`
	Problems []string            `json:"problems"` // what would go wrong, each with what to do about it
	Notes    []string            `json:"notes"`    // what is worth knowing, and makes no capture fail
}

// Examine looks at everything. It fails only if the server does not answer.
func Examine(ctx context.Context, o Options) (*Examination, error) {
	x := &Examination{
		Machine:  lookAtMachine(o.ProfileDir),
		GPUs:     lookAtGPUs(ctx),
		Python:   lookAtPython(ctx, o.Python),
		Problems: []string{},
		Notes:    []string{},
	}
	x.Problems = append(x.Problems, x.Machine.problems()...)
	x.Problems = append(x.Problems, x.GPUs.problems()...)
	x.Problems = append(x.Problems, x.Python.problems()...)
	if o.URL == "" {
		return x, nil
	}
	var err error
	if x.Server, err = server.Describe(ctx, o.URL, o.APIKey); err != nil {
		return nil, err
	}
	x.Problems = append(x.Problems, x.Server.Problems...)
	for _, left := range ondisk.Left(o.ProfileDir) {
		if left.Of(x.Server.URL) && x.Server.Recording != "no" {
			x.Problems = append(x.Problems, fmt.Sprintf("the inferprof that made %s ended before its profile did, begun at %s, which may still be recorded: end it and bring its traces with: inferprof recover %s",
				left.Shown(), left.Manifest.RecordingSince.Local().Format(time.DateTime), left.Shown()))
		}
	}
	x.Notes = append(x.Notes, x.Server.Notes...)
	return x, nil
}
