package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
)

// liesThere tells whether a file's place is the capture's directory.
func (c *Collection) liesThere(f *file) bool {
	return f.place.At(f.name) == filepath.Join(c.into, f.name)
}

// bring reads a file, where it lies if that is this machine, and puts it into the capture if it is a whole trace of this
// profile.
func (c *Collection) bring(ctx context.Context, f *file) error {
	if here := f.place.At(f.name); here != "" {
		if f.read != f.now { // else it could not be fetched
			if err := c.verify(ctx, f, here); err != nil {
				return err
			}
		}
		switch {
		case !f.fits():
			return nil
		case c.liesThere(f):
			f.path = here
			return nil
		case c.broughtBefore(ctx, f):
			return nil
		}
		return c.fetch(ctx, f, c.nameFor(f))
	}
	path := c.nameFor(f)
	temporary := unfinished(path)
	if err := f.place.Fetch(ctx, f.name, temporary); err != nil {
		return err
	}
	if err := c.verify(ctx, f, temporary); err != nil {
		return err // what was fetched stays: rsync goes on from there
	}
	if !f.fits() || c.broughtBefore(ctx, f) {
		return os.Remove(temporary)
	}
	f.path = path
	return os.Rename(temporary, path)
}

// fetch puts a file of this machine into the capture.
func (c *Collection) fetch(ctx context.Context, f *file, path string) error {
	err := f.place.Fetch(ctx, f.name, path)
	if err == nil {
		f.path = path
	}
	return err
}

// broughtBefore tells whether a file that has been read is in the capture already, from before the profile was resumed.
func (c *Collection) broughtBefore(ctx context.Context, f *file) bool {
	path := filepath.Join(c.into, f.name)
	if info, err := os.Stat(path); !c.resumed || err != nil || info.Size() != f.check.SizeBytes {
		return false
	}
	if there, _ := ondisk.CheckTrace(ctx, path); there.SHA256 != f.check.SHA256 || ctx.Err() != nil {
		return false
	}
	f.path = path
	return true
}

// noRoomFor says where a file stays for which there is no room in the capture.
func (c *Collection) noRoomFor(f *file, err error) string {
	whole := ""
	if f.fits() {
		whole = "whole "
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return fmt.Sprintf("it stays %sin %s, for there is no room for it in %s: %v: free some space, or choose another disk with --profile-dir",
		whole, f.place, c.into, err)
}

// nameFor is where a file goes in the capture: under its own name, unless another place's has that.
func (c *Collection) nameFor(f *file) string {
	path := filepath.Join(c.into, f.name)
	for n := 1; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = filepath.Join(c.into, fmt.Sprintf("server%d_%s", n+1, f.name))
	}
}

// unfinished is the name of a file that is being fetched.
func unfinished(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
}

// keep takes a file that is not whole into the capture, for what can still be read of it. An empty one is kept only where
// it lies.
func (c *Collection) keep(ctx context.Context, f *file) error {
	if c.liesThere(f) {
		f.path = f.place.At(f.name)
		_, err := os.Lstat(f.path)
		return err
	}
	if f.now.SizeBytes == 0 {
		return errors.New("it is empty")
	}
	path := c.nameFor(f)
	if temporary := unfinished(path); !f.place.local() {
		if info, err := os.Stat(temporary); err == nil && info.Size() == f.now.SizeBytes {
			f.path = path
			return os.Rename(temporary, path) // all of it is here
		}
		defer func() { _ = os.Remove(temporary) }()
	}
	return c.fetch(ctx, f, path)
}

// last takes a file as it is when nothing more is waited for. What can't be read before ctx ends is left where it lies.
func (c *Collection) last(ctx context.Context, f *file) {
	if f.whole || f.later || f.read == f.now && (f.earlier || f.stray) {
		return
	}
	if ctx.Err() != nil || c.keep(ctx, f) != nil {
		f.path = ""
		return
	}
	if f.readAt == "" || f.read != f.now {
		_ = c.verify(ctx, f, f.path) // what is wrong is in f.check
	}
	if f.earlier || f.stray || ctx.Err() != nil || c.abandoned && !f.fits() { // who was not waited for may be writing still
		if !c.liesThere(f) {
			_ = os.Remove(f.path)
		}
		f.path = ""
	}
	f.whole = f.path != "" && f.fits()
}

// end takes what there is.
func (c *Collection) end(ctx context.Context, a answer) Result {
	r := Result{StopTook: a.took, Err: a.err}
	c.abandoned = ctx.Err() != nil && !c.complete() && !errors.Is(a.err, engine.ErrNotProfiling)
	if c.abandoned {
		var cancel func()
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), LastMoment)
		defer cancel()
	}
	for _, p := range c.places {
		for _, f := range p.sorted() {
			c.last(ctx, f)
		}
	}
	c.learnRanks()
	c.number()
	r.Files, r.Temporary, r.NoRoom = c.files(), c.scratch.abandoned(), c.lacksRoom()
	r.Abandoned = c.abandoned && !c.complete()
	switch judge, ok := c.engine.(engine.Concluder); {
	case r.Abandoned:
		r.Err = nil // it is not known what will come
	case errors.Is(a.err, engine.ErrNotProfiling) && !c.complete():
	case ok:
		r.Err = judge.Conclude(ctx, c.found())
	}
	return r
}
