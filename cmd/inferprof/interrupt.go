package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameInterrupt is how soon a second signal is still the first one: what starts us (timeout, make, npm, our own sweep)
// often passes on to the process what its whole group has got from the terminal already, and on a busy machine takes a
// while to.
const sameInterrupt = 500 * time.Millisecond

// interruptible returns a context that ends at the first Ctrl-C, SIGTERM, or loss of the terminal (unless nohup says to
// ignore that), so that a profile is stopped and kept, after note has said what becomes of it. A second one calls giveUp, which ends what is waited for even so, and
// the next ends the process at once; without giveUp the second does. release gives the signals back.
func interruptible(parent context.Context, stderr io.Writer, note, giveUp func()) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	steps := []func(){func() {
		note()
		cancel()
	}}
	if giveUp != nil {
		steps = append(steps, giveUp)
	}
	steps = append(steps, func() {
		fmt.Fprintln(stderr, "\ninferprof: aborted: traces that were being written are lost")
		os.Exit(exitInterrupted)
	})
	done := make(chan struct{})
	go func() {
		var last time.Time
		for {
			select {
			case s := <-signals:
				if !last.IsZero() && (time.Since(last) < sameInterrupt || s == syscall.SIGHUP) { // a terminal that goes insists on nothing
					continue
				}
				steps[0]()
				steps, last = steps[1:], time.Now()
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		if ctx.Err() == nil { // else the process is ending, and says with what
			signal.Stop(signals)
		}
		close(done)
		cancel()
	}
}
