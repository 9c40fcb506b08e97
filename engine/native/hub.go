package native

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/llm/hub"
)

// What a model's name means, in this order, so that each name means one thing:
//
//	demo                      the model in the binary; a folder of that name is ./demo
//	a folder that is there    that folder
//	opt-125m, org/opt-125m    with --load-format dummy: the built-in shape of that name, with random weights
//	org/name                  a model of the hub, in the cache or downloaded
//
// Anything else is an error: a folder's name with a slip in it never asks the hub, unless it looks like org/name.

// folder finds the folder that holds a model, and for a model of the hub its commit.
func folder(ctx context.Context, c engine.Config, dummy bool) (dir, commit, note string, err error) {
	st, err := os.Stat(c.Model)
	switch {
	case err == nil && !st.IsDir():
		return "", "", "", fmt.Errorf("model %s is a file: pass the folder that holds config.json, the weights and the tokenizer", c.Model)
	case err == nil:
		if c.Revision != "" {
			return "", "", "", usagef("model %s is a folder: --revision %s goes with a model of the hub", c.Model, c.Revision)
		}
		return filepath.Clean(c.Model), "", "", nil
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid):
		return "", "", "", fmt.Errorf("model: %w", err)
	case !hub.IsName(c.Model):
		return "", "", "", noSuchModel(c.Model)
	}
	o := hub.FromEnvironment()
	o.FreeBytes = host.FreeBytes
	if c.DownloadDir != "" {
		o.Cache = c.DownloadDir
	}
	o.Offline = o.Offline || c.Offline
	if c.Report != nil {
		o.Progress = func(p hub.Progress) { c.Report(downloading(p)) }
	}
	s, err := o.Get(ctx, hub.Request{Repo: c.Model, Revision: c.Revision, WithWeights: !dummy})
	if err != nil {
		if _, ok := builtinShape(c.Model); ok {
			err = fmt.Errorf("%w; its shape is built in, with random weights: add --load-format dummy", err)
		}
		return "", "", "", err
	}
	return s.Dir, s.Commit, s.Note, nil
}

// downloading says how far a download is.
func downloading(p hub.Progress) string {
	if p.Total == 0 {
		return p.File
	}
	return fmt.Sprintf("downloading %s, %s of %s", p.File, words.Size(p.Done), words.Size(p.Total))
}

// noSuchModel says what a name could have been that is none.
func noSuchModel(name string) error {
	if _, ok := builtinShape(name); ok && !strings.ContainsAny(name, `/\`) {
		return usagef("model %s: its shape is built in, its weights are not: add --load-format dummy for random ones, or pass a folder that holds it or its name on the hub, ORGANISATION/%s",
			name, name)
	}
	return fmt.Errorf("model %s: no such folder; a Hugging Face model folder is needed, or a model's name on the hub such as facebook/opt-125m, or %q, or with --load-format dummy one of %s",
		name, DemoModel, strings.Join(ShapeNames(), ", "))
}
