package native

import (
	"sync"
	"time"

	"github.com/inferprof/inferprof/llm"
	"github.com/inferprof/inferprof/llm/model"
	"github.com/inferprof/inferprof/llm/tensor"
)

// rank is one rank: a shard of the model and the threads that compute it. Rank 0 runs on the caller's goroutine, the
// others each on one of their own.
type rank struct {
	number int
	shard  *model.Shard
	pool   *tensor.Pool
	late   time.Duration // in every step, on purpose; 0 as a rule
	jobs   chan job      // nil for rank 0
	ended  sync.WaitGroup
}

// job is one step of one rank.
type job struct {
	name            string // of the step; "" if it is not recorded
	recorder        llm.Recorder
	batch           *model.Batch
	logits          []float32
	taken, released []int32 // key-value blocks that changed hands before the step
	done            *sync.WaitGroup
}

func newRank(number int, shard *model.Shard, pool *tensor.Pool, late time.Duration) *rank {
	r := &rank{number: number, shard: shard, pool: pool, late: late}
	if number > 0 {
		r.jobs = make(chan job)
		r.ended.Go(func() {
			for j := range r.jobs {
				start := r.run(j)
				r.endStep(j, start)
				j.done.Done()
			}
		})
	}
	return r
}

// run computes a step and returns when it began.
func (r *rank) run(j job) time.Duration {
	r.shard.SetRecorder(j.recorder)
	start := llm.Now()
	r.shard.ReleaseBlocks(j.released)
	r.shard.TakeBlocks(j.taken)
	if r.late > 0 {
		time.Sleep(r.late)
		if j.recorder != nil {
			j.recorder.Span(&llm.Span{Site: lateSite, Start: start, Elapsed: llm.Now() - start})
		}
	}
	r.shard.Forward(j.batch, j.logits)
	return start
}

// lateSite is where a rank is that is made late on purpose.
var lateSite = &llm.Site{Name: "inferprof::slow_rank", Module: "test"}

// endStep records the step itself.
func (r *rank) endStep(j job, start time.Duration) {
	if j.recorder != nil {
		site := &llm.Site{Kind: llm.KindStep, Name: j.name}
		j.recorder.Span(&llm.Span{Site: site, Start: start, Elapsed: llm.Now() - start})
	}
}

func (r *rank) close() {
	if r.jobs != nil {
		close(r.jobs)
		r.ended.Wait()
	}
	r.pool.Close()
}
