package plants

import (
	"math/rand/v2"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// What the host does: it pauses, is slow to launch, or waits for the device.

// stepNs is how long a step takes in the middle: the time between the starts of decode steps' first work, of a CPU's between
// their marks.
func (r *Rank) stepNs() int64 {
	starts := map[int]int64{}
	if len(r.Work) == 0 {
		for i, s := range r.Steps {
			starts[i] = s.StartNs
		}
	}
	for _, w := range r.Work {
		if _, ok := starts[w.Step]; !ok {
			starts[w.Step] = w.StartNs
		}
	}
	var lengths []int64
	for _, i := range r.decodes() {
		if a, ok := starts[i]; ok {
			if b, ok := starts[i+1]; ok {
				lengths = append(lengths, b-a)
			}
		}
	}
	return median(lengths)
}

// leadNs is for how long the device still has work when the host begins a step: a pause there that is shorter costs nothing.
func (r *Rank) leadNs(step int) int64 {
	at := r.Steps[step].StartNs
	end := at
	for _, w := range r.Work {
		if w.Call >= 0 && r.Calls[w.Call].StartNs < at {
			end = max(end, w.EndNs)
		}
	}
	return end - at
}

// farAhead is how many steps a host may be ahead: a rank that is further ahead waits for others whose profile began later, and
// loses nothing by a pause.
const farAhead = 20

// steady are the decode steps that the host begins at most some steps ahead.
func (r *Rank) steady(ahead int64) (list []int) {
	for _, i := range r.decodes() {
		if r.leadNs(i) <= ahead*r.stepNs() {
			list = append(list, i)
		}
	}
	return list
}

// pausing plants pauses on the hosts of some ranks, or of all (nil).
func pausing(right, also []string, of func(r *Rank) []pause, on func(rank int) bool) func(*Scene) *Planted {
	return func(s *Scene) *Planted {
		var c score
		for i, r := range s.Ranks {
			if on != nil && !on(i) {
				continue
			}
			for _, p := range of(r) {
				p.rank = i
				c.pauses = append(c.pauses, p)
			}
		}
		if len(c.pauses) == 0 {
			return nil
		}
		right := right
		pauses := make([]int, len(s.Ranks))
		for _, p := range c.pauses {
			pauses[p.rank]++
		}
		if len(right) > 0 && 2*slices.Min(pauses) < slices.Max(pauses) {
			right = append(slices.Clone(right), "straggler_rank") // one is ahead and pauses less: the others' hosts are slower
		}
		ranks, lost := s.play(c)
		return &Planted{Ranks: ranks, Right: right, Also: also, Timed: true, LostNs: lost}
	}
}

// betweenSteps pauses before each decode step until the device has run dry, and for a share of a step more. So do those that follow.
func betweenSteps(share float64) func(*Rank) []pause {
	return func(r *Rank) (list []pause) {
		for _, i := range r.steady(farAhead) {
			list = append(list, pause{at: r.Steps[i].StartNs - 1, blocks: true, ns: int64(share * float64(r.stepNs()))})
		}
		return list
	}
}

// betweenAtRandom pauses as betweenSteps does, for up to twice the share.
func betweenAtRandom(share float64) func(*Rank) []pause {
	return func(r *Rank) []pause {
		random := rand.New(rand.NewPCG(3, 4))
		list := betweenSteps(1)(r)
		for k := range list {
			list[k].ns = int64(float64(list[k].ns) * share * 2 * random.Float64())
		}
		return list
	}
}

// insideOps pauses in the op or call in which a decode step launches its first work.
func insideOps(share float64) func(*Rank) []pause {
	return func(r *Rank) (list []pause) {
		for _, i := range r.steady(farAhead) {
			if list0 := r.works(i); len(list0) > 0 {
				c := r.Calls[r.Work[list0[0]].Call]
				list = append(list, pause{at: (c.StartNs + c.EndNs) / 2, blocks: true, ns: int64(share * float64(r.stepNs()))})
			}
		}
		return list
	}
}

// every pauses before every n-th decode step, for some steps' time.
func every(n int, steps float64) func(*Rank) []pause {
	return func(r *Rank) (list []pause) {
		decodes := r.steady(farAhead)
		if len(decodes) < 3*n {
			return nil
		}
		for k := n; k < len(decodes); k += n {
			i := decodes[k]
			list = append(list, pause{at: r.Steps[i].StartNs - 1, blocks: true, ns: int64(steps * float64(r.stepNs()))})
		}
		return list
	}
}

// nowAndThen pauses before some decode steps, chosen at random.
func nowAndThen(n int, steps float64) func(*Rank) []pause {
	return func(r *Rank) (list []pause) {
		decodes := r.steady(farAhead)
		if len(decodes) < 4*n {
			return nil
		}
		random := rand.New(rand.NewPCG(7, uint64(n)))
		for _, k := range random.Perm(len(decodes))[:n] {
			i := decodes[k]
			list = append(list, pause{at: r.Steps[i].StartNs - 1, blocks: true, ns: int64(steps * float64(r.stepNs()))})
		}
		return list
	}
}

// inPrefill pauses before each step with prompts.
func inPrefill(share float64) func(*Rank) []pause {
	return func(r *Rank) (list []pause) {
		for i := 1; i < len(r.Steps)-1; i++ {
			if !r.Steps[i].Decodes() {
				list = append(list, pause{at: r.Steps[i].StartNs - 1, blocks: true, ns: int64(share * float64(windowNs(r.Work)))})
			}
		}
		return list
	}
}

// whileAhead pauses where the device has work for longer, now and then: a host that never waits would not catch up.
func whileAhead(r *Rank) (list []pause) {
	for k, i := range r.steady(farAhead) {
		if lead := r.leadNs(i); lead > 200_000 && k%8 == 3 {
			list = append(list, pause{at: r.Steps[i].StartNs - 1, ns: lead / 4})
		}
	}
	return list
}

// slowLaunches makes each call that launches work take longer.
func slowLaunches(ns int64) func(*Rank) []pause {
	return func(r *Rank) (list []pause) {
		for _, c := range r.Calls {
			if c.Works > 0 {
				list = append(list, pause{at: c.EndNs - 1, ns: ns})
			}
		}
		return list
	}
}

// synchronising waits for the device before each decode step. A rank that is further ahead would wait for others' collectives, and
// they for it: that is not played.
func synchronising(r *Rank) (list []pause) {
	for _, i := range r.steady(2) {
		list = append(list, pause{at: r.Steps[i].StartNs, ns: 10_000, blocks: true, call: "cudaStreamSynchronize", track: r.launcher()})
	}
	return list
}

// askingWhetherDone asks in each decode step, when the device stands still already, for an event that has long been.
func askingWhetherDone(r *Rank) (list []pause) {
	for _, i := range r.steady(2) {
		list = append(list, pause{at: r.Steps[i].StartNs, ns: 4_000, call: "cudaEventSynchronize", track: r.launcher()})
	}
	return list
}

// waitingBeside has another thread wait for the device in every step, as one does that takes tokens out.
func waitingBeside(s *Scene) *Planted {
	p := &Planted{}
	for _, r := range s.Ranks {
		decodes := r.steady(2)
		if len(decodes) == 0 {
			return nil
		}
		d := newDraft(r.Trace)
		beside := d.thread(r.launcher())
		correlation, free := d.freeCorrelation(), int64(0)
		for _, i := range decodes {
			works := r.works(i)
			if len(works) == 0 {
				continue
			}
			end := r.Work[works[len(works)-1]].EndNs
			if start := max(r.Steps[i].StartNs, free); end > start {
				free = end + 8_000
				d.call("cudaEventSynchronize", beside, correlation, start, free-start)
				correlation++
			}
		}
		p.Ranks = append(p.Ranks, d.trace())
	}
	return p
}

// synchronisingInside waits for the device after half of the launches of each decode step.
func synchronisingInside(r *Rank) (list []pause) {
	calls, launcher := map[int][]int{}, r.launcher()
	for i := range r.Calls {
		if c := &r.Calls[i]; c.Works > 0 && c.Track == launcher {
			calls[r.stepAt(c.StartNs)] = append(calls[r.stepAt(c.StartNs)], i)
		}
	}
	for _, i := range r.steady(2) {
		if n := len(calls[i]); n > 1 {
			c := &r.Calls[calls[i][n/2]]
			list = append(list, pause{at: c.StartNs - 1, ns: 10_000, blocks: true, call: "cudaDeviceSynchronize", track: c.Track})
		}
	}
	return list
}

// blockingCopies copies a few bytes to ordinary memory before each decode step, as .item() and .cpu() do.
func blockingCopies(s *Scene) *Planted {
	return copyingBlocked("Memcpy DtoH (Device -> Pageable)", 2_000, 64)(s)
}

// copyingBlocked makes a copy before each decode step that the host waits for.
func copyingBlocked(name string, ns, bytes int64) func(*Scene) *Planted {
	return func(s *Scene) *Planted { return s.copyBlocked(name, ns, bytes) }
}

func (s *Scene) copyBlocked(name string, ns, bytes int64) *Planted {
	c := score{after: map[[2]int][]addition{}}
	number := 0
	for rank, r := range s.Ranks {
		for _, i := range r.steady(2) {
			at := r.Steps[i].StartNs
			last := -1
			for k := range r.Work {
				if w := &r.Work[k]; w.Call >= 0 && r.Calls[w.Call].StartNs < at {
					last = k
				}
			}
			if last < 0 {
				continue
			}
			number++
			c.pauses = append(c.pauses, pause{rank: rank, at: at, ns: ns + 13_000, blocks: true, call: "cudaMemcpyAsync", launch: number, track: r.launcher()})
			c.after[[2]int{rank, last}] = append(c.after[[2]int{rank, last}],
				addition{name: name, category: trace.CategoryMemcpy, ns: ns, bytes: bytes, number: number, launchAt: at})
		}
	}
	if number == 0 {
		return nil
	}
	ranks, lost := s.play(c)
	return &Planted{Ranks: ranks, Right: []string{"pageable_copies", "sync_in_step"}, Also: []string{"host_idle"}, Timed: true, LostNs: lost}
}
