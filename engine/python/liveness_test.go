package python_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
	"github.com/inferprof/inferprof/engine/python"
)

// A process of the engine that ends while a call waits ends the call, also where the engine never notices: who died and of
// what is said, and whole traces are kept.
func TestEngineProcessDies(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	const killed = "was killed by signal 9 (killed), as the system does with a process when memory is short"
	for _, c := range []struct {
		behaviour string
		want      []string
		traces    int // -1: no capture
		complete  bool
	}{
		{"core core-dies=open", []string{"vllm does not answer open: VLLM::EngineCore (process ", killed}, -1, false},
		{"core core-dies=warmup", []string{"vllm does not answer generate: VLLM::EngineCore (process ", killed}, -1, false},
		{"core core-dies=start", []string{"vllm does not answer start_profile: VLLM::EngineCore (process ", killed}, -1, false},
		{"core core-dies=generate", []string{"generate: vllm does not answer generate: VLLM::EngineCore (process ", killed, "vllm does not answer any more", "no trace of rank 0, 1"}, 0, false},
		{"core core-dies=generate reap", []string{"VLLM::EngineCore (process ", "see dmesg"}, 0, false}, // a new kernel still knows how
		{"core core-leaves=generate", []string{"VLLM::EngineCore (process ", "ended with exit code 3"}, 0, false},
		{"core core-dies=stop", []string{"stop the profile: vllm does not answer stop_profile: VLLM::EngineCore (process ", killed}, 0, false},
		{"core core-dies=generate notices", []string{"generate: VLLM::EngineCore (process ", killed, "2 of 2 traces are whole"}, 2, false},
		{"core core-dies=start notices", []string{"vllm: start_profile: VLLM::EngineCore (process ", killed}, -1, false},
		{"rank core-dies=generate reap", []string{"vllm does not answer generate: python", killed}, 0, false}, // multiprocessing was the one to be told
		{"core core-dies=written", []string{"during the capture, VLLM::EngineCore (process ", killed}, 2, true},
		{"core core-dies=written notices", []string{"during the capture, VLLM::EngineCore (process ", killed}, 2, true},
		{"core core-dies=written answers", []string{"during the capture, VLLM::EngineCore (process ", killed}, 2, true},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			fake(t, c.behaviour)
			python.SetSettleTime(t, 200*time.Millisecond)
			python.SetPatience(t, 20*time.Millisecond)
			python.SetShutdownTime(t, time.Minute)
			o := options(t)
			o.Warmup = 1
			began := time.Now()
			got, err := run(t, o)
			if took := time.Since(began); took > 50*time.Second {
				t.Errorf("took %v: the dead were waited for", took)
			}
			said := ""
			switch {
			case c.complete:
				if err != nil {
					t.Fatal(err)
				}
				if got.Manifest.Status != ondisk.Complete {
					t.Errorf("status %s", got.Manifest.Status)
				}
				said = strings.Join(got.Manifest.Warnings, "; ")
			case err == nil:
				t.Fatal("no error")
			default:
				said = err.Error()
			}
			for _, want := range c.want {
				if strings.Count(said, want) != 1 {
					t.Errorf("%s: want %q once", said, want)
				}
			}
			if strings.Contains(said, "if the log does not say why") || strings.Contains(said, "root cause") {
				t.Errorf("says less than it knows: %s", said)
			}
			if (got == nil) != (c.traces < 0) || got != nil && len(got.Traces) != c.traces {
				t.Errorf("capture %+v, want %d traces", got, c.traces)
			}
		})
	}
}

// Traces that were whole when the engine died are kept, and nothing is waited for that will not come.
func TestTracesOfTheDead(t *testing.T) {
	fake(t, "core core-dies=generate early")
	python.SetPatience(t, 20*time.Millisecond)
	got, err := run(t, options(t))
	if err == nil || !strings.Contains(err.Error(), "2 of 2 traces are whole and kept") || !strings.Contains(err.Error(), "killed by signal 9") {
		t.Error(err)
	}
	if got == nil || got.Manifest.Status != ondisk.Failed || len(got.Traces) != 2 {
		t.Errorf("capture %+v", got)
	}
}

// A Ctrl-C ends every wait. (How soon is tried in package capture.)
func TestInterruptEverywhere(t *testing.T) {
	for _, call := range []string{"open", "warmup", "start", "stop"} {
		t.Run(call, func(t *testing.T) {
			deaf := listen(t)
			fake(t, fmt.Sprintf("core worker deaf=%s tell=%d", call, deaf.Addr().(*net.TCPAddr).Port))
			python.SetWaits(t, time.Minute)
			o := options(t)
			o.Warmup = 1
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() {
				if c, err := deaf.Accept(); err == nil {
					c.Close()
					cancel()
				}
			}()
			var err error
			enginetest.EndsSoon(t, ctx.Done(), func() { _, err = capture.Run(ctx, o) })
			if !errors.Is(err, capture.ErrInterrupted) {
				t.Error(err)
			}
		})
	}
}

// A generate whose next step does not come is left after a second, and a stop as soon as nobody waits for it; a late answer
// is not taken for that of another call.
func TestCallsAreLeft(t *testing.T) {
	held := listen(t)
	fake(t, fmt.Sprintf("core held=generate tell=%d", held.Addr().(*net.TCPAddr).Port))
	python.SetAbortTime(t, 50*time.Millisecond)
	o := options(t)
	o.Config.Profiler.Dir = t.TempDir()
	e, err := python.Open(context.Background(), python.VLLM, o.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.StartProfile(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	holding := make(chan net.Conn, 1)
	go func() {
		if c, err := held.Accept(); err == nil {
			holding <- c
		}
		cancel()
	}()
	outputs, err := e.Generate(ctx, o.Requests)
	if !errors.Is(err, context.Canceled) || len(outputs) != 2 || outputs[0].Finish != engine.FinishAborted {
		t.Errorf("%v, outputs %+v", err, outputs)
	}
	(<-holding).Close()
	if err := e.StopProfile(context.Background()); err != nil { // comes after the generate's late answer
		t.Error(err)
	}
	if outputs, err := e.Generate(context.Background(), o.Requests); err != nil || outputs[0].Text != "cba" {
		t.Errorf("%v, outputs %+v", err, outputs)
	}
}

// listen listens for a fake that tells where it is.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A stop is left when nobody waits for it any more, and the engine with it; but not because the traces are whole: the engine writes
// its table.
func TestStopIsLeft(t *testing.T) {
	for _, c := range []struct {
		cause error
		left  bool
	}{{engine.ErrEnough, false}, {context.Canceled, true}} {
		held := listen(t)
		fake(t, fmt.Sprintf("held=written tell=%d", held.Addr().(*net.TCPAddr).Port))
		python.SetWaits(t, time.Minute)
		o := options(t)
		o.Config.Profiler.Dir = t.TempDir()
		e, err := python.Open(context.Background(), python.VLLM, o.Config)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.StartProfile(context.Background()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(c.cause)
		if !c.left {
			go func() { // answers a stop that is not left
				if c, err := held.Accept(); err == nil {
					c.Close()
				}
			}()
		}
		if err := e.StopProfile(ctx); (err != nil) != c.left {
			t.Errorf("%v: %v", c.cause, err)
		}
		began := time.Now()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 50*time.Second {
			t.Errorf("%v: closed after %v", c.cause, took)
		}
	}
}
