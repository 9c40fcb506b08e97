// Package schedule decides what each engine step computes (continuous batching, Yu et al. 2022; with chunked prefill,
// Agrawal et al. 2023; as vLLM does it): sequences join and leave the running batch between steps, so that a short answer
// never waits for a long one.
//
// A step has a budget of tokens. The running sequences come first, in the order in which they began: one token each for
// those that generate, what is left of the prompt for those that still read it, as far as the budget goes. Waiting
// sequences get the rest; a prompt that is longer than that is computed in pieces, beside the others' tokens. When
// key-value blocks run out the newest running sequence gives its blocks back, waits, and is computed anew: time is lost,
// no answer.
//
// With prefix caching a sequence that begins like an earlier one takes over the blocks that hold the beginning
// (kvcache.Blocks) and computes only what follows: at least its last token, whose logits are wanted.
package schedule

import (
	"fmt"

	"github.com/inferprof/inferprof/llm/kvcache"
)

// Sequence is one request as the scheduler sees it.
type Sequence struct {
	Tokens   []int32 // the prompt, then what was generated
	Prompt   int     // number of prompt tokens
	Computed int     // tokens whose keys and values are cached
	Cached   int     // of them, those found in the prefix cache when the sequence began
	Table    []int32 // block table
	Salt     string  // only sequences of the same salt share blocks

	hashes []kvcache.Hash // of full blocks, as far as they were needed
	kept   int            // blocks that the cache knows
	begun  bool
}

// prefilling tells whether more than the newest token waits to be computed.
func (q *Sequence) prefilling() bool {
	return len(q.Tokens)-q.Computed > 1 || len(q.Tokens) == q.Prompt
}

// hash is the hash of a full block.
func (q *Sequence) hash(block int) kvcache.Hash {
	for i := len(q.hashes); i <= block; i++ {
		before := kvcache.Salt(q.Salt)
		if i > 0 {
			before = q.hashes[i-1]
		}
		q.hashes = append(q.hashes, before.Next(q.Tokens[i*kvcache.BlockTokens:(i+1)*kvcache.BlockTokens]))
	}
	return q.hashes[block]
}

// Work is one sequence's part of a step.
type Work struct {
	Sequence *Sequence
	Tokens   int  // computed in this step, from Sequence.Computed on
	Last     bool // they end with the sequence's newest token: its successor can be chosen
}

// Step is what one step computes.
type Step struct {
	Work       []Work
	Context    Share // sequences that still read their prompt, or are computed anew
	Generation Share // sequences of which only the newest token is new
}

// Share is a part of a step.
type Share struct{ Sequences, Tokens int }

// Tokens is the number of tokens in the step.
func (s *Step) Tokens() int { return s.Context.Tokens + s.Generation.Tokens }

// Name is vLLM's annotation of the step: execute_context_N(T)_generation_M(U), N requests with T tokens in prefill, M
// with U in decode.
func (s *Step) Name() string {
	return fmt.Sprintf("execute_context_%d(%d)_generation_%d(%d)", s.Context.Sequences, s.Context.Tokens, s.Generation.Sequences, s.Generation.Tokens)
}

// Options bound what a step computes.
type Options struct {
	MaxSequences  int // running at once
	MaxTokens     int // computed in one step
	PrefixCaching bool
}

// Stats are what has been decided so far.
type Stats struct {
	Preemptions   int
	PrefixQueries int // tokens of sequences that began, with prefix caching
	PrefixHits    int // and those of them that were found
}

// Scheduler holds the sequences that wait and those that run.
type Scheduler struct {
	options          Options
	blocks           *kvcache.Blocks
	waiting, running []*Sequence
	step             Step
	stats            Stats
}

// New makes a scheduler.
func New(blocks *kvcache.Blocks, o Options) *Scheduler {
	return &Scheduler{options: o, blocks: blocks}
}

// Check says why a sequence could never grow to longest tokens.
func (s *Scheduler) Check(longest int) error {
	if need := kvcache.Needed(longest); need > s.blocks.Total() {
		return fmt.Errorf("%d tokens need %d key-value blocks, there are %d", longest, need, s.blocks.Total())
	}
	return nil
}

// Add lets a sequence, one that Check has nothing against, wait for its turn.
func (s *Scheduler) Add(q *Sequence) { s.waiting = append(s.waiting, q) }

// Waiting is the number of sequences that have not begun, or have to begin anew.
func (s *Scheduler) Waiting() int { return len(s.waiting) }

// Running is the number of sequences that have begun and not ended.
func (s *Scheduler) Running() int { return len(s.running) }

// Stats tells what has been decided so far.
func (s *Scheduler) Stats() Stats { return s.stats }

// KVUsage is the share of key-value blocks in use.
func (s *Scheduler) KVUsage() float64 {
	return 1 - float64(s.blocks.Free())/float64(max(1, s.blocks.Total()))
}

// Next plans a step, or returns nil when nothing is left. The step is good until the next call. It must be run: then the
// caller calls Done, and appends a token to each sequence whose work was Last, or calls Finish for it.
func (s *Scheduler) Next() *Step {
	s.step = Step{Work: s.step.Work[:0]}
	if whole := s.planRunning(); whole {
		s.planWaiting()
	}
	if len(s.step.Work) == 0 {
		return nil
	}
	return &s.step
}

// Done notes that a step was computed.
func (s *Scheduler) Done(step *Step) {
	for _, w := range step.Work {
		w.Sequence.Computed += w.Tokens
	}
}

// Finish ends a sequence, waiting or running, and takes its blocks back.
func (s *Scheduler) Finish(q *Sequence) {
	s.running, s.waiting = remove(s.running, q), remove(s.waiting, q)
	q.Table = s.blocks.Release(q.Table)
}

// BlockChanges returns the blocks taken and released since the last call, good until the next call of Next.
func (s *Scheduler) BlockChanges() (taken, released []int32) { return s.blocks.Changes() }

// planRunning plans the sequences that run. It returns false if not all of them could go on.
func (s *Scheduler) planRunning() bool {
	whole := true
	for i := 0; i < len(s.running); i++ { //nolint:intrange // preemption shortens it
		q := s.running[i]
		if s.budget() == 0 {
			return whole
		}
		for !s.plan(q) {
			// The newest is never one that this step computes already: those came before q.
			newest := s.running[len(s.running)-1]
			s.preempt(newest)
			whole = false
			if newest == q {
				break
			}
		}
	}
	return whole
}

// planWaiting lets waiting sequences begin, as many as there is room for.
func (s *Scheduler) planWaiting() {
	for len(s.waiting) > 0 && len(s.running) < s.options.MaxSequences && s.budget() > 0 {
		q := s.waiting[0]
		found := s.find(q)
		if !s.plan(q) {
			q.Table, q.Computed, q.kept = s.blocks.Release(q.Table), 0, 0
			return
		}
		if !q.begun {
			q.begun = true
			q.Cached = found
			if s.options.PrefixCaching {
				s.stats.PrefixQueries += len(q.Tokens)
				s.stats.PrefixHits += found
			}
		}
		s.waiting = s.waiting[1:]
		s.running = append(s.running, q)
	}
}

// find gives a sequence that begins the blocks that hold its beginning, and returns how many tokens they are.
func (s *Scheduler) find(q *Sequence) int {
	if !s.options.PrefixCaching {
		return 0
	}
	full := (len(q.Tokens) - 1) / kvcache.BlockTokens
	if full > 0 {
		q.hash(full - 1)
	}
	q.Table = s.blocks.Find(q.Table, q.hashes[:full])
	q.kept = len(q.Table)
	q.Computed = q.kept * kvcache.BlockTokens
	return q.Computed
}

// budget is the number of tokens that the step has room for.
func (s *Scheduler) budget() int { return s.options.MaxTokens - s.step.Tokens() }

// plan adds as many tokens of a sequence to the step as the budget allows, if there are blocks for them.
func (s *Scheduler) plan(q *Sequence) bool {
	n := min(s.budget(), len(q.Tokens)-q.Computed)
	var ok bool
	if q.Table, ok = s.blocks.Grow(q.Table, q.Computed+n); !ok {
		return false
	}
	share := &s.step.Generation
	if q.prefilling() {
		share = &s.step.Context
	}
	share.Sequences++
	share.Tokens += n
	s.step.Work = append(s.step.Work, Work{q, n, q.Computed+n == len(q.Tokens)})
	if s.options.PrefixCaching {
		for ; (q.kept+1)*kvcache.BlockTokens <= q.Computed+n; q.kept++ {
			s.blocks.Keep(q.Table[q.kept], q.hash(q.kept))
		}
	}
	return true
}

func (s *Scheduler) preempt(q *Sequence) {
	s.stats.Preemptions++
	s.running = remove(s.running, q)
	q.Table, q.Computed, q.kept = s.blocks.Release(q.Table), 0, 0
	s.waiting = append([]*Sequence{q}, s.waiting...)
}

func remove(list []*Sequence, q *Sequence) []*Sequence {
	for i, x := range list {
		if x == q {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
