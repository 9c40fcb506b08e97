package capture

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/capture/collect"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
)

// What a profile costs. Rounds of the workload without the profiler and with it take turns, so that a machine which
// grows slower or faster meanwhile does so for both; each pair gives a ratio, and their spread says how far to trust it.
// The last profiled round is the capture itself. The traces of the others are removed again.

// measureOverhead runs all rounds but the last, which is the capture's own.
func (s *session) measureOverhead(ctx context.Context, e engine.Engine) error {
	if s.MeasureOverhead == 0 {
		return nil
	}
	m := &ondisk.Overhead{UnprofiledNs: []int64{}, ProfiledNs: []int64{}}
	s.manifest.Overhead = m
	for n := range s.MeasureOverhead {
		p := Progress{Stage: ondisk.StageOverhead, N: n + 1, Of: s.MeasureOverhead}
		if err := s.call(p, func() error { _, err := e.Generate(ctx, s.Requests); return err }); err != nil {
			return err
		}
		m.UnprofiledNs = append(m.UnprofiledNs, s.lastCall())
		if n+1 == s.MeasureOverhead {
			return nil
		}
		if err := s.profileForTime(ctx, e, p); err != nil {
			return err
		}
	}
	return nil
}

// profileForTime is a profiled round whose traces nobody wants. When its end was not waited for they are kept all the same,
// with a manifest that says that a profiler may be on.
func (s *session) profileForTime(ctx context.Context, e engine.Engine, p Progress) error {
	collection, err := s.start(ctx, e)
	if collection == nil {
		return err
	}
	startInterrupted := err != nil
	if err == nil {
		err = s.call(p, func() error { _, err := e.Generate(ctx, s.Requests); return err })
		s.manifest.Overhead.ProfiledNs = append(s.manifest.Overhead.ProfiledNs, s.lastCall())
	}
	s.end(ctx, e, collection, startInterrupted)
	r := s.collected
	if r.Abandoned {
		s.began = true
		return cmp.Or(err, ErrInterrupted)
	}
	for _, f := range r.Files {
		_ = os.Remove(f.Path)
	}
	rester := s.rester
	s.collected, s.engine, s.rester = collect.Result{}, nil, nil
	if writeErr := s.manifest.Write(s.dir.path); writeErr != nil { // nothing is recorded until the next round
		err = cmp.Or(err, directoryError(s.dir.path, writeErr))
	}
	if err = cmp.Or(err, r.Err); err != nil || rester == nil {
		return err
	}
	if busy := rester.Resting(); len(busy) > 0 { // the round to come is to show what the engine does without a profiler
		s.tell(strings.Join(busy, ", ") + " is still busy with the end of the profile")
	}
	return rester.Rest(ctx)
}

// lastCall is how long the last call took.
func (s *session) lastCall() int64 { return s.manifest.Calls[len(s.manifest.Calls)-1].DurationNs }

// finishOverhead adds the capture's own round, whose generating took elapsed ns, and sums up.
func (s *session) finishOverhead(elapsed int64) {
	m := s.manifest.Overhead
	if m == nil {
		return
	}
	m.ProfiledNs = append(m.ProfiledNs, elapsed)
	var ratios []float64
	for i := range min(len(m.ProfiledNs), len(m.UnprofiledNs)) {
		if m.UnprofiledNs[i] > 0 {
			ratios = append(ratios, float64(m.ProfiledNs[i])/float64(m.UnprofiledNs[i]))
		}
	}
	if len(ratios) == 0 {
		return
	}
	m.Ratio = ratioOf(ratios)
}

// ratioOf sums up one quotient or more.
func ratioOf(quotients []float64) ondisk.Ratio {
	slices.Sort(quotients)
	n := len(quotients)
	return ondisk.Ratio{Min: quotients[0], Median: (quotients[(n-1)/2] + quotients[n/2]) / 2, Max: quotients[n-1]}
}
