package server

import (
	"slices"
	"strconv"
)

// rights are what a process may do to files: those of its user and groups, as this machine numbers them, and what it may
// beyond them.
type rights struct {
	known   bool
	uid     uint32
	groups  []uint32
	anyFile bool // CAP_DAC_OVERRIDE: permissions don't bind it
	anyDir  bool // CAP_DAC_READ_SEARCH: it may pass through every directory
	foreign bool // of a user namespace of its own: what it may beyond its user's rights is not known
}

// same tells whether two processes may do the same, of all that is known of both.
func (r rights) same(q rights) bool {
	if !r.known || !q.known || r.foreign || q.foreign {
		return false
	}
	return r.uid == q.uid && r.anyFile == q.anyFile && r.anyDir == q.anyDir &&
		slices.Equal(slices.Compact(slices.Sorted(slices.Values(r.groups))), slices.Compact(slices.Sorted(slices.Values(q.groups))))
}

// verdict is an answer that may be missing.
type verdict int

const (
	unknown verdict = iota
	yes
	no
)

func verdictOf(b bool) verdict {
	if b {
		return yes
	}
	return no
}

// String is yes, no or unknown.
func (v verdict) String() string {
	switch v {
	case yes:
		return "yes"
	case no:
		return "no"
	case unknown:
		return "unknown"
	}
	return strconv.Itoa(int(v))
}
