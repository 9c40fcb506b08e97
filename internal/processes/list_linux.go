package processes

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// numbers are those of all processes, the lowest first.
func numbers() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// list are all processes that may be seen.
func list() []Process {
	var all []Process
	for _, pid := range numbers() {
		if p, ok := look(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

// look reads what /proc shows of a process; ok is false if there is none.
func look(pid int) (p Process, ok bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return p, false
	}
	if p, ok = parseStat(text); !ok {
		return p, false
	}
	// A title that a process gives itself overwrites its arguments; in stat it has 15 bytes at most.
	command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return p, true
	}
	p.Command = strings.Join(strings.Fields(string(bytes.ReplaceAll(command, []byte{0}, []byte{' '}))), " ")
	if title, _, _ := strings.Cut(p.Command, " "); strings.Contains(title, "::") {
		p.Name = title
	}
	return p, true
}

// parseStat reads a line of /proc/PID/stat: "851 (a name) S parent group …", with the time of the start as its 22nd field
// and the exit status as its 52nd.
func parseStat(text []byte) (p Process, ok bool) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return p, false
	}
	fields := strings.Fields(string(text[end+1:])) // from the third on
	const state, parent, group, started, exitCode = 0, 1, 2, 22 - 3, 52 - 3
	if len(fields) <= started {
		return p, false
	}
	var errs [3]error
	p.PID, errs[0] = strconv.Atoi(string(bytes.TrimSpace(text[:open])))
	p.Parent, errs[1] = strconv.Atoi(fields[parent])
	p.Group, errs[2] = strconv.Atoi(fields[group])
	p.Name, p.started = string(text[open+1:end]), fields[started]
	p.zombie = fields[state] == "Z" || fields[state] == "X"
	if len(fields) > exitCode {
		p.exitCode, _ = strconv.Atoi(fields[exitCode]) // 0 to those who may not know
	}
	return p, errs == [3]error{}
}

// hasOpen looks for a path among the open files of all processes.
func hasOpen(path string) bool {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	open, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(open, func(fd string) bool {
		at, err := os.Readlink(fd)
		return err == nil && at == path
	})
}

// startedAt is a time of stat, in hundredths of a second since the machine was started.
func startedAt(ticks string) time.Time {
	n, err := strconv.ParseInt(ticks, 10, 64)
	text, errBoot := os.ReadFile("/proc/stat")
	if err != nil || errBoot != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(text)) {
		boot, ok := strings.CutPrefix(line, "btime ")
		if seconds, err := strconv.ParseInt(strings.TrimSpace(boot), 10, 64); ok && err == nil {
			const hz = 100 // of what /proc shows, on every machine that Go runs on
			return time.Unix(seconds, 0).Add(time.Duration(n) * time.Second / hz)
		}
	}
	return time.Time{}
}
