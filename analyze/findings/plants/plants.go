// Package plants makes traces whose problem is known, for tests: it takes what a profiler recorded of a real engine and
// plants one cause in it, a pause of the host, a kernel that is slower, a launch that was lost.
//
// What is planted has to have its consequences, or it would be found by its traces rather than by its effect: a host that
// pauses while the device has work to do costs nothing, and one rank that is slow holds up the others. So a cause of time is
// not painted into the rows. The trace is played again (replay.go) with the cause in it, under the rules by which it came
// about: work begins when it was launched and when the device is free, a call that waits returns when what it waits for has
// ended, a collective ends when the last rank has come. What the cause costs is then known too: the trace is longer by it.
//
// Loss and damage are no causes of time. They are edits of rows (damage.go).
//
// A Scene is the traces of all ranks of one profile; a Plant turns one into a Planted, which says what would be right to say
// of it. List has them all. Nothing here knows a rule's thresholds: a plant says by name what was done.
package plants

import "github.com/inferprof/inferprof/trace"

// Planted is a profile with a problem in it, and the truth about it.
type Planted struct {
	Ranks []*trace.Trace
	// Right are the ids of findings and problems each of which names the cause. None: nothing is wrong, and saying
	// anything that is not said of the base is.
	Right []string
	// Also are ids of what is true besides: consequences that have a rule of their own.
	Also []string
	// Timed says that the cause costs time: LostNs is by how much the device's window is longer than the base's (a CPU's: the
	// time to the end of the last step), of the rank where that is most.
	Timed  bool
	LostNs int64
}

// A Plant is one cause.
type Plant struct {
	Name string
	// Make plants it; nil if the scene has nothing to plant it in.
	Make func(s *Scene) *Planted
}
