package findings

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/trace"
)

// What the profiler does to a profile.

// unlinkedShare of the GPU's time without a launch leaves steps and ops too short by as much.
const unlinkedShare = 0.01

// unlinkedKernels: GPU work whose launch is not in the trace, so that no step and no op is known to have made it. A stream runs
// in the order of launches: what runs before any work with a launch, on its stream, was launched before it.
func unlinkedKernels(rv *rankView) *analyze.Finding {
	var ns, all, inStepsNs int64
	n := 0
	first := map[int64]int{}   // of each stream: unlinked pieces before the first with a launch
	late := 0                  // those after it
	linked := map[int64]bool{} // streams that have run something with a launch
	var longest *work
	for i := range rv.work {
		w := &rv.work[i]
		all += w.EndNs - w.StartNs
		if w.Call >= 0 {
			linked[w.Stream] = true
			continue
		}
		n++
		ns += w.EndNs - w.StartNs
		if rv.inSteps(w) {
			inStepsNs += w.EndNs - w.StartNs
		}
		if linked[w.Stream] {
			late++
		} else {
			first[w.Stream]++
		}
		if longest == nil || w.EndNs-w.StartNs > longest.EndNs-longest.StartNs {
			longest = w
		}
	}
	if n == 0 || len(rv.x.Calls) == 0 || ratio(ns, all) < unlinkedShare {
		return nil
	}
	early := 0 // of streams that have run nothing with a launch, nothing is known
	for stream, pieces := range first {
		if linked[stream] {
			early += pieces
		}
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(inStepsNs, rv.steps()),
		Evidence:       []analyze.Evidence{nanoseconds("unlinked_time", ns)},
		Events:         []analyze.EventRef{rv.ref(longest.Row)},
		Try:            "profile a step earlier than the one to look at; check that runtime calls are recorded (activities)",
	}
	say(f, "%s of %s pieces of GPU work (%s of their time) have no launch in the trace: no step and no op is known to have made them",
		number("unlinked", n), number("gpu_events", len(rv.work)), share("of_gpu_time", ns, all))
	if f.Evidence = append(f.Evidence, number("before_all_with_a_launch", early)); early == n {
		say(f, "; they run before all that have one, on their streams, as what was launched before the profile began")
	} else if early > 0 {
		say(f, "; %s of them run before all that have one, on their streams, as what was launched before the profile began",
			number("before_all_with_a_launch", early))
	}
	if late > 0 {
		say(f, "; %s of them run after some that have one, on their streams: their launches are lost, or were not recorded", number("after_some_with_a_launch", late))
	}
	return f
}

// unlinked counts the kernels of whose launch nothing is known.
func (rv *rankView) unlinked() (n int) {
	for i := range rv.work {
		if w := &rv.work[i]; w.Call < 0 && w.Category == trace.CategoryKernel {
			n++
		}
	}
	return n
}

// graphUnderrecorded: replays of a graph whose kernels the profiler did not write down.
func graphUnderrecorded(rv *rankView) *analyze.Finding {
	r := rv.rank.Replays
	if r == nil || r.Empty+r.Short == 0 || r.Short == 0 && r.LostKernels > 0 && rv.unlinked() >= r.LostKernels {
		return nil // of what seems lost the launches are, as unlinked_kernels says
	}
	at := slices.IndexFunc(rv.x.Calls, func(c index.Call) bool { return c.StartNs == r.FirstNs && rv.x.IsGraphLaunch(&c) })
	if at < 0 {
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(r.LostNs, rv.steps()),
		Evidence: []analyze.Evidence{number("short_replays", r.Short), number("kernels_missing", r.LostKernels),
			nanoseconds("estimated_time_missing", r.LostNs)},
		Events: []analyze.EventRef{rv.ref(rv.x.Calls[at].Row)},
		Try: "profile fewer steps at a time, larger profiler buffers; on ROCm a newer roctracer; do not trust this trace's " +
			"idle times",
	}
	say(f, "%s of %s graph replays have fewer kernels in the trace than others like them (%s have none): busy times are too low, idle "+
		"times too high",
		number("replays_with_fewer", r.Empty+r.Short), number("graph_launches", r.Launches), number("empty_replays", r.Empty))
	return f
}

// worstUnlessTwice: where events are there twice, of two launches of one replay one has no kernels.
func worstUnlessTwice(v *view, found []*analyze.Finding) *analyze.Finding {
	if slices.ContainsFunc(v.result.Problems, func(p analyze.Problem) bool { return p.ID == "duplicates" }) {
		return nil
	}
	return v.worst(found)
}

// firstStepRatio is by how much the first step must be longer than others like it: caches, clocks and the profiler's
// own first buffers make it so.
const firstStepRatio = 1.5

// worstUnlessSkewed: that ranks began at different times, or compiled, is a finding of its own.
func worstUnlessSkewed(v *view, found []*analyze.Finding) *analyze.Finding {
	if v.skewed() {
		return nil
	}
	found = slices.Clone(found)
	for i, f := range found {
		if f != nil && v.compiledFirst(f.StakeNsPerStep*int64(v.ranks[i].steps())) {
			found[i] = nil
		}
	}
	return v.worst(found)
}

// firstStepSkew: the first step of the profile is slower than those like it.
func firstStepSkew(rv *rankView) *analyze.Finding {
	if len(rv.iterations) < 4 {
		return nil
	}
	first := rv.step(0)
	var others []int64
	for i := 1; i < len(rv.iterations); i++ {
		s := rv.step(i)
		if s.Closed() && s.Phase == first.Phase && s.ContextTokens == first.ContextTokens && s.GenerationRequests == first.GenerationRequests {
			others = append(others, s.TimeNs)
		}
	}
	usual := stats.Median(others)
	row := rv.stepRow(first)
	if !first.Closed() || len(others) < 3 || float64(first.TimeNs) < firstStepRatio*float64(usual) || row < 0 {
		return nil
	}
	f := &analyze.Finding{
		StakeNsPerStep: quotient(first.TimeNs-usual, rv.steps()),
		Events:         []analyze.EventRef{rv.ref(row)},
		Try:            "leave the first steps out (delay_iterations, or more warm-up rounds)",
	}
	say(f, "the first step of the profile takes %s, %s others like it %s: means contain it, medians do not",
		nanoseconds("first_step", first.TimeNs), number("others", len(others)), nanoseconds("median_of_others", usual))
	return f
}

// stopNs before the end of all events is where the profiler's own waiting for the device is found.
const stopNs = 20_000_000

// exportFrozeEngine: the profiler stopped on the thread that runs the steps, right after a step that had requests. Whether they
// still ran is not in the trace: an engine that schedules ahead makes one step more than the requests need. If they did, they
// wait until the trace is written, which the profile itself can not show.
func exportFrozeEngine(rv *rankView) *analyze.Finding {
	if len(rv.rank.Steps) == 0 || rv.rank.Engine == "" { // a script's last step may be its last
		return nil
	}
	last := &rv.rank.Steps[len(rv.rank.Steps)-1]
	for i := len(rv.rank.Steps) - 1; i > 0 && last.StartNs < rv.rank.Steps[i-1].StartNs; i-- {
		last = &rv.rank.Steps[i-1]
	}
	if last.GenerationRequests <= 0 || last.Phase != trace.StepDecode && last.Phase != trace.StepMixed {
		return nil
	}
	row := rv.stepRow(last)
	if row < 0 {
		return nil
	}
	track := rv.t.Events.Track(int(row))
	for i := len(rv.x.Calls) - 1; i >= 0; i-- {
		c := &rv.x.Calls[i]
		if c.StartNs < last.StartNs+last.CPUNs || c.StartNs > rv.rank.LastNs {
			break
		}
		name := rv.name(c.Name)
		if c.Track != track || name != "cudaDeviceSynchronize" && name != "hipDeviceSynchronize" || rv.rank.LastNs-c.EndNs > stopNs {
			continue
		}
		f := &analyze.Finding{
			Inferred: true,
			Events:   []analyze.EventRef{rv.ref(row), rv.ref(c.Row)},
			Try: "measure throughput and latency in a run without profiling, or stop the profile when no requests run; a profile " +
				"without stacks and shapes is written faster",
		}
		say(f, "the profiler stopped on the engine's own thread, %s after the last step recorded, which had %s %s: any that still ran "+
			"wait until the trace is written, "+
			"and their latencies are not the engine's", nanoseconds("from_last_step_to_stop", c.StartNs-last.StartNs-last.CPUNs),
			number("requests_in_last_step", int(last.GenerationRequests)), noun(int(last.GenerationRequests), "request"))
		if ns := rv.stopTime(); ns > 0 {
			f.Evidence = append(f.Evidence, nanoseconds("profiler_stopping_at_least", ns))
		}
		return f
	}
	return nil
}

// stopTime is how long the profiler took from the end of its span to closing the window; 0 if the trace does not say.
func (rv *rankView) stopTime() int64 {
	e := &rv.t.Events
	id, ok := rv.t.Strings.Lookup("Record Window End")
	var end, closed int64
	for i := 0; ok && i < e.Len(); i++ {
		switch {
		case e.Category(i) == trace.CategoryTrace:
			end = max(end, e.EndNs(i))
		case e.Name(i) == id:
			closed = e.StartNs(i)
		}
	}
	if end == 0 {
		return 0
	}
	return max(0, closed-end)
}

// pythonStacks: recording Python frames slows the host, and with it everything that waits for it.
func pythonStacks(rv *rankView) *analyze.Finding {
	if rv.x.Frames == 0 || len(rv.rank.Steps) == 0 {
		return nil
	}
	e := &rv.t.Events
	f := &analyze.Finding{
		Inferred: true,
		Evidence: []analyze.Evidence{number("python_frames", rv.x.Frames), number("events", e.Len())},
		Events:   []analyze.EventRef{rv.ref(rv.x.LongestFrame)},
		Try: "profile without stacks to measure (" + choose(rv.rank.Engine == "vllm", "torch_profiler_with_stack=false",
			"with_stack=False") + "), with them to find the code",
	}
	say(f, "Python stacks were recorded: %s frames per step, %s of the events; recording them takes the host time, by how much the "+
		"trace does not say",
		mean("python_frames_per_step", rv.x.Frames, rv.steps()), share("of_events", int64(rv.x.Frames), int64(e.Len())))
	return f
}
