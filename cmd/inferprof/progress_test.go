package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
)

// TestProgressInPipe: where there is no terminal, whatever takes longer than two seconds is told, whether or not there is
// anything new in it, and then again every ten; also when it is many things of less than two seconds each.
func TestProgressInPipe(t *testing.T) {
	stage := func(s ondisk.Stage) func(*progress) {
		return func(p *progress) { p.stage(capture.Progress{Stage: s, N: 1, Of: 2}) }
	}
	type step struct {
		do   func(*progress)
		wait time.Duration // until the next
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"nothing goes on", []step{{func(*progress) {}, time.Hour}}, nil},
		{"short ones", []step{{stage(ondisk.StageOpen), 1900 * time.Millisecond}, {stage(ondisk.StageGenerate), 1900 * time.Millisecond}}, nil},
		{"loading", []step{{stage(ondisk.StageOpen), 25 * time.Second}},
			[]string{"loading the model: 2 s so far", "loading the model: 12 s so far", "loading the model: 22 s so far"}},
		{"what is new", []step{
			{stage(ondisk.StageStop), time.Second},
			{func(p *progress) { p.stage(capture.Progress{Stage: ondisk.StageStop, Item: "rank 0: 3 MB"}) }, 2 * time.Second},
			{func(p *progress) { p.stage(capture.Progress{Stage: ondisk.StageStop, Item: "rank 0: 9 MB"}) }, 10 * time.Second},
		}, []string{"writing the traces: 2 s so far (rank 0: 3 MB)", "writing the traces: 12 s so far (rank 0: 9 MB)"}},
		{"two stages", []step{{stage(ondisk.StageStart), 3 * time.Second}, {stage(ondisk.StageGenerate), 3 * time.Second}},
			[]string{"starting the profiler: 2 s so far", "generating: 2 s so far"}},
		{"many short ones", []step{
			{stage(ondisk.StageWarmup), 1500 * time.Millisecond}, {stage(ondisk.StageWarmup), 1500 * time.Millisecond},
			{stage(ondisk.StageWarmup), 1500 * time.Millisecond}, {stage(ondisk.StageWarmup), 1500 * time.Millisecond},
			{stage(ondisk.StageWarmup), 1500 * time.Millisecond}, {stage(ondisk.StageWarmup), 1500 * time.Millisecond},
			{stage(ondisk.StageWarmup), 1500 * time.Millisecond}, {stage(ondisk.StageWarmup), 1500 * time.Millisecond},
		}, []string{"warming up, round 1 of 2"}},
		{"a note", []step{{func(p *progress) { p.note("note: this") }, time.Second}}, []string{"note: this"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bytes.Buffer
				p := (&settings{}).newProgress(&b)
				time.Sleep(time.Millisecond) // so that nothing happens at the very moment of a tick
				for _, s := range c.steps {
					s.do(p)
					time.Sleep(s.wait)
				}
				p.close()
				p.close()
				var got []string
				for line := range strings.Lines(b.String()) {
					got = append(got, strings.TrimSuffix(line, "\n"))
				}
				if strings.Join(got, "|") != strings.Join(c.want, "|") {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestProgressOnTerminal: the line is there all the time, and away in the end.
func TestProgressOnTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := startProgress(&b, true)
		p.say("generating")
		time.Sleep(350 * time.Millisecond)
		p.detail("3 of 4")
		p.note("interrupted")
		time.Sleep(100 * time.Millisecond)
		p.close()
		p.note("after the end")
		want := clearLine + "⠙ generating 0.1 s" + clearLine + "⠹ generating 0.2 s" + clearLine + "⠸ generating 0.3 s" +
			clearLine + "interrupted\n" + clearLine + "⠼ generating 0.4 s (3 of 4)" + clearLine
		if got := b.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestQuietProgress: --quiet is nothing, wherever it goes.
func TestQuietProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := (&settings{quiet: true}).newProgress(&b)
		p.say("generating")
		p.note("a note")
		time.Sleep(time.Minute)
		p.close()
		if b.Len() > 0 {
			t.Errorf("%q", b.String())
		}
	})
}

// What an interrupt does is said as it is: it ends every wait, but for a profiled round, which is stopped first.
func TestInterruptedNote(t *testing.T) {
	const (
		before = "interrupted: ending before the profile begins\n"
		stops  = "interrupted: stopping the profiler and keeping its traces (again: without waiting for them)\n"
		ends   = "interrupted: the end of the profile is not waited for any more; traces that are whole are kept\n"
	)
	for _, c := range []struct {
		stages []ondisk.Stage
		want   string
	}{
		{nil, before},
		{[]ondisk.Stage{ondisk.StageOpen}, before},
		{[]ondisk.Stage{ondisk.StageOpen, ondisk.StageWarmup}, before},
		{[]ondisk.Stage{ondisk.StagePrepare}, before},
		{[]ondisk.Stage{ondisk.StageOverhead}, before},
		{[]ondisk.Stage{ondisk.StageOverhead, ondisk.StageStart, ondisk.StageOverhead}, "interrupted: stopping the profiler (again: without waiting for that)\n"},
		{[]ondisk.Stage{ondisk.StageStart, ondisk.StageOverhead, ondisk.StageStop}, ends},
		{[]ondisk.Stage{ondisk.StageStart, ondisk.StageOverhead, ondisk.StageStop, ondisk.StageOverhead}, before},
		{[]ondisk.Stage{ondisk.StageStart}, "interrupted: the profiler is told to stop, which is hardly waited for\n"},
		{[]ondisk.Stage{ondisk.StageStart, ondisk.StageGenerate}, stops},
		{[]ondisk.Stage{ondisk.StageStart, ondisk.StageGenerate, ondisk.StageStop}, ends},
		{[]ondisk.Stage{ondisk.StageStart, ondisk.StageGenerate, ondisk.StageStop, ondisk.StageVerify}, "interrupted: the capture is kept\n"},
	} {
		var b bytes.Buffer
		p := &progress{w: &b}
		for _, stage := range c.stages {
			p.stage(capture.Progress{Stage: stage})
		}
		p.interrupted()
		if b.String() != c.want {
			t.Errorf("%v: %q, want %q", c.stages, b.String(), c.want)
		}
	}
}
