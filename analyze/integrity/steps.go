package integrity

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Marks of steps that were lost leave the work of a step where no step is. Between two marks there always is some: sampling, the
// draft of a speculation, what is copied for the next step. But where what was launched between two marks holds all that one of
// the steps beside it launched, by the names of the kernels and how often each comes, a mark is missing there, or the engine ran
// a batch without one. In a CPU-only trace ops stand for kernels.

const (
	// stepShare of a step's work must be there again for it to be a step's.
	stepShare = 0.9
	// fewestPieces of work make a step that can be told from other work.
	fewestPieces = 8
)

// steps finds steps that are missing between those that are marked.
func (c *inspection) steps() (int, Reason) {
	x := c.x
	if x.Options.SelectsSteps() {
		return 0, NoReason
	}
	marks := x.ChooseMarks()
	if len(marks) == 0 {
		return 0, NoSteps
	}
	c.numbers(marks)
	inside, after := piecesOf(x, marks)
	if !slices.ContainsFunc(inside, func(p pieces) bool { return len(p) > 0 }) {
		return 0, NoWorkOfSteps
	}
	lost := 0
	for i := range len(marks) - 1 {
		lost += max(times(after[i], inside[i]), times(after[i], inside[i+1]))
	}
	if lost > 0 {
		c.say(SeverityWarning, lost, 0, words.Say("lost_steps", "work like a step's lies outside the steps, {times}: marks were lost, or the engine ran batches without one",
			words.Things("times", lost, "time")))
	}
	return len(marks), NoReason
}

// numbers finds numbers that are left out where steps are numbered.
func (c *inspection) numbers(marks []index.Mark) {
	missing := int64(0)
	for i := range len(marks) - 1 {
		if a, b := marks[i].Step.Number, marks[i+1].Step.Number; a >= 0 && b > a+1 {
			missing += b - a - 1
		}
	}
	if missing > 0 {
		c.say(SeverityWarning, int(missing), 0, words.Say("lost_steps", choose(missing == 1, "{steps} is", "{steps} are")+" missing between steps {first} and {last}, by their numbers",
			words.Things("steps", missing, "step"), words.Number("first", marks[0].Step.Number), words.Number("last", marks[len(marks)-1].Step.Number)))
	}
}

// pieces are how often each kind of work was launched in some time.
type pieces map[trace.StringID]int

// piecesOf is the work that was launched in each mark, and after it up to the next one, on its thread.
func piecesOf(x *index.Index, marks []index.Mark) (inside, after []pieces) {
	inside, after = make([]pieces, len(marks)), make([]pieces, len(marks))
	for i := range marks {
		inside[i], after[i] = pieces{}, pieces{}
	}
	add := func(track trace.TrackID, at int64, name trace.StringID) {
		i, found := slices.BinarySearchFunc(marks, at, func(m index.Mark, ns int64) int { return cmp.Compare(m.StartNs, ns) })
		if !found {
			i--
		}
		switch {
		case i < 0 || marks[i].Track != track: // of other threads it is not known where it belongs
		case at < marks[i].EndNs:
			inside[i][name]++
		default:
			after[i][name]++
		}
	}
	if x.OnGPU {
		for i := range x.GPU {
			if g := &x.GPU[i]; g.Call >= 0 {
				add(x.Calls[g.Call].Track, x.Calls[g.Call].StartNs, g.Name)
			}
		}
		return inside, after
	}
	for _, s := range x.Host() {
		if x.CategoryOf(&s) == trace.CategoryCPUOp {
			add(s.Track, s.StartNs, x.Trace.Events.Name(int(s.Row)))
		}
	}
	return inside, after
}

// times is how often work holds all that a step has.
func times(work, step pieces) int {
	all, common, n := 0, 0, 0
	for name, k := range step {
		all += k
		common += min(k, work[name])
	}
	if all < fewestPieces || float64(common) < stepShare*float64(all) {
		return 0
	}
	for _, k := range work {
		n += k
	}
	return max(1, n/all)
}
