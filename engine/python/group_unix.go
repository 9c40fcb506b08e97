//go:build unix

package python

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/inferprof/inferprof/internal/processes"
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

// trackerTime is how long multiprocessing's resource tracker may take to clear up after the others, which must be gone first: shared
// memory that they had would stay in /dev/shm.
const trackerTime = 5 * time.Second

// kill ends the child and all of its group, and waits until they are gone.
func (c *child) kill() {
	if c.command.Process == nil {
		return
	}
	group := c.command.Process.Pid
	trackers := 0
	for _, p := range processes.InGroup(group) {
		if strings.Contains(p.Command, "multiprocessing.resource_tracker") {
			trackers++ // ends when the last of the others has
			continue
		}
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
	if trackers > 0 {
		c.awaitGroup(trackerTime)
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	<-c.exited
	c.awaitGroup(killTime)
}

// awaitGroup waits until the group is gone, or for so long. Most are no children of ours, whose end could be waited for.
func (c *child) awaitGroup(most time.Duration) {
	for deadline := time.Now().Add(most); c.groupAlive() && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
}

// groupAlive reports whether any process of the group is left. One that has ended and is not waited for, as happens in
// containers whose first process waits for nobody, is not.
func (c *child) groupAlive() bool {
	group := c.command.Process.Pid
	if syscall.Kill(-group, 0) != nil {
		return false
	}
	if _, seen := processes.ByPID(os.Getpid()); !seen {
		return true // nor are others on this system
	}
	return len(processes.InGroup(group)) > 0
}
