package integrity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// inspection is one trace being looked at.
type inspection struct {
	x      *index.Index
	rank   *ranks.Rank // what the trace says
	found  []Problem
	checks []Check

	doubledWork int // pieces of GPU work that are there twice
}

// say adds a problem.
func (c *inspection) say(id, severity string, count int, ns int64, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.found = append(c.found, Problem{ID: id, Severity: severity, Rank: c.rank.Rank, Count: count, Ns: ns, Text: text})
}

// check looks for one thing. look says how many it looked at, and if it could not, why; of none, and no reason, nothing is said.
func (c *inspection) check(id string, look func() (looked int, why string)) {
	before := len(c.found)
	looked, why := look()
	one := Check{ID: id, Rank: c.rank.Rank, Outcome: Passed, Looked: looked, Why: why}
	switch {
	case slices.ContainsFunc(c.found[before:], func(p Problem) bool { return p.Severity != SeverityNote }):
		one.Outcome, one.Why = Failed, ""
	case why != "":
		one.Outcome = NotChecked
	case looked == 0:
		return
	}
	c.checks = append(c.checks, one)
}

// CheckTrace finds what is wrong with one trace, of which r says what it may, and says what it looked for. badNests is how many
// of its spans outlive the one that they began in.
func CheckTrace(x *index.Index, r *ranks.Rank, badNests int) ([]Problem, []Check) {
	c := &inspection{x: x, rank: r}
	c.check(CheckFile, func() (int, string) {
		if n := len(r.Damage); n > 0 {
			c.say(Damaged, SeverityError, n, 0, "%s", damageText(r.Damage))
		}
		return x.EventCount(), ""
	})
	if len(x.GPU) == 0 && len(x.Host()) == 0 {
		c.say("empty", SeverityError, 0, 0, "the trace has no ops, calls or GPU work in it")
		return c.found, c.checks
	}
	c.doubledWork = c.doubleWork()
	c.check(CheckLaunches, c.launches)
	c.check(CheckKernels, c.kernels)
	c.check(CheckReplays, c.replays)
	c.check(CheckDurations, c.durations)
	c.check(CheckDuplicates, c.duplicates)
	c.check(CheckSteps, c.steps)
	c.otherKinds()
	c.longGaps()
	if badNests > 0 {
		c.say("bad_nesting", SeverityNote, badNests, 0, "%s end after the span they began in; self times are cut there",
			words.Plural(badNests, "CPU span", "CPU spans"))
	}
	return c.found, c.checks
}

// longGaps finds gaps that are most of a device's time.
func (c *inspection) longGaps() {
	for _, idle := range c.rank.Idle {
		t := c.rank.Time[slices.IndexFunc(c.rank.Time, func(t device.Time) bool { return t.Device == idle.Device })]
		if len(idle.Longest) > 0 && idle.Longest[0].Ns > t.TotalNs/2 {
			g := idle.Longest[0]
			c.say("one_long_gap", SeverityNote, 1, g.Ns,
				"one gap is %.1f %% of device %d's time; without it the device was busy %.1f %%",
				100*float64(g.Ns)/float64(t.TotalNs), t.Device, 100*float64(t.BusyNs)/float64(max(1, t.TotalNs-g.Ns)))
		}
	}
}

// selectsTime tells whether a part of the time is looked at, at the ends of which launches and their work are torn apart.
func (c *inspection) selectsTime() bool { return c.x.Options.FromNs != 0 || c.x.Options.ToNs != 0 }

// otherKinds finds events of which no analysis knows what they are. Where a process says that it is a device, its work is in no
// number.
func (c *inspection) otherKinds() {
	x := c.x
	if 100*x.OtherKinds <= x.EventCount() {
		return
	}
	if device, work := x.UnreadDevice(); work > 0 && !x.OnGPU {
		c.say("unread_device", SeverityWarning, work, 0, "%s of %s that no analysis reads: what the accelerator did is in no number, and "+
			"this is no CPU's profile", words.Plural(work, "event is", "events are"), device)
		return
	}
	e := &x.Trace.Events
	counts := map[string]int{}
	for i := range e.Len() {
		if k := e.Category(i); k != trace.CategoryOther && k != trace.CategoryNone || e.Phase(i) != trace.PhaseComplete {
			continue
		}
		process := x.Trace.Tracks[e.Track(i)].ProcessName
		counts[cmp.Or(e.CategoryName(i), choose(process == "", "without a category", "of "+process))]++
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	c.say("other_kinds", SeverityNote, x.OtherKinds, 0, "%s of kinds that no analysis reads, such as another accelerator's work: %s",
		words.Plural(x.OtherKinds, "event is", "events are"), words.List(names[:min(len(names), 4)], len(names)))
}

// damageWords say what each kind of damage is.
var damageWords = map[string]string{
	"syntax":           "no JSON",
	"value":            "a value that is no JSON",
	"duration":         "an event that ends before it begins",
	"truncated":        "it ends too early",
	"crc":              "its checksum is wrong, and any value may be",
	"trailing garbage": "something follows its end",
	"metadata":         "a key outside the events is not what it should be",
	"input":            "it could not be read to its end",
	"more":             "more places than are listed",
}

// damageText says how much of a file is damaged, and what and where the worst of it is: what ends a file says more than
// the scrap of an event before that.
func damageText(all []ranks.Damage) string {
	lost := 0
	for _, d := range all {
		lost += d.Lost
	}
	text := "the file is damaged in " + words.Plural(len(all), "place", "places")
	if lost > 0 {
		text += ", " + words.Plural(lost, "event", "events") + " lost"
	}
	d := all[max(slices.IndexFunc(all, endsFile), 0)]
	text += ": " + cmp.Or(damageWords[d.Kind], d.Kind)
	if d.Line > 0 && d.Kind != "crc" {
		text += ", at line " + words.Grouped(d.Line)
	}
	return text
}

// endsFile tells damage after which a file has nothing more to say.
func endsFile(d ranks.Damage) bool {
	return d.Kind == "truncated" || d.Kind == "crc" || d.Kind == "input"
}
