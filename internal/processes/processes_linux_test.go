package processes

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A child and what it started are seen, and how a child ended that nobody has waited for.
func TestProcesses(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip("no shell: ", err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	family := Descendants(os.Getpid())
	child := slices.IndexFunc(family, func(p Process) bool { return p.PID == cmd.Process.Pid })
	grandchild := slices.IndexFunc(family, func(p Process) bool { return p.Parent == cmd.Process.Pid })
	if child < 0 || grandchild < 0 {
		t.Fatalf("descendants %+v: want %d and its child", family, cmd.Process.Pid)
	}
	if p := family[grandchild]; !strings.Contains(p.Command, "sleep 600") && p.Name != "sh" { // sh until it has become sleep
		t.Errorf("the grandchild is %+v", p)
	}
	those := []Process{family[child], family[grandchild]}
	if ended := Ended(those); len(ended) > 0 {
		t.Errorf("ended already: %v", ended)
	}
	if p, ok := ByPID(cmd.Process.Pid); !ok || p.Parent != os.Getpid() {
		t.Errorf("the child is %+v, %t", p, ok)
	}
	for _, p := range those {
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = cmd.Process.Wait() // its end; not asked of the grandchild, which is no child of ours
	_, _ = bufio.NewReader(out).ReadString('\n')
	if ended := Ended(those[:1]); len(ended) != 1 || ended[0].How != "is gone" {
		t.Errorf("ended: %v, want the child", ended)
	}
	reused := family[child]
	reused.PID, reused.started = os.Getpid(), "1"
	if ended := Ended([]Process{reused}); len(ended) != 1 {
		t.Error("a number that another process has got was taken for the process")
	}
}

// A child that has ended and was not waited for tells how.
func TestZombie(t *testing.T) {
	for script, want := range map[string]string{"kill -9 $$": "was killed by signal 9 (killed)", "exit 7": "ended with exit code 7"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		in, hold, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", "read x; "+script)
		cmd.Stdin, cmd.Stdout = in, w
		if err := cmd.Start(); err != nil {
			t.Skip("no shell: ", err)
		}
		in.Close()
		w.Close()
		p, ok := ByPID(cmd.Process.Pid)
		hold.Close()
		_, _ = r.Read(make([]byte, 1)) // returns when nobody has the other end any more
		var ended []End
		for give := time.Now().Add(time.Minute); len(ended) == 0 && time.Now().Before(give); { // files are closed a moment before the end is seen
			ended = Ended([]Process{p})
		}
		if !ok || len(ended) != 1 || ended[0].How != want {
			t.Errorf("%s: %v, want %s", script, ended, want)
		}
		if _, there := ByPID(p.PID); there {
			t.Error("one that has ended counts as there")
		}
		_ = cmd.Wait()
		r.Close()
	}
}

func TestHasOpen(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !HasOpen(f.Name()) {
		t.Error("an open file is taken for one that nobody has open")
	}
	f.Close()
	if HasOpen(f.Name()) || HasOpen("/not/there") {
		t.Error("a file that nobody has open")
	}
}

// A handle tells how a process ended also when its parent was told already.
func TestHandle(t *testing.T) {
	for script, want := range map[string]string{"kill -9 $$": "was killed by signal 9 (killed)", "exit 7": "ended with exit code 7"} {
		in, hold, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", "read x; "+script)
		cmd.Stdin = in
		if err := cmd.Start(); err != nil {
			t.Skip("no shell: ", err)
		}
		in.Close()
		p, _ := ByPID(cmd.Process.Pid)
		h := Hold(p)
		if how := h.How(); how != "" {
			t.Errorf("one that is there: %s", how)
		}
		hold.Close()
		_ = cmd.Wait()
		how := h.How()
		h.Close()
		if late := Hold(p); late.How() != "" {
			t.Errorf("one that is gone is held: %s", late.How())
		}
		if how == "" {
			t.Skip("this system does not tell")
		}
		if how != want {
			t.Errorf("%s: %s, want %s", script, how, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	line := "851 (a (b) c) Z 12 850 850 0 -1 4228100 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0" + strings.Repeat(" 0", 27) + " 9\n"
	p, ok := parseStat([]byte(line))
	if !ok || p.PID != 851 || p.Name != "a (b) c" || p.Parent != 12 || p.Group != 850 || !p.zombie || p.started != "4711" || p.exitCode != 9 {
		t.Errorf("%+v, %t", p, ok)
	}
	for _, bad := range []string{"", "851", "851 (x", ") (", "x (y) S 1 2"} {
		if p, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("851 (a name) S 1 2 3"))
	f.Fuzz(func(_ *testing.T, text []byte) { parseStat(text) })
}
