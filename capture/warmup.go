package capture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
)

// Warming up. Engines compile, allocate and record graphs when work of a new shape first comes, and a profile of that shows the
// compiler. How many rounds of the workload it takes is not known beforehand: with WarmupAuto it is repeated until two rounds, one
// after the other, took equally long, or mostRounds have been in vain.
//
// Rounds are compared by what a request waits for each of its output tokens, the first one included. Unlike a round's wall time
// that does not hang on how long the outputs happen to be, nor on when requests were sent: one each second take as long on an
// engine that compiles as on one that doesn't. Where an engine doesn't tell when its tokens came, the wall time has to do. A
// difference below what a busy machine makes of a round of milliseconds is none. A round that took longer than the one before is
// as far from equal as one that took less: two that compile different things are not warm.
//
// What is not seen: a shape that no round happens to have, since sampling ended it before, and what goes on so slowly that two
// rounds differ by less than the tolerance.

const (
	mostRounds      = 10
	roundTolerance  = 0.10 // of the shorter of two rounds
	roundsAlikeTill = 20 * time.Millisecond
)

// round is a round of warming up.
type round struct {
	tookNs     int64
	perTokenNs float64 // 0: the times of its tokens are not known
}

// warmUp runs the workload without the profiler.
func (s *session) warmUp(ctx context.Context, e engine.Engine) error {
	var rounds []round
	s.manifest.Workload.WarmupAuto = s.WarmupAuto
	most, of := s.Warmup, s.Warmup
	if s.WarmupAuto {
		most, of = mostRounds, 0
	}
	for n := 1; n <= most && !(s.WarmupAuto && settled(rounds)); n++ {
		p := Progress{Stage: ondisk.StageWarmup, N: n, Of: of}
		var outputs []engine.Output
		err := s.call(p, func() (err error) {
			if s.WarmupAuto && n > 1 {
				p.Item = lastRounds(rounds)
				s.progress(p)
			}
			outputs, err = e.Generate(ctx, s.Requests)
			return err
		})
		s.manifest.Workload.WarmupRounds = n
		if err != nil {
			return err
		}
		rounds = append(rounds, roundOf(outputs, s.lastCall()))
	}
	if s.WarmupAuto && !settled(rounds) {
		s.warn("no two of %d warm-up rounds in a row took equally long: %s; what was profiled may not be what the engine does once it is warm",
			len(rounds), roundTimes(rounds))
	}
	return ctx.Err()
}

func roundOf(outputs []engine.Output, tookNs int64) round {
	r, tokens, waited := round{tookNs: tookNs}, 0, time.Duration(0)
	for i := range outputs {
		o := &outputs[i]
		if o.Finish == engine.FinishError || o.OutputTokens() == 0 || o.Arrival.IsZero() || !o.LastToken.After(o.Arrival) {
			continue
		}
		tokens += o.OutputTokens()
		waited += o.LastToken.Sub(o.Arrival)
	}
	if tokens > 0 {
		r.perTokenNs = float64(waited) / float64(tokens)
	}
	return r
}

// settled tells whether the last two rounds took equally long.
func settled(rounds []round) bool {
	if len(rounds) < 2 {
		return false
	}
	a, b := rounds[len(rounds)-2], rounds[len(rounds)-1]
	x, y := float64(a.tookNs), float64(b.tookNs)
	if max(x, y)-min(x, y) <= float64(roundsAlikeTill) {
		return true
	}
	if a.perTokenNs > 0 && b.perTokenNs > 0 {
		x, y = a.perTokenNs, b.perTokenNs
	}
	return max(x, y) <= (1+roundTolerance)*min(x, y)
}

// lastRounds says how long the last round took, and the one before.
func lastRounds(rounds []round) string {
	text := "the last " + words.Duration(time.Duration(rounds[len(rounds)-1].tookNs))
	if len(rounds) > 1 {
		text += ", before " + words.Duration(time.Duration(rounds[len(rounds)-2].tookNs))
	}
	return text
}

// roundTimes lists how long rounds took and, where that is what they are compared by, what that is for a token.
func roundTimes(rounds []round) string {
	var took, each []string
	for _, r := range rounds {
		took = append(took, words.Duration(time.Duration(r.tookNs)))
		each = append(each, words.Duration(time.Duration(r.perTokenNs)))
	}
	text := strings.Join(took, ", ")
	if !slices.ContainsFunc(rounds, func(r round) bool { return r.perTokenNs == 0 }) {
		text += fmt.Sprintf(" (for each output token a request waited %s)", strings.Join(each, ", "))
	}
	return text
}
