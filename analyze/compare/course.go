package compare

import (
	"math"
	"slices"

	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/internal/words"
)

// What a median and an interval do not show of steps: that they grow or shrink over the capture, and that they are of two
// kinds. A course is no noise (spread.go); steps of two kinds are, since nobody knows how many of the next capture will be of
// which. Both are said, with numbers.

const (
	// A course is said from so many steps on, of at least so much of the median from the first step to the last, and so
	// many times what noise alone would make of the slope.
	courseSteps  = 8
	courseShare  = 0.03
	courseErrors = 4
	// Steps are of two kinds if the means of both are farther apart than so much of the median, and than so many times the
	// deviation within them (3.5 where all values between are as frequent, 2.7 of a normal distribution), and if each kind
	// is at least so large a part of them.
	kindsSteps  = 16
	kindsShare  = 0.05
	kindsApart  = 5
	kindAtLeast = 0.15
	// otherLength is by what part of their steps two captures differ for a course to be at other points of it.
	otherLength = 0.2
)

// course is a change of steps over a capture: what the first and the last fifth of them take, medians.
type course struct{ first, last float64 }

// courseOf finds a change that goes on over a run's steps.
func courseOf(ns []int64) (course, bool) {
	n := len(ns)
	if n < courseSteps {
		return course{}, false
	}
	usual := float64(stats.Median(ns))
	rise := slopeOf(ns) * float64(n-1)
	error := max(neighbours(ns), usual/1000) * math.Sqrt(12/float64(n)) // of the rise of a line fitted to independent noise
	fifth := max(2, n/5)
	c := course{float64(stats.Median(ns[:fifth])), float64(stats.Median(ns[n-fifth:]))}
	if math.Abs(rise) < courseShare*usual || math.Abs(rise) < courseErrors*error || (c.last-c.first)*rise <= 0 {
		return c, false
	}
	return c, true
}

// kinds are two speeds of steps.
type kinds struct {
	fast, slow   float64 // means
	fasts, slows int
	from         int // the first step of the second kind, where there is one change from one to the other; 0 otherwise
}

// kindsOf finds two kinds of steps: the split of them that leaves the least variance within.
func kindsOf(ns []int64) (kinds, bool) {
	n := len(ns)
	if n < kindsSteps {
		return kinds{}, false
	}
	sorted := slices.Clone(ns)
	stats.Sort(sorted)
	base := float64(sorted[0]) // squares of what is beyond it lose fewer digits
	var sum, squares float64
	for _, v := range sorted {
		sum += float64(v) - base
		squares += (float64(v) - base) * (float64(v) - base)
	}
	best, at := math.Inf(1), 0
	var lower float64
	var k kinds
	for i := 1; i < n; i++ {
		lower += float64(sorted[i-1]) - base
		a, b := lower/float64(i), (sum-lower)/float64(n-i)
		if within := squares - a*lower - b*(sum-lower); within < best {
			best, at = within, i
			k = kinds{fast: base + a, slow: base + b, fasts: i, slows: n - i}
		}
	}
	within := math.Sqrt(max(0, best) / float64(n))
	usual := float64(stats.Median(ns))
	if float64(min(k.fasts, k.slows)) < kindAtLeast*float64(n) || k.slow-k.fast < kindsShare*usual || k.slow-k.fast < kindsApart*within {
		return k, false
	}
	changes := 0
	for i := 1; i < n; i++ {
		if (ns[i] >= sorted[at]) != (ns[i-1] >= sorted[at]) {
			changes++
			k.from = i
		}
	}
	if changes != 1 {
		k.from = 0
	}
	return k, true
}

// courseNotes say what the steps of a section do besides being noisy: of each side, in the run and shape that has most steps.
func (c *pairing) courseNotes(w *sides) []words.Message {
	var out []words.Message
	var steps [2]int
	courses := false
	for k, letter := range []string{c.pair.A, c.pair.B} {
		var most *Group
		for i := range w.units {
			for _, g := range w.units[i].groups[k] {
				if g != nil && (most == nil || len(g.TotalNs) > len(most.TotalNs)) {
					most = g
				}
			}
		}
		if most == nil {
			continue
		}
		steps[k] = most.Steps
		if x, ok := kindsOf(most.TotalNs); ok {
			var change words.Message
			if x.from > 0 {
				change = words.Say("change", ", one after the other: they change at step {step} of {steps}", words.Number("step", x.from+1), words.Number("steps", len(most.TotalNs)))
			}
			out = append(out, words.Say("two_kinds", "steps of {side} are of two kinds: {fast} take about {fast_ns}, {slow} about {slow_ns}{change}; the median is of one kind alone",
				words.Name("side", letter), words.Number("fast", x.fasts), ns("fast_ns", x.fast), words.Number("slow", x.slows), ns("slow_ns", x.slow), words.Inner("change", change)))
		} else if x, ok := courseOf(most.TotalNs); ok {
			courses = true
			format := "steps of {side} get longer"
			if x.last < x.first {
				format = "steps of {side} get shorter"
			}
			out = append(out, words.Say("course", format+" over the capture, {first_ns} in the first fifth of them and {last_ns} in the last ({percent}): "+
				"a course, such as of attention over a longer context or of clocks, is no noise and does not widen the interval", words.Name("side", letter),
				ns("first_ns", x.first), ns("last_ns", x.last), words.Value("percent", 100*(x.last/x.first-1), words.UnitMore)))
		}
		if n, all := outliersOf(w, k); n > 0 {
			out = append(out, words.Say("outliers", "far off the median of {side}: {outliers} of {steps} steps, which take {outliers_ns} in all; "+
				"they count in the mean and the p99, and are no typical steps", words.Name("side", letter), words.Number("outliers", n), words.Number("steps", stepCount(w, k)),
				words.Ns("outliers_ns", all)))
		}
	}
	if few, many := min(steps[0], steps[1]), max(steps[0], steps[1]); courses && float64(few) < (1-otherLength)*float64(many) {
		out = append(out, words.Say("other_length", "{baseline_steps} steps of {baseline} are compared with {steps} of {side}: "+
			"with such a course, a part of the difference may be where in it the medians are", words.Number("baseline_steps", steps[0]), words.Name("baseline", c.pair.A),
			words.Number("steps", steps[1]), words.Name("side", c.pair.B)))
	}
	return out
}

// outliersOf counts a side's steps that are far off their median, and their time; first steps aside, which are said apart.
func outliersOf(w *sides, k int) (n int, ns int64) {
	for i := range w.units {
		for _, g := range w.units[i].groups[k] {
			if g == nil {
				continue
			}
			n, ns = n+g.Outliers, ns+g.OutliersNs
			off := farOff(g.TotalNs)
			for _, first := range g.FirstNs {
				if off(first) {
					n, ns = n-1, ns-first
				}
			}
		}
	}
	return n, ns
}

func stepCount(w *sides, k int) (n int) {
	for i := range w.units {
		for _, g := range w.units[i].groups[k] {
			if g != nil {
				n += g.Steps
			}
		}
	}
	return n
}
