package integrity

import (
	"cmp"
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
func (c *inspection) say(severity string, count int, ns int64, m words.Message) {
	p := problem(m, severity, c.rank.Rank)
	p.Count, p.Ns = count, ns
	c.found = append(c.found, p)
}

// check looks for one thing. look says how many it looked at, and if it could not, why; of none, and no reason, nothing is said.
func (c *inspection) check(id string, look func() (looked int, why Reason)) {
	before := len(c.found)
	looked, why := look()
	one := Check{ID: id, Rank: c.rank.Rank, Outcome: Passed, Looked: looked}
	switch {
	case slices.ContainsFunc(c.found[before:], func(p Problem) bool { return p.Severity != SeverityNote }):
		one.Outcome = Failed
	case why != NoReason:
		one.notChecked(why)
	case looked == 0:
		return
	}
	c.checks = append(c.checks, one)
}

// CheckTrace finds what is wrong with one trace, of which r says what it may, and says what it looked for. badNests is how many
// of its spans outlive the one that they began in.
func CheckTrace(x *index.Index, r *ranks.Rank, badNests int) ([]Problem, []Check) {
	c := &inspection{x: x, rank: r}
	c.check(CheckFile, func() (int, Reason) {
		if n := len(r.Damage); n > 0 {
			c.say(SeverityError, n, 0, damageMessage(r.Damage))
		}
		return x.EventCount(), NoReason
	})
	if len(x.GPU) == 0 && len(x.Host()) == 0 {
		c.say(SeverityError, 0, 0, words.Say("empty", "the trace has no ops, calls or GPU work in it"))
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
		c.say(SeverityNote, badNests, 0, words.Say("bad_nesting", choose(badNests == 1, "{spans} ends after the span it began in; self times are cut there",
			"{spans} end after the span they began in; self times are cut there"), words.Things("spans", badNests, "CPU span")))
	}
	return c.found, c.checks
}

// longGaps finds gaps that are most of a device's time.
func (c *inspection) longGaps() {
	for _, idle := range c.rank.Idle {
		t := c.rank.Time[slices.IndexFunc(c.rank.Time, func(t device.Time) bool { return t.Device == idle.Device })]
		if len(idle.Longest) > 0 && idle.Longest[0].Ns > t.TotalNs/2 {
			g := idle.Longest[0]
			c.say(SeverityNote, 1, g.Ns, words.Say("one_long_gap", "one gap is {gap_share} of device {device}'s time; without it the device was busy {busy_share}",
				words.ShareOf("gap_share", g.Ns, t.TotalNs), words.Number("device", t.Device), words.ShareOf("busy_share", t.BusyNs, max(1, t.TotalNs-g.Ns))))
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
		c.say(SeverityWarning, work, 0, words.Say("unread_device", choose(work == 1, "{events} is", "{events} are")+" of {device} that no analysis reads: "+
			"what the accelerator did is in no number, and this is no CPU's profile", words.Things("events", work, "event"), words.Name("device", device)))
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
	c.say(SeverityNote, x.OtherKinds, 0, words.Say("other_kinds", choose(x.OtherKinds == 1, "{events} is", "{events} are")+
		" of kinds that no analysis reads, such as another accelerator's work: {kinds}", words.Things("events", x.OtherKinds, "event"),
		words.Name("kinds", words.List(names[:min(len(names), 4)], len(names)))))
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

// damageMessage says how much of a file is damaged, and what and where the worst of it is: what ends a file says more than
// the scrap of an event before that.
func damageMessage(all []ranks.Damage) words.Message {
	lost := 0
	for _, d := range all {
		lost += d.Lost
	}
	d := all[max(slices.IndexFunc(all, endsFile), 0)]
	format := "the file is damaged in {places}: {what}"
	if lost > 0 {
		format = "the file is damaged in {places}, {events_lost} lost: {what}"
	}
	if d.Line > 0 && d.Kind != "crc" {
		format += ", at line {line}"
	}
	return words.Say(Damaged, format, words.Things("places", len(all), "place"), words.Things("events_lost", lost, "event"),
		words.LongName("what", d.Kind, cmp.Or(damageWords[d.Kind], d.Kind)), words.Number("line", d.Line))
}

// endsFile tells damage after which a file has nothing more to say.
func endsFile(d ranks.Damage) bool {
	return d.Kind == "truncated" || d.Kind == "crc" || d.Kind == "input"
}
