//go:build unix

package python

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// prepareGroup makes the child the leader of a group, and gives it the pipe that its guard waits on. The end returned is
// the child's, and of no more use here once it is started.
func (c *child) prepareGroup() (theirs *os.File, err error) {
	if theirs, c.lifeline, err = os.Pipe(); err != nil {
		return nil, err
	}
	c.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.command.ExtraFiles = []*os.File{theirs}
	c.command.Env = append(c.command.Env, "INFERPROF_LIFELINE="+strconv.Itoa(3))
	return theirs, nil
}

// killTime is how long the processes of a killed group may take to be gone: those with much memory give it back first.
const killTime = 10 * time.Second

// kill ends the child and all of its group, and waits until they are gone.
func (c *child) kill() {
	if c.command.Process == nil {
		return
	}
	_ = syscall.Kill(-c.command.Process.Pid, syscall.SIGKILL)
	<-c.exited
	for deadline := time.Now().Add(killTime); c.groupAlive() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond) // they are no children of ours, whose end could be waited for
	}
}

// groupAlive reports whether any process of the group is left. One that has ended and is not waited for, as happens in
// containers whose first process waits for nobody, is not.
func (c *child) groupAlive() bool {
	group := c.command.Process.Pid
	if syscall.Kill(-group, 0) != nil {
		return false
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return true // no such files on this system
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone since
		}
		// 851 (a name) S parent group …
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) && fields[0] != "Z" && fields[0] != "X" {
			return true
		}
	}
	return false
}
