package main

import (
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
)

// progress is one line at the bottom of a terminal that says what goes on and since when. Where standard error is no
// terminal it writes a line from time to time if something takes long; with --quiet, nothing.
type progress struct {
	log   io.Writer // that is no terminal; nil: none
	w     io.Writer // nil: write nothing
	mu    sync.Mutex
	what  string
	more  string
	since time.Time
	frame int
	stop  chan struct{}
	ended sync.WaitGroup
}

const (
	clearLine   = "\r\x1b[K"
	redrawEvery = 100 * time.Millisecond
	logEvery    = 10 * time.Second
)

var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// newProgress starts the line on stderr. Close it before anything else is written there.
func (s *settings) newProgress(stderr io.Writer) *progress {
	p := &progress{stop: make(chan struct{})}
	switch {
	case s.quiet:
		return p
	case !isTerminal(stderr):
		p.log = stderr
		return p
	}
	p.w = stderr
	p.ended.Go(func() {
		redraw := time.NewTicker(redrawEvery)
		defer redraw.Stop()
		for {
			select {
			case <-redraw.C:
				p.draw()
			case <-p.stop:
				fmt.Fprint(p.w, clearLine)
				return
			}
		}
	})
	return p
}

func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what == "" {
		return
	}
	p.frame++
	fmt.Fprintf(p.w, "%s%c %s %.1f s", clearLine, spinner[p.frame%len(spinner)], p.what, time.Since(p.since).Seconds())
	if p.more != "" {
		fmt.Fprintf(p.w, " (%s)", p.more)
	}
}

// say changes what goes on.
func (p *progress) say(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.more, p.since = what, "", time.Now()
}

// detail adds to what goes on.
func (p *progress) detail(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.more = text
	if p.log != nil && time.Since(p.since) > logEvery {
		fmt.Fprintf(p.log, "%s: %s\n", p.what, text)
		p.since = time.Now()
	}
}

// note writes a line that stays, above the one that changes.
func (p *progress) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.w != nil:
		fmt.Fprintf(p.w, "%s%s\n", clearLine, text)
	case p.log != nil:
		fmt.Fprintln(p.log, text)
	}
}

// stage says which part of a capture goes on.
func (p *progress) stage(c capture.Progress) {
	if c.Item != "" && c.Stage != ondisk.StageVerify {
		p.detail(c.Item)
		return
	}
	switch c.Stage {
	case ondisk.StageOpen:
		p.say("loading the model")
	case ondisk.StageWarmup:
		p.say(fmt.Sprintf("warming up, round %d of %d", c.N, c.Of))
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

// verifying tells that the n-th of so many traces is being read back.
func (p *progress) verifying(n, of int, path string) {
	p.say(fmt.Sprintf("verifying trace %d of %d: %s", n, of, filepath.Base(path)))
}

// close takes the line away. It may be called twice.
func (p *progress) close() {
	if p.w == nil {
		return
	}
	close(p.stop)
	p.ended.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.w = nil
}
