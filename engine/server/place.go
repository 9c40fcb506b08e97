package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/inferprof/inferprof/engine"
)

// place is where a server's traces appear: here, or on another machine.
type place interface {
	engine.Place
	// make makes the directory, if it is not there.
	make(ctx context.Context) error
	// try writes a small file there, as a server would, and removes it.
	try(ctx context.Context) trial
	// dir is the directory as its own machine knows it.
	dir() string
}

// local is a directory on this machine, or mounted here.
type local struct {
	engine.Directory        // as it is reached from here
	told             string // as the server knows it: another path, if it has a file system of its own
}

func newLocal(path string) (local, error) {
	abs, err := filepath.Abs(path)
	return local{engine.Directory(abs), abs}, err
}

func (l local) dir() string                { return l.told }
func (l local) make(context.Context) error { return os.MkdirAll(string(l.Directory), 0o777) }

// parseCollect reads --collect.
func parseCollect(text string) (place, error) {
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
