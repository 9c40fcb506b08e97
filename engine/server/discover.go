package server

import (
	"path/filepath"
	"strings"
)

// Where a server on this machine writes its traces is in its command line or environment, which Linux shows to the same
// user (and to root): the socket that listens on the address leads to the process. In a container of its own, its files are
// seen through /proc/PID/root.

// serverProcess is a server on this machine, as /proc shows it. Its children, which write the traces, have the same rights,
// file system and environment.
type serverProcess struct {
	pid      int    // of the process that holds the listening socket; the engine's are it and its descendants
	root     string // what its file system is seen under from here: "" if it is ours
	cwd      string // its working directory, as it knows it; "" if that can't be told
	rights   rights
	settings settings
	environ  []string // NAME=value; nil if it can't be read
	temps    []string // where Python would write temporary files, as the process knows it: the first one that it can write to
}

// variable is the value of a variable in the environment of the process; known is false if that can't be read.
func (p *serverProcess) variable(name string) (value string, known bool) {
	if p == nil || len(p.environ) == 0 {
		return "", false
	}
	for _, e := range p.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v, true
		}
	}
	return "", true
}

// seen is a path of the process as it is reached from here.
func (p *serverProcess) seen(path string) string {
	if p.root == "" {
		return path
	}
	return filepath.Join(p.root, path)
}

// traceDir is the trace directory that the process was told, as the process knows it: "" if none is known.
func (p *serverProcess) traceDir() string {
	dir := p.settings.Dir
	switch {
	case dir == "" || strings.Contains(dir, "://"): // a bucket
		return ""
	case filepath.IsAbs(dir):
		return filepath.Clean(dir)
	case p.cwd == "":
		return ""
	}
	return filepath.Join(p.cwd, dir)
}

// tempsOf is where Python's tempfile looks for a place, in its order.
func tempsOf(environ []string) []string {
	var dirs []string
	for _, name := range []string{"TMPDIR=", "TEMP=", "TMP="} {
		for _, e := range environ {
			if dir, ok := strings.CutPrefix(e, name); ok && filepath.IsAbs(dir) {
				dirs = append(dirs, filepath.Clean(dir))
			}
		}
	}
	return append(dirs, "/tmp", "/var/tmp", "/usr/tmp")
}

// relays are programs that listen in a server's stead: what they may do and where they write says nothing of it.
var relays = map[string]bool{
	"ssh": true, "sshd": true, "kubectl": true, "docker-proxy": true, "rootlesskit": true, "rootlessport": true, "slirp4netns": true,
	"pasta": true, "socat": true, "nginx": true, "haproxy": true, "envoy": true, "caddy": true, "traefik": true,
}

// relay tells whether a command line is of one of them. A title that a program has given itself may begin with its name.
func relay(args []string) bool {
	if len(args) == 0 {
		return false
	}
	program, _, _ := strings.Cut(args[0], " ")
	return relays[strings.TrimSuffix(filepath.Base(program), ":")]
}

// find looks for a server's process, and for what the server was told of its profiler.
func (p *endpoint) find() {
	p.process, p.told = findProcess(p.base), settingsOfInfo(p.facts.info)
	if p.process != nil {
		p.process.settings.over(p.told)
		p.told = p.process.settings
	}
}
