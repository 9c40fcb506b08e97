package server

import (
	"os"
	"slices"

	"github.com/inferprof/inferprof/engine"
)

// givenPlaces reads where the flags say that traces appear; nil if they don't.
func givenPlaces(c *engine.ServerConfig) ([]place, error) {
	var list []place
	for _, d := range c.TraceDirs {
		l, err := newLocal(d)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	for _, text := range c.Collect {
		s, err := parseCollect(text)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	switch n := len(c.URLs); {
	case len(c.TraceDirs) > 0 && len(c.Collect) > 0:
		return nil, usagef("--trace-dir and --collect both say where the traces appear: give one of them")
	case len(list) > 1 && len(list) != n:
		return nil, usagef("%d places for the traces of %d servers: give one for all of them, or one of each", len(list), n)
	}
	return list, nil
}

// setPlaces gives every server the place of its traces. Without one in the flags it is looked for.
func (e *Engine) setPlaces(list []place) error {
	for _, p := range e.endpoints {
		if len(list) == len(e.endpoints) || len(list) == 1 && len(e.server.TraceDirs)+len(e.server.Collect) > 0 {
			break
		}
		s, ok := p.discovered()
		if !ok {
			if p.dialect.clientDir {
				return usagef("where may %s write its traces? %s writes where it is told: give a directory that both of you see with --trace-dir /abs/dir, "+
					"or one on its machine to fetch them from, with --collect 'ssh host:dir' or --collect 'kubectl namespace/pod:dir'", p.base, p.dialect.Title)
			}
			return usagef("where do the traces of %s appear? Give its trace directory as it is seen from here with --trace-dir DIR, "+
				"or fetch them with --collect 'ssh host:dir' or --collect 'kubectl namespace/pod:dir'", p.base)
		}
		list = append(list, s)
	}
	for i, p := range e.endpoints {
		s := p.itsOwn(list[min(i, len(list)-1)])
		k := slices.IndexFunc(e.places, func(q place) bool { return q.String() == s.String() })
		if k < 0 {
			k = len(e.places)
			e.places = append(e.places, s)
		}
		p.place = e.places[k]
	}
	return nil
}

// discovered is the trace directory of a server on this machine, as its command line, its environment or /server_info
// has it; ok is false if that is not known.
func (p *endpoint) discovered() (l local, ok bool) {
	if p.process == nil {
		return l, false
	}
	dir := p.process.traceDir()
	return local{engine.Directory(p.process.seen(dir)), dir}, dir != ""
}

// itsOwn is where a directory really is that a server will be told: in its own file system, in a container of its own.
// Where both see the same one nothing changes.
func (p *endpoint) itsOwn(s place) place {
	l, ok := s.(local)
	if !ok || !p.dialect.clientDir || p.process == nil || p.process.root == "" || l.told != string(l.Directory) {
		return s
	}
	theirs := p.process.seen(l.told)
	a, errA := os.Stat(l.told)
	b, errB := os.Stat(theirs)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return s
	}
	return local{engine.Directory(theirs), l.told}
}
