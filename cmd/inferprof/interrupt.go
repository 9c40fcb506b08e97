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
// ignore that), so that a profile is stopped and kept. A second one ends the process at once. release gives the signals
// back.
func interruptible(parent context.Context, stderr io.Writer, note func(string)) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
		case <-done:
			return
		}
		note("interrupted: stopping the profiler and keeping its traces (again to abort)")
		cancel()
		first := time.Now()
		for {
			select {
			case s := <-signals:
				if time.Since(first) < sameInterrupt || s == syscall.SIGHUP { // a terminal that goes insists on nothing
					continue
				}
				fmt.Fprintln(stderr, "\ninferprof: aborted: traces that were being written are lost")
				os.Exit(exitInterrupted)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}
