package native

import (
	"context"
	"errors"
	"testing"

	"github.com/inferprof/inferprof/engine"
)

// A stop returns the traces of its own profile, once: also of one that ended by itself, and not to a second stop.
func TestAsyncStopsOnce(t *testing.T) {
	ctx := context.Background()
	c := everything(t.TempDir())
	a, err := OpenAsync(ctx, engine.Config{Profiler: c}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	notProfiling := func(when string) {
		t.Helper()
		if files, err := a.StopProfile(ctx); !errors.Is(err, engine.ErrNotProfiling) || files != nil {
			t.Errorf("%s: %v, %v", when, files, err)
		}
	}
	notProfiling("before any profile")
	seen := map[string]bool{}
	for _, steps := range []int{0, 2} { // until the stop, and until it ends by itself
		c.MaxIterations = steps
		if err := a.StartProfile(c); err != nil {
			t.Fatal(err)
		}
		stream, err := a.Submit(ctx, prompts(1, 4)[0])
		if err != nil {
			t.Fatal(err)
		}
		for deltas := []Delta{{}}; len(deltas) > 0; {
			if deltas, err = stream.Next(ctx); err != nil {
				t.Fatal(err)
			}
		}
		given, cancel := context.WithCancel(ctx)
		cancel()
		_, err = a.StopProfile(given) // the wait may be given up, and begun again
		if err == nil {
			notProfiling("a second stop")
			continue
		}
		files, err := a.StopProfile(ctx)
		if err != nil || len(files) != 1 || seen[files[0]] {
			t.Errorf("bound %d: files %v, %v", steps, files, err)
		}
		seen[files[0]] = true
		notProfiling("a second stop")
	}
}
