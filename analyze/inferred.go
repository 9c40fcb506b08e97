package analyze

import (
	"cmp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// Steps of traces that mark none. An engine that replays graphs shows its rhythm all the same: each iteration launches
// a graph, or the graphs of a model's pieces, samples, and copies the new tokens to the host, which has to know them
// before it can go on (or, running ahead, one step later). So the launches of the thread that launches graphs are cut
// after each copy from device to host. What lies between two copies and launches no graph is a prompt, if it launches
// many kernels, and else part of the step after it: engines read back a length now and then.
//
// This is a guess, and marked as one (Step.Inferred). It is made only where graphs are launched at least fewestReplays
// times between copies: an eager engine's copies may mean anything.

const (
	fewestReplays = 3
	// promptLaunches is how many launches make a step of their own: half of what a model of two layers has.
	promptLaunches = 24
)

// inferSteps guesses the steps of a trace from its graph launches; nil if they show no rhythm.
func (x *index) inferSteps() []stepSpan {
	if !x.onGPU {
		return nil
	}
	graphs := map[trace.TrackID]int{}
	main, most := trace.TrackID(0), 0
	for i := range x.calls {
		if c := &x.calls[i]; c.gpuEvents > 0 && x.isGraphLaunch(c) {
			if graphs[c.track]++; graphs[c.track] > most {
				main, most = c.track, graphs[c.track]
			}
		}
	}
	if most < fewestReplays {
		return nil
	}
	var launches []*call
	for i := range x.calls {
		if c := &x.calls[i]; c.track == main && c.gpuEvents > 0 {
			launches = append(launches, c)
		}
	}
	slices.SortStableFunc(launches, func(a, b *call) int { return cmp.Compare(a.start, b.start) })

	type part struct {
		stepSpan
		launches, graphs int
		copied           bool
	}
	unknown := trace.Step{
		Dialect: trace.DialectGraphLaunch, Phase: trace.StepUnknown, Number: trace.Absent,
		ContextRequests: trace.Absent, ContextTokens: trace.Absent, GenerationRequests: trace.Absent, GenerationTokens: trace.Absent,
	}
	var parts []part
	for _, c := range launches {
		copied := isToHost(x.name(x.gpu[c.firstGPU].name))
		n := len(parts)
		if n == 0 || parts[n-1].copied && !copied {
			parts = append(parts, part{stepSpan: stepSpan{start: c.start, track: main, name: c.name, step: unknown}})
			n++
		}
		p := &parts[n-1]
		p.end, p.copied = max(p.end, c.end), copied
		p.launches++
		if x.isGraphLaunch(c) {
			if p.graphs == 0 {
				p.name = c.name
			}
			p.graphs++
		}
	}
	var steps []stepSpan
	replays := 0
	for i := 0; i < len(parts); i++ {
		p := parts[i]
		for p.graphs == 0 && p.launches < promptLaunches && i+1 < len(parts) {
			i++
			next := parts[i]
			next.start = p.start
			next.launches += p.launches
			p = next
		}
		switch {
		case p.graphs > 0:
			replays++
		case p.launches < promptLaunches: // the last one: the tail of the step before
			if n := len(steps); n > 0 {
				steps[n-1].end = p.end
			}
			continue
		}
		steps = append(steps, p.stepSpan)
	}
	if replays < fewestReplays {
		return nil
	}
	return steps
}

// isToHost knows the names of copies from a device to the host.
func isToHost(name string) bool {
	return strings.Contains(name, "DtoH") || strings.Contains(name, "DeviceToHost")
}
