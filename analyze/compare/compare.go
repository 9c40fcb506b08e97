// Package compare sets profiles against each other: is B faster than A, where, and can it be trusted?
//
// It starts from traces that analyze.Iterate has divided into steps. Each capture is reduced to a Run, steps grouped by
// phase and batch (summary.go); a Side is a configuration with one Run or, where it was repeated, several. Compare then
// sets like against like: decode steps of the same batch, prompts of the same shape, and where shapes differ, a prompt
// token against a prompt token. What has no counterpart is left out and counted, never averaged in.
//
// The difference is attributed without remainder: the parts of a section's waterfall are integer ns that sum to the
// whole on both sides, because each step's time was divided exactly and means are rounded so that sums are kept. Kernels
// are matched across libraries by the place in the step that they share (match.go). How sure a difference is, noise.go
// says.
package compare

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// ErrNothing is wrapped by Compare's error where no pair has anything to compare.
var ErrNothing = errors.New("nothing comparable")

// Compare compares the first side with each other one. It returns a Result even with an error, which wraps ErrNothing.
func Compare(all []Side) (*Result, error) {
	r := &Result{SchemaVersion: SchemaVersion, Level: Level}
	for i := range all {
		r.Sides = append(r.Sides, describe(&all[i], Letter(i)))
	}
	r.Differences = differences(all)
	r.WarningMessages = configurationWarnings(all, r.Sides)
	r.Warnings = texts(r.WarningMessages)
	compared := false
	for i := 1; i < len(all); i++ {
		p := comparePair(&all[0], &all[i], r.Sides[0].Letter, r.Sides[i].Letter)
		compared = compared || p.Error == ""
		r.Pairs = append(r.Pairs, p)
	}
	if !compared && len(r.Pairs) > 0 {
		why := []string{r.Pairs[0].Error}
		for i := range r.Sides { // a side that is damaged may have nothing for that
			if s := &r.Sides[i]; len(s.Problems) > 0 {
				why = append(why, s.Letter+": "+s.Problems[0])
			}
		}
		return r, fmt.Errorf("%w: %s", ErrNothing, strings.Join(why, "; "))
	}
	return r, nil
}

// Letter names the sides: A to Z, then A1 …
func Letter(i int) string {
	const letters = 26
	name := string(rune('A' + i%letters))
	if i >= letters {
		name += strconv.Itoa(i / letters)
	}
	return name
}

// unit is a shape that is compared: the groups of each side's runs, and its weight.
type unit struct {
	Shape
	groups [2][]*Group // by run; nil where a run has none
	weight float64
}

// sides are the two sides' pieces of one section.
type sides struct {
	units  []unit
	tokens bool
}

func comparePair(a, b *Side, letterA, letterB string) Pair {
	p := Pair{A: letterA, B: letterB, NoteMessages: []words.Message{}}
	c := pairing{pair: &p, side: [2]*Side{a, b}, used: [2]map[Shape]bool{{}, {}}}
	p.UnlikeMessages = c.unlike()
	p.Unlike = texts(p.UnlikeMessages)
	c.decode()
	c.prompts()
	c.steps(trace.StepUnknown, SectionStep)
	c.wholeTraces()
	c.unmatched()
	p.Requests = requestMetrics(a, b)
	c.notes()
	p.Notes = texts(p.NoteMessages)
	if len(p.Sections) == 0 {
		p.ErrorMessage = c.nothing()
		p.Error = p.ErrorMessage.Text()
	}
	return p
}

// texts are the sentences of messages.
func texts(all []words.Message) []string {
	out := make([]string, len(all))
	for i, m := range all {
		out[i] = m.Text()
	}
	return out
}

// pairing is a pair being compared.
type pairing struct {
	pair *Pair
	side [2]*Side
	used [2]map[Shape]bool // that some section has
}

// shapes lists a side's shapes of a phase, in order.
func (c *pairing) shapes(s int, phase trace.StepPhase) []Shape {
	var out []Shape
	for i := range c.side[s].Runs {
		for _, g := range c.side[s].Runs[i].Groups {
			if g.Phase == phase && !slices.Contains(out, g.Shape) {
				out = append(out, g.Shape)
			}
		}
	}
	slices.SortStableFunc(out, compareShapes)
	return out
}

// unitOf collects both sides' groups of a shape.
func (c *pairing) unitOf(shape Shape) unit {
	u := unit{Shape: shape}
	var steps [2]int
	for s, side := range c.side {
		for i := range side.Runs {
			var found *Group
			for k := range side.Runs[i].Groups {
				if side.Runs[i].Groups[k].Shape == shape {
					found = &side.Runs[i].Groups[k]
					steps[s] += found.Steps
				}
			}
			u.groups[s] = append(u.groups[s], found)
		}
	}
	u.weight = float64(min(steps[0], steps[1]))
	return u
}

// matched are the units of a phase that both sides have.
func (c *pairing) matched(phase trace.StepPhase) []unit {
	var out []unit
	other := c.shapes(1, phase)
	for _, shape := range c.shapes(0, phase) {
		if u := c.unitOf(shape); slices.Contains(other, shape) && u.weight > 0 {
			out = append(out, u)
		}
	}
	// A shape that one side saw warm and the other only cold is not like for like while there are better ones.
	warm := slices.DeleteFunc(slices.Clone(out), func(u unit) bool { return u.cold() })
	if len(warm) > 0 {
		return warm
	}
	return out
}

// cold says that some side has only first steps of the shape.
func (u *unit) cold() bool {
	for s := range u.groups {
		warm := false
		for _, g := range u.groups[s] {
			warm = warm || g != nil && !g.Cold
		}
		if !warm {
			return true
		}
	}
	return false
}

// allCold says that a side has nothing but first steps, of whatever shape.
func allCold(units []unit, k int) bool {
	for i := range units {
		for _, g := range units[i].groups[k] {
			if g != nil && !g.Cold {
				return false
			}
		}
	}
	return true
}

// decode compares decode steps at equal batch; where no batch is on both sides, generated tokens.
func (c *pairing) decode() {
	if c.steps(trace.StepDecode, SectionDecode) {
		return
	}
	c.tokens(SectionGenerated, "generated token", []trace.StepPhase{trace.StepDecode}, func(s Shape) int64 { return s.GenerationTokens })
}

// prompts compares steps that work on prompts: by shape where shapes agree, by token where they do not.
func (c *pairing) prompts() {
	prefill := c.steps(trace.StepPrefill, SectionPrefill)
	mixed := c.steps(trace.StepMixed, SectionMixed)
	if !prefill && !mixed {
		c.tokens(SectionPrompt, "prompt token", []trace.StepPhase{trace.StepPrefill, trace.StepMixed}, func(s Shape) int64 { return s.ContextTokens })
	}
}

// steps makes a section of a phase's steps of equal shape. It reports whether there are any.
func (c *pairing) steps(phase trace.StepPhase, id SectionID) bool {
	units := c.matched(phase)
	if len(units) == 0 {
		return false
	}
	c.add(Section{ID: id, Unit: "step"}, units, nil)
	return true
}

// tokens makes a section of all steps of some phases, per token.
func (c *pairing) tokens(id SectionID, name string, phases []trace.StepPhase, count func(Shape) int64) {
	var units []unit
	var tokens [2]bool
	for _, phase := range phases {
		shapes := c.shapes(0, phase)
		for _, s := range c.shapes(1, phase) {
			if !slices.Contains(shapes, s) {
				shapes = append(shapes, s)
			}
		}
		for _, s := range shapes {
			if count(s) < 0 {
				return // a step does not say how many
			}
			u := c.unitOf(s)
			u.weight = float64(count(s))
			for k := range tokens {
				tokens[k] = tokens[k] || count(s) > 0 && slices.ContainsFunc(u.groups[k], func(g *Group) bool { return g != nil })
			}
			units = append(units, u)
		}
	}
	if tokens[0] && tokens[1] {
		c.add(Section{ID: id, Unit: name}, units, count)
	}
}

// wholeTraces compares traces that have no steps at all.
func (c *pairing) wholeTraces() {
	if units := c.matched(PhaseWhole); len(units) > 0 {
		c.add(Section{ID: SectionWhole, Unit: "trace", NoteMessages: []words.Message{words.Say("no_steps",
			"the traces have no steps: they are compared as wholes, and nothing says that both sides did the same work")}}, units, nil)
	}
}

// add computes a section.
func (c *pairing) add(s Section, units []unit, tokens func(Shape) int64) {
	w := sides{units: units, tokens: tokens != nil}
	var pieces [2][]*piece
	var idle [2][analyze.IdleCauses]int64
	var totals [2]int64
	for k := range c.side {
		pieces[k], idle[k], totals[k] = c.divide(k, &w)
	}
	s.ATotalNs, s.BTotalNs = totals[0], totals[1]
	s.Parts = waterfall(pieces, idle)
	s.Kernels = matchKernels(pieces[0], pieces[1])
	s.MeanParts = c.meanParts(&w)
	total := func(g *Group, i int) int64 { return g.TotalNs[i] }
	s.Time = c.estimate(&w, median, total)
	s.Mean = c.estimate(&w, mean, total)
	if tokens == nil && s.Unit == "step" {
		e := c.estimateP99(&w)
		s.P99 = &e
	}
	s.Busy = c.estimate(&w, median, func(g *Group, i int) int64 { return g.BusyNs[i] })
	s.Idle = c.estimate(&w, median, func(g *Group, i int) int64 { return g.TotalNs[i] - g.BusyNs[i] })
	s.Comm = c.estimate(&w, median, func(g *Group, i int) int64 { return g.CommNs[i] })
	var first [2][]int64
	for i := range units {
		u := &units[i]
		s.Cold = s.Cold || tokens == nil && u.cold()
		m := Matched{Shape: u.Shape, Text: u.Shape.Text()}
		if tokens != nil {
			m.Tokens = tokens(u.Shape)
		}
		for k, steps := range []*int{&m.ASteps, &m.BSteps} {
			for _, g := range u.groups[k] {
				if g == nil {
					continue
				}
				*steps += g.Steps
				s.Typical[k] += g.Typical
				s.LeftOut[k].add(g)
				s.LeadRank[k] = g.LeadRank
				first[k] = append(first[k], g.FirstNs...)
				c.used[k][u.Shape] = true
				for _, ns := range g.TotalNs {
					if tokens == nil {
						s.Samples[k] = append(s.Samples[k], float64(ns))
					} else if n := tokens(u.Shape); n > 0 {
						s.Samples[k] = append(s.Samples[k], float64(ns)/float64(n))
					}
				}
			}
		}
		s.Matched = append(s.Matched, m)
	}
	if tokens != nil {
		s.Cold = allCold(units, 0) || allCold(units, 1)
	}
	for k := range s.Samples {
		s.Samples[k] = thin(s.Samples[k], mostSamples)
	}
	if len(first[0]) > 0 && len(first[1]) > 0 {
		s.First = &FirstSteps{stats.Median(first[0]), stats.Median(first[1]), len(first[0]), len(first[1])}
	}
	switch s.ID {
	case SectionDecode:
		s.PerToken = perToken(&s, &w, func(shape Shape) int64 { return shape.GenerationTokens })
	case SectionPrefill:
		s.PerPrompt = perToken(&s, &w, func(shape Shape) int64 { return shape.ContextTokens })
	}
	s.Layers = c.layers(&w)
	s.Ranks = c.ranks(&w)
	c.sectionNotes(&s, &w)
	s.Notes = texts(s.NoteMessages)
	s.SentenceMessage = sentence(&s, c.pair.A, c.pair.B)
	s.Sentence = s.SentenceMessage.Text()
	c.pair.Sections = append(c.pair.Sections, s)
}

const mostSamples = 500

// thin keeps at most n values, evenly.
func thin(v []float64, n int) []float64 {
	if len(v) <= n {
		return v
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = v[i*len(v)/n]
	}
	return out
}

func (l *LeftOut) add(g *Group) {
	l.Open += g.Open
	l.Outliers += g.Outliers
	l.OutliersNs += g.OutliersNs
	l.UnderRecorded += g.UnderRecorded
}

// unmatched counts the steps that no section has.
func (c *pairing) unmatched() {
	for k, side := range c.side {
		l := &c.pair.Unmatched[k]
		for i := range side.Runs {
			for _, g := range side.Runs[i].Groups {
				if c.used[k][g.Shape] {
					continue
				}
				l.Steps += g.Steps + g.Open + g.UnderRecorded
				if text := g.Shape.Text(); !slices.Contains(l.Shapes, text) {
					l.Shapes = append(l.Shapes, text)
				}
			}
		}
	}
}
