package server

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	at := time.Unix(1_795_000_000, 0)
	type seen struct{ date, sent, received time.Duration } // since at
	for _, c := range []struct {
		name    string
		answers []seen
		want    time.Duration
	}{
		{"no date", nil, 0},
		{"the same", []seen{{0, 300 * time.Millisecond, 900 * time.Millisecond}}, 0},
		{"a second began meanwhile", []seen{{time.Second, 900 * time.Millisecond, 1100 * time.Millisecond}}, 0},
		{"a date that is old, once", []seen{{0, 500 * time.Millisecond, 600 * time.Millisecond}, {0, 4 * time.Second, 4 * time.Second}}, 0},
		{"old first", []seen{{0, 4 * time.Second, 4 * time.Second}, {6 * time.Second, 6 * time.Second, 6 * time.Second}}, 0},
		{"behind", []seen{{0, 61 * time.Second, 62 * time.Second}, {time.Second, 63 * time.Second, 63 * time.Second}}, -60 * time.Second},
		{"ahead", []seen{{90 * time.Second, 0, 30 * time.Second}, {91 * time.Second, 30 * time.Second, 31 * time.Second}}, 60 * time.Second},
	} {
		var k clock
		for _, a := range c.answers {
			k.see(at.Add(a.date), at.Add(a.sent), at.Add(a.received))
		}
		if got := k.skew(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// An engine is at rest when the stops of all its servers are answered.
func TestRest(t *testing.T) {
	answered, open := make(chan struct{}), make(chan struct{})
	close(answered)
	e := &Engine{endpoints: []*endpoint{{}, {stopAnswered: answered}, {stopAnswered: open}}}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Rest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a stop without an answer: %v", err)
	}
	close(open)
	if err := e.Rest(context.Background()); err != nil {
		t.Error(err)
	}
}
