package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/inferprof/inferprof/internal/atomicfile"
)

// source is a directory that traces appear in: here, or on another machine.
type source interface {
	// list returns the files in the directory by name. A directory that is not there yet has none.
	list(ctx context.Context) (map[string]entry, error)
	// fetch puts a copy of a file under a path here. The copy may share its storage with the file.
	fetch(ctx context.Context, name, path string) error
	// make makes the directory, if it is not there.
	make(ctx context.Context) error
	// at is where a file can be read from here without fetching it; "" if it cannot.
	at(name string) string
	// every is how often looking costs little.
	every() time.Duration
	// String is the directory, as people know it.
	String() string
	// dir is the directory as its own machine knows it.
	dir() string
}

// entry is a file as a listing shows it.
type entry struct {
	size     int64
	modified int64 // Unix ns, by the clock of the machine that it lies on
}

// local is a directory on this machine, or mounted here.
type local struct{ path string }

const localEvery = 50 * time.Millisecond

func newLocal(path string) (*local, error) {
	abs, err := filepath.Abs(path)
	return &local{abs}, err
}

func (l *local) String() string        { return l.path }
func (l *local) dir() string           { return l.path }
func (l *local) every() time.Duration  { return localEvery }
func (l *local) at(name string) string { return filepath.Join(l.path, name) }

func (l *local) list(context.Context) (map[string]entry, error) {
	entries, err := os.ReadDir(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]entry{}, nil
	}
	if err != nil {
		return nil, err
	}
	files := map[string]entry{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone since
		}
		files[e.Name()] = entry{info.Size(), info.ModTime().UnixNano()}
	}
	return files, nil
}

func (l *local) make(context.Context) error { return os.MkdirAll(l.path, 0o777) }

// fetch links or copies. A second name costs nothing, however large the trace is; where one writer uses the same name
// again for its next trace, it would write into this one, so only names that hold a time are linked.
func (l *local) fetch(_ context.Context, name, path string) error {
	if writtenOnce(name) && os.Link(l.at(name), path) == nil {
		return nil
	}
	return atomicfile.Copy(path, l.at(name))
}

// writtenOnce tells whether a name is of one profile alone: it holds a time, as vLLM's and SGLang's do.
func writtenOnce(name string) bool {
	digits := 0
	for _, r := range name {
		if r < '0' || r > '9' {
			digits = 0
			continue
		}
		if digits++; digits == len("1795422027") { // seconds since 1970, or finer
			return true
		}
	}
	return false
}

// parseCollect reads --collect.
func parseCollect(text string) (source, error) {
	how, where, _ := strings.Cut(strings.TrimSpace(text), " ")
	where = strings.TrimSpace(where)
	host, dir, found := strings.Cut(where, ":")
	switch {
	case how != "ssh" && how != "kubectl":
		return nil, usagef("--collect %q: must be 'ssh host:dir' or 'kubectl namespace/pod:dir'", text)
	case !found || host == "" || !strings.HasPrefix(dir, "/"):
		return nil, usagef("--collect %q: needs a host or pod and an absolute directory on it, such as %s", text, collectExamples[how])
	case strings.HasPrefix(host, "-"), strings.ContainsAny(host, " \t\n'\"\\;|&<>$`"), strings.ContainsAny(dir, "\n\x00"):
		return nil, usagef("--collect %q: that is no name of a host or pod, or no directory", text)
	}
	dir = strings.TrimRight(dir, "/")
	if dir == "" {
		dir = "/"
	}
	if how == "ssh" {
		return &ssh{host: host, path: dir}, nil
	}
	k := &kubectl{path: dir}
	parts := strings.Split(host, "/")
	switch len(parts) {
	case 1:
		k.pod = parts[0]
	case 2:
		k.namespace, k.pod = parts[0], parts[1]
	case 3:
		k.namespace, k.pod, k.container = parts[0], parts[1], parts[2]
	}
	if k.pod == "" || strings.HasPrefix(k.pod, "-") || len(parts) > 3 {
		return nil, usagef("--collect %q: must be 'kubectl namespace/pod:dir', or namespace/pod/container:dir", text)
	}
	return k, nil
}

var collectExamples = map[string]string{
	"ssh":     "'ssh node1:/data/vllm_profile'",
	"kubectl": "'kubectl inference/vllm-0:/data/vllm_profile'",
}
