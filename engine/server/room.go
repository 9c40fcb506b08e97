package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/inferprof/inferprof/internal/host"
)

// A server that can't write its trace may die of it: SGLang's scheduler does, at the stop, with all that it serves. So
// before anything is started it is found out whether each server can write where it will, and whether there is room, as far
// as that can be known:
//
//   - on this machine by the rights of the server's process in its own view of the file system, and by a trial;
//   - over there by a trial through the user's ssh or kubectl;
//   - on a disk that is mounted here by a trial of our own. It says nothing of the server's rights, which is said.
//
// A trace is first written uncompressed among the server's temporary files, and needs room there, too (disks.go).

// site is a directory that a server writes to, and what is known of that before it does.
type site struct {
	dir      string // as the server knows it
	at       string // that, or the nearest directory above it that is there, as it is reached from here
	writable verdict
	why      string // it is not writable
	disk     disk
	free     int64 // what may still be written to its disk; -1 if nobody tells
}

// site looks at a directory as the process sees it.
func (p *serverProcess) site(dir string) site {
	at := nearest(p.root, dir)
	s := site{dir: dir, at: p.seen(at), disk: diskOf(p.seen(at)), free: -1}
	s.writable, s.why = p.rights.mayCreate(p.root, at)
	if free, ok := host.FreeBytes(s.at); ok {
		s.free = free
	}
	return s
}

// temp is where the process puts temporary files: in the first of its directories that it may write to.
func (p *serverProcess) temp() site {
	var first site
	for i, dir := range p.temps {
		s := p.site(dir)
		if i == 0 {
			first = s
		}
		if info, err := os.Stat(p.seen(dir)); err == nil && info.IsDir() && s.writable != no {
			return s
		}
	}
	return first
}

// tracesAt is the trace directory as the server's process sees it; the zero site if that is not known.
func (p *endpoint) tracesAt() site {
	if p.process == nil {
		return site{}
	}
	dir := p.process.traceDir()
	if l, isLocal := p.place.(local); isLocal && (p.dialect.clientDir || dir == "" && p.process.root == "") {
		dir = l.told
	}
	if dir == "" {
		return site{}
	}
	return p.process.site(dir)
}

// fewer is another way out of too little room, "" where there is none.
func (p *endpoint) fewer(need int64) string {
	switch {
	case p.recordsStacks() == yes && !p.dialect.switches("with_stack"):
		return "start it with torch_profiler_with_stack false"
	case p.dialect.bounded && need > leastBytes:
		return "record fewer steps with --max-iterations"
	}
	return ""
}

// mayWrite tells whether the servers that share a place can write there, and what is known of whether they can.
func (e *Engine) mayWrite(users []*endpoint, t trial) error {
	for _, p := range users {
		warning, err := p.judge(p.tracesAt(), t, p.isOurs())
		if err != nil {
			return err
		}
		if warning != "" {
			e.warn("%s", warning)
		}
	}
	return nil
}

// judge tells what is known of whether a server may write: by its rights, where it runs on this machine (s), and by a trial,
// if that was made as the server would be (ours). The warning says what is not known. That it may not is said before.
func (p *endpoint) judge(s site, t trial, ours bool) (warning string, err error) {
	sure := s.writable == yes || ours
	switch {
	case t.at == "":
		return fmt.Sprintf("%s: whether it can write its traces could not be tried: %s", p.base, reason(t.err)), nil
	case t.err == nil && sure:
		return "", nil
	case t.err == nil:
		return fmt.Sprintf("%s: a small file could be written to %s, but whether the server may, with rights of its own, is not known, "+
			"nor what room it has for temporary files", p.base, t.at), nil
	case s.writable == yes && !ours && errors.Is(t.err, fs.ErrPermission):
		return "", nil // it may what we may not; one with our rights may not either, whatever they are here: NFS has its own view of root
	case sure, p.dialect.clientDir, host.IsFull(t.err), errors.Is(t.err, syscall.ENOTDIR):
		return "", p.cannotWrite(t.at, "a small file can't: "+reason(t.err))
	}
	return fmt.Sprintf("%s: a small file can't be written to %s (%s); whether the server may, with rights of its own, is not known",
		p.base, t.at, reason(t.err)), nil
}

// isOurs tells whether a server may what we may, and no more: it has the same rights on this machine, or the trial was made in
// its container.
func (p *endpoint) isOurs() bool {
	if _, inside := p.place.(*kubectl); inside {
		return true
	}
	_, isLocal := p.place.(local)
	return isLocal && p.process != nil && p.process.rights.same(rightsOf(os.Getpid()))
}

func (p *endpoint) cannotWrite(dir, why string) error {
	return fmt.Errorf("server %s: its traces can't be written to %s, and a server may die of that: %s: %s; nothing was started",
		p.base, dir, why, p.elsewhere())
}

// elsewhere is how another directory is named.
func (p *endpoint) elsewhere() string {
	if p.dialect.clientDir {
		return "name a directory that it may write to, with room, by --trace-dir or --collect"
	}
	return "start the server with a torch_profiler_dir that it may write to, with room"
}

// reason is an error without the name of the file that was tried.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// warnStacks says what stacks cost, before they do, unless they were asked for.
func (e *Engine) warnStacks(p *endpoint) {
	if !p.dialect.switches("with_stack") && p.recordsStacks() == yes {
		e.warn("%s %s", p.base, p.stacksText())
	}
}

// stacksText says what stacks cost. The figures are vLLM 0.32's, on two cores.
func (p *endpoint) stacksText() string {
	how := ""
	if p.told.WithStack == nil {
		how = ", as vLLM does unless it is told not to"
	}
	return fmt.Sprintf("records Python's stacks%s: its traces are half as large again, and it answers nobody for long after the stop "+
		"(a small load: traces after 8.6 s, the server back after 26 s; 5 s of idling: after 65 and 194 s): "+
		"start it with torch_profiler_with_stack false and ignore_frontend true, unless they are needed", how)
}

// writesElsewhere is the directory that a server was told to write to, if that is another one than the one that is looked into;
// ok is false if it is not, or that can't be told.
func (p *endpoint) writesElsewhere() (dir string, ok bool) {
	l, isLocal := p.place.(local)
	if !isLocal || p.dialect.clientDir || p.process == nil || p.process.traceDir() == "" {
		return "", false
	}
	theirs := p.process.seen(p.process.traceDir())
	a, errA := os.Stat(theirs)
	b, errB := os.Stat(string(l.Directory))
	return theirs, errA == nil && errB == nil && !os.SameFile(a, b)
}
