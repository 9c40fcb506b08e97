package index

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

// part is what lies between two copies to the host, and may be a step.
type part struct {
	Mark
	launches, graphs int
	copied           bool // it ends with a copy
}

// inferSteps guesses the steps of a trace from its graph launches; nil if they show no rhythm.
func (x *Index) inferSteps() []Mark {
	if !x.OnGPU {
		return nil
	}
	return stepsOfParts(x.cutAfterCopies(x.graphThread()))
}

// graphThread lists, in order of time, the calls that launched something on the thread that launches most graphs; nil if
// that is too few to say anything.
func (x *Index) graphThread() []*Call {
	graphs := map[trace.TrackID]int{}
	main, most := trace.TrackID(0), 0
	for i := range x.Calls {
		if c := &x.Calls[i]; c.GPUEvents > 0 && x.IsGraphLaunch(c) {
			if graphs[c.Track]++; graphs[c.Track] > most {
				main, most = c.Track, graphs[c.Track]
			}
		}
	}
	if most < fewestReplays {
		return nil
	}
	var launches []*Call
	for i := range x.Calls {
		if c := &x.Calls[i]; c.Track == main && c.GPUEvents > 0 {
			launches = append(launches, c)
		}
	}
	slices.SortStableFunc(launches, func(a, b *Call) int { return cmp.Compare(a.StartNs, b.StartNs) })
	return launches
}

// cutAfterCopies parts launches of one thread after each copy from device to host, or several in a row.
func (x *Index) cutAfterCopies(launches []*Call) []part {
	unknown := trace.Step{
		Dialect: trace.DialectGraphLaunch, Phase: trace.StepUnknown, Number: trace.Absent,
		ContextRequests: trace.Absent, ContextTokens: trace.Absent, GenerationRequests: trace.Absent, GenerationTokens: trace.Absent,
	}
	var parts []part
	for _, c := range launches {
		copied := isToHost(x.Name(x.GPU[c.FirstGPU].Name))
		n := len(parts)
		if n == 0 || parts[n-1].copied && !copied {
			parts = append(parts, part{Mark: Mark{StartNs: c.StartNs, Row: -1, Track: c.Track, Name: c.Name, Step: unknown}})
			n++
		}
		p := &parts[n-1]
		p.EndNs, p.copied = max(p.EndNs, c.EndNs), copied
		p.launches++
		if x.IsGraphLaunch(c) {
			if p.graphs == 0 {
				p.Name = c.Name
			}
			p.graphs++
		}
	}
	return parts
}

// stepsOfParts joins parts that are none by themselves to the step after them; nil if too few replay a graph.
func stepsOfParts(parts []part) []Mark {
	var steps []Mark
	replays := 0
	for i := 0; i < len(parts); i++ {
		p := parts[i]
		for p.graphs == 0 && p.launches < promptLaunches && i+1 < len(parts) {
			i++
			next := parts[i]
			next.StartNs = p.StartNs
			next.launches += p.launches
			p = next
		}
		switch {
		case p.graphs > 0:
			replays++
		case p.launches < promptLaunches: // the last one: the tail of the step before
			if n := len(steps); n > 0 {
				steps[n-1].EndNs = p.EndNs
			}
			continue
		}
		steps = append(steps, p.Mark)
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
