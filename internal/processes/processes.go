// Package processes looks at the processes of this machine: which there are, who started whom, and which have ended and
// how. Only Linux shows that; elsewhere there are none to be seen, and nothing is known to have ended.
package processes

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a process as it was when it was looked at.
type Process struct {
	PID, Parent, Group int
	Name               string // the title that it has given itself, such as VLLM::EngineCore; else its program's name
	Command            string // its command line, words with spaces between them; "" of one that has ended

	started  string // since boot: numbers are given out again
	zombie   bool   // it has ended, and its parent has not asked how
	exitCode int    // of a zombie, as wait(2) gives it
}

// Titled tells whether a process has given itself the title of a part of an engine, such as VLLM::Worker_TP1 or
// sglang::scheduler. Ray's workers have titles, too, and end as they are not needed: they are no parts.
func (p Process) Titled() bool {
	return strings.Contains(p.Name, "::") && !strings.HasPrefix(p.Name, "ray::")
}

// StartedAt is when a process was started, to a hundredth of a second or so; zero if that is not known.
func (p Process) StartedAt() time.Time { return startedAt(p.started) }

// Numbers are those of all processes, the lowest first.
func Numbers() []int { return numbers() }

// Descendants are the processes that root has started, and those that they have, as far as the ones between are there.
func Descendants(root int) []Process {
	children := map[int][]Process{}
	for _, p := range list() {
		children[p.Parent] = append(children[p.Parent], p)
	}
	var found []Process
	for next := []int{root}; len(next) > 0; next = next[1:] {
		for _, p := range children[next[0]] {
			if p.PID != root && !p.zombie {
				found = append(found, p)
				next = append(next, p.PID)
			}
		}
	}
	return found
}

// InGroup are the processes of a group.
func InGroup(group int) []Process {
	return slices.DeleteFunc(list(), func(p Process) bool { return p.Group != group || p.zombie })
}

// ByPID is a process that is there; ok is false if there is none of that number, or nobody may know.
func ByPID(pid int) (p Process, ok bool) {
	p, ok = look(pid)
	return p, ok && !p.zombie
}

// End is a process that is no more.
type End struct {
	Process
	How string // as the function How says it; Gone where nobody can tell any more
}

// Gone is how a process ended of which nothing is left to be seen.
const Gone = "is gone"

// String is what there is to say of it.
func (e End) String() string { return fmt.Sprintf("%s (process %d) %s", e.Name, e.PID, e.How) }

// Ended are those of some processes that are no more.
func Ended(those []Process) []End {
	var ended []End
	for _, p := range those {
		now, ok := look(p.PID)
		switch {
		case !ok || now.started != p.started:
			ended = append(ended, End{p, Gone})
		case now.zombie:
			ended = append(ended, End{p, howOf(now.exitCode)})
		}
	}
	return ended
}

// HasOpen tells whether any process has a file open, as far as can be seen: not of processes of others, and on Linux only.
func HasOpen(path string) bool { return hasOpen(path) }

// How says how a process ended that a signal has ended, or else (signal 0) itself, with an exit code.
func How(signal syscall.Signal, exitCode int) string {
	if signal != 0 {
		return fmt.Sprintf("was killed by signal %d (%s)", int(signal), signal)
	}
	return fmt.Sprintf("ended with exit code %d", exitCode)
}

// howOf says it of the status that wait(2) gives.
func howOf(status int) string { return How(syscall.Signal(status&0x7f), status>>8&0xff) }
