package server_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// A part of a server on this machine that is killed while the stop is waited for ends that, and is named with what it died of:
// in the error, or, if every trace is whole all the same, in a warning. (Not in parallel: the part is a child of the test, which
// every server of the test has for its process.)
func TestAPartOfTheServerIsKilled(t *testing.T) {
	for _, frozen := range []bool{true, false} {
		part := exec.Command("sleep", "600")
		part.Args[0] = "fake::engine"
		if err := part.Start(); err != nil {
			t.Skip("no sleep: ", err)
		}
		s := &enginetest.Server{Kind: "vllm-body", OnStop: func() {
			_ = part.Process.Kill()
			_ = unix.Waitid(unix.P_PID, part.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) // until it is dead, and can be seen so
		}}
		if frozen {
			s.Freeze = "stop"
		}
		c, err := capture.Run(t.Context(), options(t, s))
		const said = "fake::engine (process "
		switch warnings := strings.Join(c.Manifest.Warnings, "; "); {
		case frozen && (err == nil || !strings.Contains(err.Error(), said) || !strings.Contains(err.Error(), "was killed by signal 9")):
			t.Errorf("error %v", err)
		case !frozen && (err != nil || !strings.Contains(warnings, said)):
			t.Errorf("error %v, warnings %q", err, warnings)
		}
		_ = part.Wait()
	}
}

// A server whose environment shows that it would die of a start is not asked for one.
func TestDiesOfAStart(t *testing.T) {
	if os.Getenv("SGLANG_PROFILE_V2") == "" { // what a process was started with is what shows
		again := exec.Command(os.Args[0], "-test.run=^TestDiesOfAStart$")
		again.Env = append(os.Environ(), "SGLANG_PROFILE_V2=1")
		if out, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	s := &enginetest.Server{Kind: "sglang"}
	_, err := capture.Run(t.Context(), options(t, s))
	if err == nil || !strings.Contains(err.Error(), "SGLANG_PROFILE_V2 is set in its environment") {
		t.Errorf("error %v", err)
	}
	if starts, _ := s.Calls(); starts > 0 {
		t.Error("the profile was started")
	}
}
