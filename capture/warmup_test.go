package capture

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// TestWarmupAuto: rounds are run until two took equally long, and if none do, that is said with their times.
func TestWarmupAuto(t *testing.T) {
	for _, c := range []struct {
		name     string
		tookMs   []int // of each round, the last of all that follow
		rounds   int
		warnings int
		said     string // in progress, before the last round
	}{
		{"warm already", []int{500, 520}, 2, 0, "the last 500.0 ms"},
		{"one that compiles", []int{9000, 500, 510}, 3, 0, "the last 500.0 ms, before 9.000 s"},
		{"one slower than the last", []int{3000, 1000, 2000, 1000, 1050}, 5, 0, "the last 1.000 s, before 2.000 s"},
		{"slower and slower", []int{1000, 1200, 1500, 1900, 2400, 3000, 3700, 4600, 5700, 7000}, mostRounds, 1, "the last 5.700 s, before 4.600 s"},
		{"a rise within tolerance", []int{1000, 1099}, 2, 0, "the last 1.000 s"},
		{"of milliseconds", []int{20, 5}, 2, 0, "the last 20.00 ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := options(t, &enginetest.Script{Took: func(n int) time.Duration {
					return time.Duration(c.tookMs[min(n, len(c.tookMs)-1)]) * time.Millisecond
				}})
				o.Warmup, o.WarmupAuto = 0, true
				var said []string
				o.Progress = func(p Progress) {
					if p.Stage == ondisk.StageWarmup && p.Item != "" {
						said = append(said, p.Item)
					}
				}
				got, err := Run(context.Background(), o)
				if err != nil {
					t.Fatal(err)
				}
				m := readBack(t, got)
				calls := 0
				for _, call := range m.Calls {
					if call.Stage == ondisk.StageWarmup {
						calls++
					}
				}
				if m.Workload.WarmupRounds != c.rounds || calls != c.rounds || !m.Workload.WarmupAuto || m.Status != ondisk.Complete {
					t.Errorf("%d rounds, %d calls, workload %+v, status %s; want %d rounds", m.Workload.WarmupRounds, calls, m.Workload, m.Status, c.rounds)
				}
				if len(m.Warnings) != c.warnings || c.warnings > 0 && !strings.Contains(m.Warnings[0], "4.600 s, 5.700 s, 7.000 s") {
					t.Errorf("warnings: %q", m.Warnings)
				}
				if len(said) != c.rounds-1 || said[len(said)-1] != c.said {
					t.Errorf("said %q, want %q last", said, c.said)
				}
			})
		})
	}
}

// TestWarmupInterrupted: an interrupt ends the rounds.
func TestWarmupInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	rounds := 0
	o := options(t, &enginetest.Script{Generate: func(ctx context.Context, round int) error {
		if rounds++; round == 1 {
			cancel()
		}
		return ctx.Err()
	}})
	o.WarmupAuto = true
	if c, err := Run(ctx, o); c != nil || err == nil || rounds != 2 {
		t.Errorf("%+v, %v after %d rounds", c, err, rounds)
	}
}

// TestSettled: rounds are compared by what each token was waited for where that is known, so that neither the length of the
// outputs nor the times at which requests are sent count.
func TestSettled(t *testing.T) {
	at := time.Unix(1_795_000_000, 0)
	output := func(tokens int, waited time.Duration) engine.Output {
		return engine.Output{TokenIDs: make([]int32, tokens), Arrival: at, FirstToken: at.Add(waited / 2), LastToken: at.Add(waited)}
	}
	silent := func(tokens int) engine.Output { return engine.Output{TokenIDs: make([]int32, tokens)} }
	failed := engine.Output{Finish: engine.FinishError, TokenIDs: make([]int32, 9), Arrival: at, LastToken: at.Add(time.Hour)}
	type took struct {
		wall    time.Duration
		outputs []engine.Output
	}
	for _, c := range []struct {
		name string
		a, b took
		want bool
	}{
		{"longer outputs", took{time.Second, []engine.Output{output(10, time.Second)}}, took{2 * time.Second, []engine.Output{output(20, 2*time.Second)}}, true},
		{"sent one by one", took{10 * time.Second, []engine.Output{output(10, 3*time.Second), output(10, time.Second)}},
			took{9 * time.Second, []engine.Output{output(10, time.Second), output(10, time.Second)}}, false},
		{"times that nobody tells", took{time.Second, []engine.Output{silent(3)}}, took{1050 * time.Millisecond, []engine.Output{silent(3)}}, true},
		{"times that nobody tells, apart", took{time.Second, []engine.Output{silent(3)}}, took{2 * time.Second, []engine.Output{silent(3)}}, false},
		{"a request that failed", took{time.Second, []engine.Output{output(10, time.Second), failed}},
			took{2 * time.Second, []engine.Output{output(10, time.Second)}}, true},
		{"nothing", took{}, took{}, true},
	} {
		rounds := []round{roundOf(c.a.outputs, c.a.wall.Nanoseconds()), roundOf(c.b.outputs, c.b.wall.Nanoseconds())}
		got := settled(rounds)
		slices.Reverse(rounds)
		if back := settled(rounds); got != c.want || back != c.want {
			t.Errorf("%s: %t, and %t the other way round, want %t", c.name, got, back, c.want)
		}
	}
	if settled(nil) || settled(make([]round, 1)) {
		t.Error("one round agrees with nothing")
	}
}
