package python

import (
	"bufio"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/inferprof/inferprof/internal/processes"
)

// Of a family count those that have a title of their own; not what they fork, nor Ray's, nor what has left the group.
func TestFamily(t *testing.T) {
	const script = `
		(exec -a VLLM::EngineCore bash -c '(read x <&3; true) & echo fork $!; wait; sleep 600; true' 3< <(sleep 600)) & echo core $!
		(exec -a ray::IDLE sleep 600) & echo ray $!
		(exec -a VLLM::Worker_TP0 sleep 600) & echo worker $!
		set -m; (exec -a VLLM::Other sleep 600) & echo other $!
		wait`
	cmd := exec.Command("bash", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip("no bash: ", err)
	}
	pids := map[string]int{}
	t.Cleanup(func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	for r := bufio.NewReader(out); len(pids) < 5; {
		var name string
		var pid int
		if _, err := fmt.Fscanln(r, &name, &pid); err != nil {
			t.Fatal(err)
		}
		pids[name] = pid
	}
	f := newFamily(cmd.Process.Pid)
	members := func() []int {
		f.opened()
		var list []int
		for _, p := range byNumber(f.members) {
			list = append(list, p.PID)
		}
		return list
	}
	want := []int{pids["core"], pids["worker"]}
	slices.Sort(want)
	for deadline := time.Now().Add(time.Minute); !slices.Equal(members(), want); { // each gets its title when it is no shell any more
		if time.Now().After(deadline) {
			t.Fatalf("members %v, want %v of %v", members(), want, pids)
		}
	}
	for _, name := range []string{"fork", "ray", "other"} {
		if _, there := processes.ByPID(pids[name]); !there {
			t.Errorf("%s has ended", name)
		}
		_ = syscall.Kill(pids[name], syscall.SIGKILL)
	}
	if f.look() {
		t.Errorf("the end of one that is none of it: %v", f.deaths(nil))
	}
	_ = syscall.Kill(pids["worker"], syscall.SIGKILL)
	for deadline := time.Now().Add(time.Minute); !f.look() && time.Now().Before(deadline); {
	}
	_ = syscall.Kill(pids["core"], syscall.SIGKILL) // came after it, and may have come of it
	for deadline := time.Now().Add(time.Minute); len(f.ended) < 2 && time.Now().Before(deadline); f.look() {
	}
	if deaths := f.deaths(nil); len(deaths) != 1 || deaths[0].PID != pids["worker"] || deaths[0].Name != "VLLM::Worker_TP0" {
		t.Errorf("deaths %v, want %d first", deaths, pids["worker"])
	}
}

// How one ended that is gone a log may tell: our driver's, or vLLM's of its workers.
func TestDeathsInLog(t *testing.T) {
	gone := func(pid int, name string) processes.End {
		return processes.End{Process: processes.Process{PID: pid, Name: name}, How: processes.Gone}
	}
	for _, c := range []struct {
		log  string
		ends []processes.End
		want string
	}{
		{"", []processes.End{gone(7, "VLLM::EngineCore")}, "VLLM::EngineCore (process 7) is gone" + nothingTellsWhy},
		{"inferprof: process 7 ended with exit code -9\n", []processes.End{gone(7, "VLLM::EngineCore")}, "VLLM::EngineCore (process 7) was killed by signal 9 (killed)" + memoryShort},
		{"inferprof: process 7 ended with exit code 3\n", []processes.End{gone(7, "VLLM::EngineCore")}, "VLLM::EngineCore (process 7) ended with exit code 3"},
		{"(EngineCore pid=5) ERROR 11-30 21:47:51 [multiproc_executor.py:315] Worker proc VllmWorker-1 died unexpectedly (exit code: -11), shutting down executor.\n",
			[]processes.End{gone(7, "VLLM::Worker_TP1")}, "VLLM::Worker_TP1 (process 7) was killed by signal 11 (segmentation fault)"},
		{"inferprof: process 7 ended with exit code 0\n", []processes.End{gone(7, "python3")}, ""}, // a helper
	} {
		f := newFamily(1)
		f.open, f.ended, f.first = true, c.ends, len(c.ends)
		if got := deathText(f.deaths([]byte(c.log))); got != c.want {
			t.Errorf("%q: %q, want %q", c.log, got, c.want)
		}
	}
}
