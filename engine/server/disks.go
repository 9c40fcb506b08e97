package server

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/words"
)

// Directories of one disk share its room, be it for the traces of several servers or for their temporary files. So what all
// need is summed by disk, and compared with what is free there, once for all.
//
// What they need is an estimate (expected.go), and it may be several times too high. A disk that is plainly too small is
// refused: it ends servers. One that is too small by the estimate alone is warned of.

// disk tells one file system from others.
type disk struct {
	machine string // "" is this one
	id      string // of the file system, or its mount point there; the directory itself where neither is told
}

// diskOf is the disk of a directory of this machine.
func diskOf(dir string) disk {
	if id, ok := host.FileSystem(dir); ok {
		return disk{id: strconv.FormatUint(id, 10)}
	}
	return disk{id: dir}
}

// use is what one server will write to a disk: its traces, or first its temporary files.
type use struct {
	by    *endpoint
	x     expected
	dir   string
	temp  bool
	guess bool // dir is where a login there would put temporary files, and the server may do otherwise
}

func (u use) bytes() int64 {
	if u.temp {
		return u.x.tempBytes
	}
	return u.x.dirBytes
}

// space is a disk, and what servers will write to it.
type space struct {
	disk disk
	free int64
	uses uses
}

type spaces []*space

// add counts a use of a disk, of which free bytes may be written; below 0 nobody tells, and nothing can be said.
func (list *spaces) add(d disk, free int64, u use) {
	if free < 0 || u.bytes() == 0 {
		return
	}
	if d.id == "" {
		d.id = u.dir
	}
	for _, s := range *list {
		if s.disk == d {
			s.free, s.uses = min(s.free, free), append(s.uses, u)
			return
		}
	}
	*list = append(*list, &space{d, free, uses{u}})
}

// imprecision is how many times too high the estimate may be: of the traces in expected.go the smallest, of CUDA graphs, took a
// seventh of it.
const imprecision = 8

// check tells whether there is room for all: an error if there plainly is not, a warning if there is by luck only.
func (s *space) check() (warning string, err error) {
	certain := slices.DeleteFunc(slices.Clone(s.uses), func(u use) bool { return u.guess })
	switch {
	case len(certain) > 0 && s.free < max(leastBytes, certain.bytes()/imprecision):
		return "", errors.New(certain.tooMuch(s.free) + "; nothing was started")
	case s.free >= s.uses.bytes():
		return "", nil
	}
	warning = s.uses.tooMuch(s.free) + "; a server may die of a disk that is full"
	if len(certain) < len(s.uses) {
		warning += "; that is so if its TMPDIR is the one of a login there"
	}
	return warning, nil
}

// uses are those of one disk.
type uses []use

func (list uses) bytes() (all int64) {
	for _, u := range list {
		all += u.bytes()
	}
	return all
}

// tooMuch says that there may be too little room, and what can be done.
func (list uses) tooMuch(free int64) string {
	var by []*endpoint
	var servers, dirs []string
	var x expected
	ways := map[bool]string{} // by what is written
	for _, u := range list {
		dir := u.dir
		ways[u.temp] = u.by.elsewhere()
		if u.temp {
			dir += " (to which each trace is first written uncompressed)"
			ways[u.temp] = "start the server with TMPDIR=DIR on a larger disk"
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
		if !slices.Contains(by, u.by) {
			by, servers, x = append(by, u.by), append(servers, u.by.base), x.and(u.x)
		}
	}
	where, who := "in ", "server "
	if len(dirs) > 1 {
		where = "on the disk of "
	}
	if len(servers) > 1 {
		who = "servers "
	}
	remedies := []string{"free some", ways[false], ways[true], by[0].fewer(list.bytes())}
	remedies = slices.DeleteFunc(remedies, func(way string) bool { return way == "" })
	last := len(remedies) - 1
	return who + strings.Join(servers, ", ") + ": " + words.Size(free) + " are free " + where + strings.Join(dirs, " and ") +
		" and about " + words.Size(list.bytes()) + " are needed (" + x.String() + "): " +
		strings.Join(remedies[:last], ", ") + ", or " + remedies[last]
}
