package python

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/inferprof/inferprof/internal/processes"
)

// The engine's own processes. The child answers for others: vLLM's client in it waits for VLLM::EngineCore, and that one for
// a worker per rank. When one of these is killed, whoever waits for it need not notice: the client of vLLM 0.32 says in its
// log that its engine is gone, and goes on to wait for the answer. So whoever waits for the child looks at them, too.
//
// Which of the child's descendants are the engine's is written nowhere. Most give themselves titles, such as
// VLLM::Worker_TP1. Where there are none (no setproctitle is installed; the ranks that our own driver forks) they are what
// Python has started to run Python, and they stay: they were there a second before the engine was open, or for a second
// after. Not counted are the others, which come and go: compilers, ldconfig, the tracker of multiprocessing's resources, and
// pools, which have the title that they were forked with until they do something else; nor what has left the child's group,
// as our guard does. Ray, whose processes have titles and
// end as they are not needed, sees to them itself.
//
// Going through the processes of a large machine takes tens of milliseconds, so that it is done twice a second while the
// engine is opened, and twice after. To look at the few that were found takes microseconds.

// family are the processes of an engine.
type family struct {
	child int // the process that they descend from

	mu      sync.Mutex
	open    bool              // the engine is
	found   bool              // no more are looked for
	listed  time.Time         // when they were, last
	since   map[int]time.Time // when a process that may be the engine's was first seen, by its number
	seen    map[int]processes.Process
	members map[int]processes.Process // those that are
	handles map[int]*processes.Handle // of them, and of those that were
	ended   []processes.End           // members that are no more, in the order in which that was seen
	first   int                       // how many of those there were when it was first seen that any has; others may have followed them
}

// lookEvery is how often a wait looks whether the engine's processes are there.
const lookEvery = 100 * time.Millisecond

// lasting is how long a process without a title must have been there to be one of the engine's.
var lasting = time.Second

func newFamily(child int) *family {
	return &family{child: child, since: map[int]time.Time{}, seen: map[int]processes.Process{},
		members: map[int]processes.Process{}, handles: map[int]*processes.Handle{}}
}

// opened says that the engine is open: what it consists of is there.
func (f *family) opened() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = true
	f.list()
}

// look tells whether a process of the engine is no more.
func (f *family) look() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, end := range processes.Ended(byNumber(f.members)) {
		delete(f.members, end.PID)
		if how := f.handles[end.PID].How(); how != "" {
			end.How = how
		}
		if !f.wasDone(end) {
			f.ended = append(f.ended, end)
		}
	}
	if f.first == 0 {
		f.first = len(f.ended)
	}
	switch since := time.Since(f.listed); {
	case f.found:
	case f.open && since >= lasting:
		f.list()
		f.found = true
	case !f.open && since >= lasting/2:
		f.list()
	}
	return len(f.ended) > 0
}

func byNumber(m map[int]processes.Process) []processes.Process {
	var list []processes.Process
	for _, pid := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[pid])
	}
	return list
}

// list looks for the engine's processes among the child's descendants.
func (f *family) list() {
	f.listed = time.Now()
	child, _ := processes.ByPID(f.child) // now: an interpreter may have been found by a script that became it
	descendants := processes.Descendants(f.child)
	title := map[int]string{}
	for _, p := range descendants {
		title[p.PID] = p.Name
	}
	for _, p := range descendants {
		isTitled := p.Titled() && p.Name != title[p.Parent]
		if p.Group != f.child || !isTitled && !runsPython(p, child) {
			continue
		}
		f.seen[p.PID] = p
		if _, known := f.since[p.PID]; !known {
			f.since[p.PID] = f.listed
		}
		if isTitled || f.open && f.listed.Sub(f.since[p.PID]) >= lasting {
			if old, known := f.members[p.PID]; known && strings.HasPrefix(old.Name, p.Name) {
				continue // one that is just ending has the beginning of its title alone
			}
			if f.members[p.PID] = p; f.handles[p.PID] == nil {
				f.handles[p.PID] = processes.Hold(p)
			}
		}
	}
}

// release lets go of the processes.
func (f *family) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.handles {
		h.Close()
	}
}

// runsPython tells whether Python has started a process to run a part of the same program: by multiprocessing, or as a fork
// of the child.
func runsPython(p, child processes.Process) bool {
	return strings.Contains(p.Command, "multiprocessing.spawn") || p.Command == child.Command && p.Command != ""
}

// deaths are the ends that others may have followed, with what a log knows of them.
func (f *family) deaths(log []byte) []processes.End {
	f.mu.Lock()
	defer f.mu.Unlock()
	deaths := slices.Clone(f.ended[:f.first])
	if len(deaths) == 0 {
		return nil
	}
	told, worker := toldEnds(log), ""
	if m := workerEnd.FindSubmatch(log); m != nil {
		worker = howOf(string(m[1]))
	}
	for i, d := range deaths {
		switch how := told[d.PID]; {
		case d.How != processes.Gone:
		case how != "":
			deaths[i].How = how
		case worker != "" && strings.Contains(d.Name, "Worker"):
			deaths[i].How, worker = worker, ""
		}
	}
	return slices.DeleteFunc(deaths, f.wasDone)
}

// wasDone tells whether a process had just done its work: a helper, or a worker that ends since the engine is not to be.
func (f *family) wasDone(d processes.End) bool {
	return d.How == processes.How(0, 0) && !(f.open && d.Titled())
}

// suspects are those that may have been the engine's and were killed, where it says that it could not be opened.
func (f *family) suspects(log []byte) []processes.End {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := toldEnds(log)
	ended := processes.Ended(byNumber(f.seen))
	for i, d := range ended {
		if how := told[d.PID]; how != "" {
			ended[i].How = how
		}
	}
	return slices.DeleteFunc(ended, func(d processes.End) bool { return d.How != processes.How(syscall.SIGKILL, 0) })
}

// toldEnds are the ends that the driver has told in the log, by process.
func toldEnds(log []byte) map[int]string {
	how := map[int]string{}
	for _, m := range toldEnd.FindAllSubmatch(log, -1) {
		if pid, err := strconv.Atoi(string(m[1])); err == nil {
			how[pid] = howOf(string(m[2]))
		}
	}
	return how
}

// Where a log tells how a process has ended, in Python's way: a signal is negative.
var (
	toldEnd   = regexp.MustCompile(`(?m)^inferprof: process (\d+) ended with exit code (-?\d+)$`)
	workerEnd = regexp.MustCompile(`Worker proc \S+ died unexpectedly \(exit code: (-?\d+)\)`)
)

func howOf(exitCode string) string {
	code, err := strconv.Atoi(exitCode)
	switch {
	case err != nil:
		return ""
	case code < 0:
		return processes.How(syscall.Signal(-code), 0)
	}
	return processes.How(0, code)
}

// deathText says who died and of what, "" if nobody has.
func deathText(deaths []processes.End) string {
	var parts []string
	hint := ""
	for _, d := range deaths {
		parts = append(parts, d.String())
		switch d.How {
		case processes.How(syscall.SIGKILL, 0):
			hint = memoryShort
		case processes.Gone:
			hint = nothingTellsWhy
		}
	}
	return strings.Join(parts, " and ") + hint
}

// nothingTellsWhy is said of who is gone.
const nothingTellsWhy = ", without a word in the log: as when the system kills a process because memory is short (see dmesg)"

// memoryShort is what to think of who was killed by signal 9.
const memoryShort = ", as the system does with a process when memory is short (see dmesg)"

// killed tells whether processes were ended from outside, so that what the log says came of that.
func killed(deaths []processes.End) bool {
	return slices.ContainsFunc(deaths, func(d processes.End) bool {
		return slices.ContainsFunc([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}, func(s syscall.Signal) bool {
			return d.How == processes.How(s, 0)
		})
	})
}
