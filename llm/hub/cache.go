package hub

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cached finds the model's snapshot without asking anybody. The error says what is missing.
func (s *session) cached() (*Snapshot, error) {
	commit := s.request.Revision
	if !isCommit(commit) {
		text, err := os.ReadFile(filepath.Join(s.folder, "refs", filepath.FromSlash(commit)))
		if err != nil {
			return nil, fmt.Errorf("revision %s is not in the cache %s", s.request.Revision, s.Cache)
		}
		if commit = strings.TrimSpace(string(text)); !isCommit(commit) {
			return nil, fmt.Errorf("the cache says that revision %s is commit %.50q, which is none: delete %s", s.request.Revision, commit, s.folder)
		}
	}
	dir := filepath.Join(s.folder, "snapshots", commit)
	if err := s.complete(dir); err != nil {
		return nil, fmt.Errorf("it is not whole in the cache %s: %w", s.Cache, err)
	}
	return &Snapshot{Dir: dir, Commit: commit}, nil
}

// complete says what a snapshot lacks.
func (s *session) complete(dir string) error {
	there, err := files(dir)
	if err != nil {
		return err
	}
	if !slices.Contains(there, "config.json") {
		return errors.New("there is no config.json")
	}
	if !s.request.WithWeights {
		return nil
	}
	weights, err := weightFiles(there, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) })
	if err != nil {
		return err
	}
	for _, f := range weights {
		if !slices.Contains(there, f) {
			return fmt.Errorf("there is no %s", f)
		}
	}
	return nil
}

// files lists a snapshot's files; links that lead nowhere are none.
func files(dir string) ([]string, error) {
	var list []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); err == nil && st.Mode().IsRegular() {
			list = append(list, path)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("nothing of it is there")
	}
	return list, err
}

// link puts a blob into a snapshot under a file's name. Where links cannot be made it is copied.
func (s *session) link(blob, dir, name string) error {
	target := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	relative, err := filepath.Rel(filepath.Dir(target), blob)
	if err != nil {
		return err
	}
	if _, err := os.Stat(target); err == nil { // somebody else put it there while this one waited, and may be reading it
		return nil
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) { // a link that leads nowhere
		return err
	}
	err = os.Symlink(relative, target)
	if err == nil || errors.Is(err, fs.ErrExist) { // somebody else was as fast
		return nil
	}
	if os.Link(blob, target) == nil {
		return nil
	}
	return writeWhole(target, func(w io.Writer) error {
		f, err := os.Open(blob)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}

// remember notes which commit the revision is.
func (s *session) remember(commit string) error {
	if s.request.Revision == commit {
		return nil
	}
	path := filepath.Join(s.folder, "refs", filepath.FromSlash(s.request.Revision))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return writeWhole(path, func(w io.Writer) error {
		_, err := io.WriteString(w, commit)
		return err
	})
}

// writeWhole writes a file that appears whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".*.tmp")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
