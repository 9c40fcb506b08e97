package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
)

// progress says what goes on and since when. On a terminal that is one line at its bottom, drawn again and again. Elsewhere,
// in a pipe or a log, it is a line when something has taken two seconds, and then every ten, so that nobody has to guess
// what a silent process waits for. With --quiet it is nothing.
type progress struct {
	w        io.Writer // nil: write nothing
	terminal bool
	stop     chan struct{}
	close    func() // takes the line away, and says no more of what goes on; may be called twice
	ended    sync.WaitGroup

	opening string // what opening the engine means, if not loading a model

	at        ondisk.Stage // of the capture; written under mu
	recording bool         // a profile

	mu    sync.Mutex
	what  string
	more  string
	since time.Time
	frame int       // on a terminal: of the spinner
	told  bool      // elsewhere: of what goes on
	last  time.Time // elsewhere: when a line was written, or progress began
}

const (
	clearLine   = "\r\x1b[K"
	redrawEvery = 100 * time.Millisecond
)

// Where there is no terminal. Tests whose processes take as long as the machine is busy have them say nothing of it.
var (
	tellAfter = 2 * time.Second
	tellEvery = 10 * time.Second
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// newProgress starts to tell stderr. Close it before anything else is written there.
func (s *settings) newProgress(stderr io.Writer) *progress {
	if s.quiet {
		return &progress{close: func() {}}
	}
	return startProgress(stderr, isTerminal(stderr))
}

func startProgress(w io.Writer, terminal bool) *progress {
	p := &progress{w: w, terminal: terminal, stop: make(chan struct{}), last: time.Now()}
	p.ended.Go(p.run)
	p.close = sync.OnceFunc(func() {
		close(p.stop)
		p.ended.Wait()
	})
	return p
}

// run tells what goes on until the end.
func (p *progress) run() {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.tell()
		case <-p.stop:
			p.end()
			return
		}
	}
}

func (p *progress) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch took := time.Since(p.since); {
	case p.what == "":
	case p.terminal:
		p.frame++
		fmt.Fprintf(p.w, "%s%c %s %.1f s%s", clearLine, spinner[p.frame%len(spinner)], p.what, took.Seconds(), p.details())
	case !p.told && took >= tellAfter, time.Since(p.last) >= tellEvery:
		p.told, p.last = true, time.Now()
		fmt.Fprintf(p.w, "%s%s%s\n", p.what, soFar(took), p.details())
	}
}

// soFar says how long something has taken, if that is worth a word.
func soFar(took time.Duration) string {
	if took < time.Second {
		return ""
	}
	return fmt.Sprintf(": %.0f s so far", took.Seconds())
}

func (p *progress) details() string {
	if p.more == "" {
		return ""
	}
	return " (" + p.more + ")"
}

// end leaves a terminal as it was.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		fmt.Fprint(p.w, clearLine)
		p.w = nil
	}
}

// say changes what goes on.
func (p *progress) say(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.more, p.since, p.told = what, "", time.Now(), false
}

// detail adds to what goes on.
func (p *progress) detail(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.more = text
}

// note writes a line that stays, on a terminal above the one that changes.
func (p *progress) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.w == nil:
	case p.terminal:
		fmt.Fprintf(p.w, "%s%s\n", clearLine, text)
	default:
		fmt.Fprintln(p.w, text)
	}
}

// interrupted says what the first interrupt does where the capture is: it ends the wait, but in the middle of a profile, which
// is stopped, and then waited for.
func (p *progress) interrupted() {
	p.mu.Lock()
	at, recording := p.at, p.recording
	p.mu.Unlock()
	switch {
	case at == ondisk.StageVerify:
		p.note("interrupted: the capture is kept")
	case at == ondisk.StageStop:
		p.note("interrupted: the end of the profile is not waited for any more; traces that are whole are kept")
	case at == ondisk.StageStart:
		p.note("interrupted: the profiler is told to stop, which is hardly waited for")
	case recording && at == ondisk.StageOverhead: // nobody wants that round's traces
		p.note("interrupted: stopping the profiler (again: without waiting for that)")
	case recording:
		p.note("interrupted: stopping the profiler and keeping its traces (again: without waiting for them)")
	default:
		p.note("interrupted: ending before the profile begins")
	}
}

// enter notes where the capture is. Rounds that measure the overhead are recorded in turn.
func (p *progress) enter(stage ondisk.Stage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case stage == ondisk.StageStart:
		p.recording = true
	case p.at == ondisk.StageStop && stage != ondisk.StageStop:
		p.recording = false
	}
	p.at = stage
}

// stage says which part of a capture goes on.
func (p *progress) stage(c capture.Progress) {
	p.enter(c.Stage)
	if c.Item != "" && c.Stage != ondisk.StageVerify {
		p.detail(c.Item)
		return
	}
	switch c.Stage {
	case ondisk.StageOpen:
		p.say(cmp.Or(p.opening, "loading the model"))
	case ondisk.StageWarmup:
		p.say(fmt.Sprintf("warming up, round %d", c.N) + ofAll(c.Of))
	case ondisk.StagePrepare:
		p.say("waiting for the right moment")
	case ondisk.StageOverhead:
		if c.N > 0 {
			p.say(fmt.Sprintf("measuring the profiler's overhead, pair %d of %d", c.N, c.Of))
		}
	case ondisk.StageStart:
		p.say("starting the profiler")
	case ondisk.StageGenerate:
		p.say("generating")
	case ondisk.StageStop:
		p.say("writing the traces")
	case ondisk.StageVerify:
		p.verifying(c.N, c.Of, c.Item)
	}
}

// ofAll says how many there are, if that is known.
func ofAll(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", n)
}

// verifying tells that the n-th of so many traces is being read back.
func (p *progress) verifying(n, of int, path string) {
	p.say(fmt.Sprintf("verifying trace %d of %d: %s", n, of, filepath.Base(path)))
}
