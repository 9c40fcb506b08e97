package schedule

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/llm/kvcache"
)

func sequence(prompt int) *Sequence {
	q := &Sequence{Tokens: make([]int32, prompt), Prompt: prompt}
	for i := range q.Tokens {
		q.Tokens[i] = int32(i)
	}
	return q
}

// simulation runs a scheduler's steps without a model. It keeps, for each place of each block, the history that the
// key and value there stand for, as a model would: so that a sequence that reads a block it should not is found out.
type simulation struct {
	t       *testing.T
	s       *Scheduler
	blocks  *kvcache.Blocks
	options Options
	want    map[*Sequence]int // tokens to generate
	got     map[*Sequence]int
	cells   map[[2]int32]uint64 // block and place to the history up to there
	names   []string
}

func simulate(t *testing.T, blocks *kvcache.Blocks, o Options, want map[*Sequence]int) *simulation {
	return &simulation{t: t, s: New(blocks, o), blocks: blocks, options: o, want: want, got: map[*Sequence]int{}, cells: map[[2]int32]uint64{}}
}

// run runs everything to its end and checks what must hold at every step.
func (m *simulation) run() {
	m.t.Helper()
	for step := m.s.Next(); step != nil; step = m.s.Next() {
		if m.names = append(m.names, step.Name()); len(m.names) > 100000 {
			m.t.Fatal("no end")
		}
		m.step(step)
	}
	for q, n := range m.want {
		if m.got[q] != n {
			m.t.Errorf("a sequence of prompt %d generated %d tokens of %d", q.Prompt, m.got[q], n)
		}
	}
	if m.blocks.Free() != m.blocks.Total() || m.s.Running()+m.s.Waiting() != 0 || m.s.KVUsage() != 0 {
		m.t.Errorf("%d blocks of %d came back, %d sequences are left", m.blocks.Free(), m.blocks.Total(), m.s.Running()+m.s.Waiting())
	}
}

func (m *simulation) step(step *Step) {
	m.t.Helper()
	if step.Tokens() > m.options.MaxTokens || len(step.Work) > m.options.MaxSequences || m.s.Running() > m.options.MaxSequences {
		m.t.Fatalf("step %s is over the limits", step.Name())
	}
	tokens := 0
	for _, w := range step.Work { // all keys and values are stored before any is read
		q := w.Sequence
		if w.Tokens < 1 || q.Computed+w.Tokens > len(q.Tokens) || w.Last != (q.Computed+w.Tokens == len(q.Tokens)) {
			m.t.Fatalf("work of %d tokens on a sequence of %d, %d computed, last %v", w.Tokens, len(q.Tokens), q.Computed, w.Last)
		}
		if len(q.Table)*kvcache.BlockTokens < q.Computed+w.Tokens {
			m.t.Fatal("too few blocks")
		}
		h := histories(q)
		for p := q.Computed; p < q.Computed+w.Tokens; p++ {
			m.cells[cell(q, p)] = h[p]
		}
		tokens += w.Tokens
	}
	for _, w := range step.Work {
		h := histories(w.Sequence)
		for p := range w.Sequence.Computed + w.Tokens {
			if m.cells[cell(w.Sequence, p)] != h[p] {
				m.t.Fatalf("step %s reads what is not its own at place %d", step.Name(), p)
			}
		}
	}
	if tokens != step.Tokens() || step.Context.Sequences+step.Generation.Sequences != len(step.Work) ||
		step.Generation.Tokens != step.Generation.Sequences {
		m.t.Fatalf("step %s has %d tokens of %d sequences", step.Name(), tokens, len(step.Work))
	}
	work := slices.Clone(step.Work)
	m.s.Done(step)
	for _, w := range work {
		if !w.Last {
			continue
		}
		m.got[w.Sequence]++
		if m.got[w.Sequence] == m.want[w.Sequence] {
			m.s.Finish(w.Sequence)
		} else {
			w.Sequence.Tokens = append(w.Sequence.Tokens, int32(len(w.Sequence.Tokens)))
		}
	}
}

func cell(q *Sequence, p int) [2]int32 {
	return [2]int32{q.Table[p/kvcache.BlockTokens], int32(p % kvcache.BlockTokens)}
}

// histories stand for a sequence's keys and values: at each place a hash of the tokens up to there.
func histories(q *Sequence) []uint64 {
	list := make([]uint64, len(q.Tokens))
	h := maphash.String(seed, q.Salt)
	for i, id := range q.Tokens {
		h = maphash.Comparable(seed, [2]uint64{h, uint64(id)})
		list[i] = h
	}
	return list
}

var seed = maphash.MakeSeed()

func TestStepsOfATwoRequestRun(t *testing.T) {
	a, b := sequence(5), sequence(7)
	m := simulate(t, kvcache.NewBlocks(8), Options{MaxSequences: 8, MaxTokens: 100}, map[*Sequence]int{a: 2, b: 3})
	m.s.Add(a)
	m.s.Add(b)
	m.run()
	want := []string{"execute_context_2(12)_generation_0(0)", "execute_context_0(0)_generation_2(2)", "execute_context_0(0)_generation_1(1)"}
	if !slices.Equal(m.names, want) {
		t.Fatalf("steps %v, want %v", m.names, want)
	}
}

// A long prompt is computed in pieces, beside the tokens of what runs already.
func TestLongPromptsAreComputedInPieces(t *testing.T) {
	first, long := sequence(4), sequence(70)
	m := simulate(t, kvcache.NewBlocks(100), Options{MaxSequences: 8, MaxTokens: 32}, map[*Sequence]int{first: 4, long: 2})
	m.s.Add(first)
	m.s.Add(long)
	m.run()
	want := []string{
		"execute_context_2(32)_generation_0(0)", "execute_context_1(31)_generation_1(1)", "execute_context_1(11)_generation_1(1)",
		"execute_context_0(0)_generation_2(2)",
	}
	if !slices.Equal(m.names, want) {
		t.Errorf("steps %v, want %v", m.names, want)
	}
}

func TestCheckRefusesWhatCanNeverFit(t *testing.T) {
	s := New(kvcache.NewBlocks(4), Options{MaxSequences: 8, MaxTokens: 32})
	if err := s.Check(65); err == nil {
		t.Error("65 tokens were accepted into 64 places")
	}
	if err := s.Check(64); err != nil {
		t.Error(err)
	}
}

// A prompt that was computed before is found, all but its last token; under another salt it is not.
func TestPrefixesAreFound(t *testing.T) {
	blocks := kvcache.NewBlocks(64)
	o := Options{MaxSequences: 8, MaxTokens: 100, PrefixCaching: true}
	want := map[*Sequence]int{}
	m := simulate(t, blocks, o, want)
	for i, c := range []struct {
		prompt, cached int
		salt           string
	}{
		{40, 0, ""}, {40, 32, ""}, {48, 32, ""}, {49, 48, ""}, {48, 32, ""}, {33, 32, ""}, {16, 0, ""}, {17, 16, ""}, {40, 0, "a"}, {40, 32, "a"}, {40, 0, "b"},
	} {
		q := sequence(c.prompt)
		q.Salt = c.salt
		want[q] = 1 + i%2*20 // some generate full blocks of their own
		m.s.Add(q)
		before := m.s.Stats()
		m.run()
		after := m.s.Stats()
		if q.Cached != c.cached || after.PrefixHits-before.PrefixHits != c.cached || after.PrefixQueries-before.PrefixQueries != c.prompt {
			t.Errorf("request %d: %d tokens of %d found, want %d; %+v", i, q.Cached, c.prompt, c.cached, after)
		}
	}
	off := simulate(t, blocks, Options{MaxSequences: 8, MaxTokens: 100}, map[*Sequence]int{})
	q := sequence(40)
	off.want[q] = 1
	off.s.Add(q)
	off.run()
	if q.Cached != 0 || off.s.Stats() != (Stats{}) {
		t.Errorf("without prefix caching %d tokens were found; %+v", q.Cached, off.s.Stats())
	}
}

// Answers to the same prompt that begin together share its full blocks from the first step on.
func TestAnswersShareTheirPrompt(t *testing.T) {
	blocks := kvcache.NewBlocks(64)
	m := simulate(t, blocks, Options{MaxSequences: 8, MaxTokens: 1000, PrefixCaching: true}, map[*Sequence]int{})
	for range 4 {
		q := sequence(50)
		m.want[q] = 2
		m.s.Add(q)
	}
	step := m.s.Next()
	if got := step.Name(); got != "execute_context_4(56)_generation_0(0)" { // 50 and three times 50-48
		t.Errorf("step %s", got)
	}
	if used := blocks.Total() - blocks.Free(); used != 3+4 {
		t.Errorf("%d blocks in use, want 3 that are shared and 4", used)
	}
	m.step(step)
	m.run()
}

// Whatever the load and however scarce the blocks, every sequence gets its tokens, reads nothing but its own history,
// and every block comes back.
func TestRandomLoadsEnd(t *testing.T) {
	preempted, found := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 0))
		o := Options{MaxSequences: 1 + r.IntN(6), MaxTokens: 1 + r.IntN(40), PrefixCaching: r.IntN(3) > 0}
		blocks := kvcache.NewBlocks(6 + r.IntN(8))
		m := simulate(t, blocks, o, map[*Sequence]int{})
		for wave := range 3 {
			for range 1 + r.IntN(8) {
				q := sequence(1 + r.IntN(50))
				q.Salt = []string{"", "", "other"}[r.IntN(3)]
				if from := r.IntN(60); from < len(q.Tokens) { // begins like the others, goes on differently
					for i := from; i < len(q.Tokens); i++ {
						q.Tokens[i] = int32(1000 + r.IntN(3))
					}
				}
				m.want[q] = 1 + r.IntN(30)
				m.s.Add(q)
			}
			if wave == 1 { // somebody gives up in the middle
				for range r.IntN(5) {
					if step := m.s.Next(); step != nil {
						m.step(step)
					}
				}
				for q := range m.want {
					if m.got[q] < m.want[q] && r.IntN(3) == 0 {
						m.s.Finish(q)
						delete(m.want, q)
					}
				}
			}
			m.run()
			if t.Failed() {
				t.Fatalf("seed %d, %+v", seed, o)
			}
		}
		preempted += m.s.Stats().Preemptions
		found += m.s.Stats().PrefixHits
	}
	if preempted == 0 || found == 0 {
		t.Errorf("%d preemptions, %d tokens found: the test does not test them", preempted, found)
	}
}
