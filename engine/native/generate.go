package native

import (
	"context"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/schedule"
)

// The places outside the model where time goes.
var (
	scheduleSite    = &llm.Site{Name: "inferprof::schedule"}
	argmaxSite      = &llm.Site{Name: "aten::argmax", Module: "sampler"}
	multinomialSite = &llm.Site{Name: "aten::multinomial", Module: "sampler"}
	detokenizeSite  = &llm.Site{Name: "inferprof::detokenize"}
)

// Generate answers the requests, several at once, each as if it were alone.
func (e *Engine) Generate(ctx context.Context, requests []engine.Request) ([]engine.Output, error) {
	var all []*generation
	for i, r := range requests {
		list, err := e.newGenerations(i, r)
		if err == nil {
			err = e.checkRoom(list)
		}
		if err != nil {
			return nil, usagef("request %d: %v", i, err)
		}
		all = append(all, list...)
	}
	for _, g := range all {
		e.add(g)
	}
	err := e.run(ctx, all)
	outputs := make([]engine.Output, len(all))
	for i, g := range all {
		g.close()
		outputs[i] = *g.out
	}
	return outputs, err
}

// run runs steps until all has been answered.
func (e *Engine) run(ctx context.Context, all []*generation) error {
	defer e.settle()
	for len(e.live) > 0 {
		if err := ctx.Err(); err != nil {
			e.abortAll()
			return err
		}
		e.step()
		for _, g := range all {
			if g.err != nil {
				e.abortAll()
				return g.err
			}
		}
	}
	return nil
}

// checkRoom refuses answers that the key-value cache could never hold.
func (e *Engine) checkRoom(list []*generation) error {
	for _, g := range list {
		if err := e.scheduler.Check(g.limit); err != nil {
			return usagef("%v", err)
		}
	}
	return nil
}

// add lets an answer wait for its turn.
func (e *Engine) add(g *generation) {
	e.scheduler.Add(&g.sequence)
	e.live[&g.sequence] = g
}

// abort gives an answer up; one that has ended stays as it is.
func (e *Engine) abort(g *generation) {
	if _, ok := e.live[&g.sequence]; ok {
		e.scheduler.Finish(&g.sequence)
		delete(e.live, &g.sequence)
	}
}

func (e *Engine) abortAll() {
	for _, g := range e.live {
		e.abort(g)
	}
}

// step computes one step and picks the tokens that follow from it. It returns what it computed, good until the next, or
// nil if there was nothing to do.
func (e *Engine) step() *schedule.Step {
	planning := llm.Now()
	step := e.scheduler.Next()
	if step == nil {
		return nil
	}
	j := e.prepare(step)
	if r := j.recorder; r != nil {
		e.profile.count(e.counters(step))
		r.Span(&llm.Span{Site: scheduleSite, Start: planning, Elapsed: llm.Now() - planning})
	}
	start := e.compute(j)
	e.scheduler.Done(step)
	e.choose(step, j.recorder)
	e.ranks[0].endStep(j, start)
	return step
}

// prepare lays out a step for the ranks.
func (e *Engine) prepare(step *schedule.Step) job {
	b := &e.batch
	b.Tokens, b.Positions, b.Sequence = b.Tokens[:0], b.Positions[:0], b.Sequence[:0]
	b.Tables, b.LogitRows = b.Tables[:0], b.LogitRows[:0]
	for i, w := range step.Work {
		q := w.Sequence
		for p := q.Computed; p < q.Computed+w.Tokens; p++ {
			b.Tokens = append(b.Tokens, q.Tokens[p])
			b.Positions = append(b.Positions, int32(p))
			b.Sequence = append(b.Sequence, int32(i))
		}
		b.Tables = append(b.Tables, q.Table)
		if w.Last {
			b.LogitRows = append(b.LogitRows, int32(len(b.Tokens)-1))
		}
		if out := e.live[q].out; out.Scheduled.IsZero() {
			out.Scheduled = time.Now()
		}
	}
	if n := len(b.LogitRows) * e.model.VocabSize; n > len(e.logits) {
		e.logits = make([]float32, n)
	}
	j := job{batch: b, logits: e.logits}
	j.taken, j.released = e.scheduler.BlockChanges()
	if e.profile.admits(step) {
		j.name = step.Name()
		j.recorder = e.profile.recorders[0]
	}
	return j
}

// counters are the scheduler's state after planning a step.
func (e *Engine) counters(step *schedule.Step) counters {
	s := e.scheduler
	return counters{
		at: llm.Now(), running: s.Running(), waiting: s.Waiting(), kvUsage: s.KVUsage(), stats: s.Stats(),
		context: step.Context.Tokens, generation: step.Generation.Tokens,
	}
}

// compute runs a step on all ranks and returns when rank 0 began.
func (e *Engine) compute(j job) time.Duration {
	e.others.Add(len(e.ranks) - 1)
	j.done = &e.others
	for _, r := range e.ranks[1:] {
		theirs := j
		if j.recorder != nil {
			theirs.recorder = e.profile.recorders[r.number]
		}
		r.jobs <- theirs
	}
	start := e.ranks[0].run(j)
	e.others.Wait()
	return start
}

// choose picks the next token of every sequence whose newest token was computed, and ends those that are done.
func (e *Engine) choose(step *schedule.Step, r llm.Recorder) {
	row := 0
	for _, w := range step.Work {
		if !w.Last {
			continue
		}
		g := e.live[w.Sequence]
		start := llm.Now()
		logits := e.logits[row*e.model.VocabSize : (row+1)*e.model.VocabSize]
		row++
		finished := g.next(logits)
		sampled := llm.Now()
		finished = finished || g.accepted()
		if r != nil {
			site := multinomialSite
			if g.params.Temperature == 0 {
				site = argmaxSite
			}
			r.Span(&llm.Span{Site: site, Start: start, Elapsed: sampled - start, Bytes: 4 * int64(len(logits))})
			r.Span(&llm.Span{Site: detokenizeSite, Start: sampled, Elapsed: llm.Now() - sampled})
		}
		if finished {
			e.scheduler.Finish(w.Sequence)
			delete(e.live, w.Sequence)
		}
		if g.changed != nil {
			g.changed(finished)
		}
	}
}

// settle tells the ranks which blocks came back after the last step.
func (e *Engine) settle() {
	taken, released := e.scheduler.BlockChanges()
	for _, r := range e.ranks {
		r.shard.ReleaseBlocks(released)
		r.shard.TakeBlocks(taken)
		r.shard.SetRecorder(nil)
	}
}
