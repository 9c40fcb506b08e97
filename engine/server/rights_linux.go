package server

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// rightsOf reads the rights of a process, which /proc shows to everybody.
func rightsOf(pid int) rights {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	f, err := os.Open(filepath.Join(proc, "status"))
	if err != nil {
		return rights{}
	}
	defer f.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
	}
	r := parseStatus(text.String())
	ours, errOurs := os.Readlink("/proc/self/ns/user")
	theirs, errTheirs := os.Readlink(filepath.Join(proc, "ns/user"))
	r.foreign = errOurs == nil && errTheirs == nil && ours != theirs
	return r
}

// parseStatus reads /proc/PID/status: lines such as "Uid:	real effective saved file system", "Groups:	4 24", and "CapEff:	hex".
func parseStatus(text string) rights {
	var r rights
	var uid, gid, caps bool
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		const fileSystem = 3
		switch {
		case name == "Uid" && len(fields) > fileSystem:
			r.uid, uid = number(fields[fileSystem])
		case name == "Gid" && len(fields) > fileSystem:
			var g uint32
			g, gid = number(fields[fileSystem])
			r.groups = append(r.groups, g)
		case name == "Groups":
			for _, f := range fields {
				if g, ok := number(f); ok {
					r.groups = append(r.groups, g)
				}
			}
		case name == "CapEff" && len(fields) == 1:
			set, err := strconv.ParseUint(fields[0], 16, 64)
			caps = err == nil
			r.anyFile, r.anyDir = set&(1<<unix.CAP_DAC_OVERRIDE) != 0, set&(1<<unix.CAP_DAC_READ_SEARCH) != 0
		}
	}
	r.known = uid && gid && caps
	return r
}

func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil
}

// mayCreate tells whether a process with these rights may make files in a directory, which is there: every directory above
// it, from the root of its file system on, must let it pass. Mounts that are read-only bind everybody.
func (r rights) mayCreate(root, dir string) (verdict, string) {
	var v unix.Statfs_t
	if unix.Statfs(filepath.Join(root, dir), &v) == nil && v.Flags&unix.ST_RDONLY != 0 {
		return no, "it is on a file system that is mounted read-only"
	}
	if !r.known {
		return unknown, ""
	}
	const search, write = 1, 2
	for at := dir; ; at = filepath.Dir(at) {
		need := uint32(search)
		if at == dir {
			need |= write
		}
		if ok, told := r.may(filepath.Join(root, at), need); !told {
			return unknown, ""
		} else if !ok {
			if r.foreign {
				return unknown, ""
			}
			what := map[bool]string{true: "write to", false: "enter"}[at == dir]
			return no, fmt.Sprintf("user %d, as which the server runs, may not %s %s", r.uid, what, at)
		}
		if at == "/" || at == "." {
			return yes, ""
		}
	}
}

// may tells whether the permissions of a directory, or the rights beyond them, allow what bits ask for: 2 to write, 1 to
// search. told is false if that can't be seen: lists of rights (ACLs) can allow more than the bits show.
func (r rights) may(path string, bits uint32) (ok, told bool) {
	info, err := os.Stat(path)
	if err != nil {
		return false, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false, false
	}
	have := s.Mode
	switch {
	case r.uid == s.Uid:
		have >>= 6
	case slices.Contains(r.groups, s.Gid):
		have >>= 3
	}
	beyond := r.anyFile || r.anyDir && bits == 1
	if have&bits == bits || beyond && !r.foreign {
		return true, true
	}
	_, err = unix.Getxattr(path, "system.posix_acl_access", nil)
	return false, err != nil
}
