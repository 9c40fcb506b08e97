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
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// SchemaVersion is Result.SchemaVersion: it grows when a field changes its meaning or goes away.
const SchemaVersion = 1

// Result is a comparison. The first side is the baseline.
type Result struct {
	SchemaVersion int          `json:"schema_version"`
	Level         float64      `json:"level"` // of all intervals
	Sides         []SideInfo   `json:"sides"`
	Differences   []Difference `json:"differences"` // of configuration
	Warnings      []string     `json:"warnings"`
	Pairs         []Pair       `json:"pairs"` // the baseline with each other side
	Gate          *Gate        `json:"gate,omitempty"`
}

// SideInfo is what is said of one side.
type SideInfo struct {
	Letter   string   `json:"letter"` // A, B, C …
	Label    string   `json:"label"`
	Captures int      `json:"captures"`
	Ranks    int      `json:"ranks"`
	Kind     string   `json:"kind"`
	About    []string `json:"about"` // engine, device …, in words
	Problems []string `json:"problems"`
}

// Pair is the baseline against one other side.
type Pair struct {
	A         string          `json:"a"` // letters
	B         string          `json:"b"`
	Sections  []Section       `json:"sections"`
	Requests  []RequestMetric `json:"requests"`
	Unmatched [2]LeftOut      `json:"unmatched"` // of A and B: steps that no section has
	Notes     []string        `json:"notes"`
	Error     string          `json:"error,omitempty"` // why nothing could be compared
	work      []sides         // for the gate: by section
}

// RequestMetric is a number that requests saw.
type RequestMetric struct {
	Name         string `json:"name"` // output_tokens_per_s, ttft, tpot, memory
	Unit         string `json:"unit"` // 1/s, ns, bytes
	HigherBetter bool   `json:"higher_is_better"`
	Estimate
}

// Section is one like-for-like comparison.
type Section struct {
	ID       string     `json:"id"`   // decode, prefill, mixed, prompt, generated, step, whole
	Unit     string     `json:"unit"` // step, prompt token, generated token, trace
	Matched  []Matched  `json:"matched"`
	LeftOut  [2]LeftOut `json:"left_out"`  // of these shapes, on A and B
	LeadRank [2]int     `json:"lead_rank"` // whose steps they are
	Cold     bool       `json:"cold,omitempty"`

	Time      Estimate     `json:"time"` // per unit: of steps the median, of tokens the mean
	Busy      Estimate     `json:"busy"`
	Idle      Estimate     `json:"idle"`
	Comm      Estimate     `json:"comm"`
	ATotalNs  int64        `json:"a_total_ns"` // what the waterfall divides: means
	BTotalNs  int64        `json:"b_total_ns"`
	Parts     []Part       `json:"parts"`
	Kernels   []KernelRow  `json:"kernels"`
	Layers    []LayerRow   `json:"layers,omitempty"`
	Ranks     []RankRow    `json:"ranks,omitempty"` // where a side has several
	First     *FirstSteps  `json:"first_steps,omitempty"`
	PerToken  *Estimate    `json:"per_generated_token,omitempty"` // of decode steps
	PerPrompt *Estimate    `json:"per_prompt_token,omitempty"`    // of prefill steps
	Samples   [2][]float64 `json:"samples"`                       // step times, for drawing: at most 500 a side
	Sentence  string       `json:"sentence"`
	Notes     []string     `json:"notes"`
}

// Matched is a shape that both sides have.
type Matched struct {
	Shape
	Text   string `json:"text"`
	ASteps int    `json:"a_steps"`
	BSteps int    `json:"b_steps"`
	Tokens int64  `json:"tokens,omitempty"` // of a step, in sections per token
}

// LeftOut counts steps that do not count.
type LeftOut struct {
	First         int      `json:"first,omitempty"`
	Open          int      `json:"open,omitempty"`
	Outliers      int      `json:"outliers,omitempty"`
	OutliersNs    int64    `json:"outliers_ns,omitempty"`
	UnderRecorded int      `json:"under_recorded,omitempty"`
	Steps         int      `json:"steps,omitempty"` // of other shapes
	Shapes        []string `json:"shapes,omitempty"`
}

// Part is one bar of the waterfall.
type Part struct {
	Name    string `json:"name"`
	Idle    bool   `json:"idle,omitempty"`
	ANs     int64  `json:"a_ns"`
	BNs     int64  `json:"b_ns"`
	DeltaNs int64  `json:"delta_ns"`
}

// LayerRow is a layer of the model, where ops name their modules.
type LayerRow struct {
	Layer   int   `json:"layer"`
	ANs     int64 `json:"a_ns"`
	BNs     int64 `json:"b_ns"`
	DeltaNs int64 `json:"delta_ns"`
}

// RankRow is what one rank of a side spends per step.
type RankRow struct {
	Side    string `json:"side"`
	Rank    int    `json:"rank"`
	TotalNs int64  `json:"total_ns"`
	BusyNs  int64  `json:"busy_ns"`
	IdleNs  int64  `json:"idle_ns"`
	CommNs  int64  `json:"comm_ns"`
}

// FirstSteps are the medians of the first steps, which are in no other number.
type FirstSteps struct {
	ANs    int64 `json:"a_ns"`
	BNs    int64 `json:"b_ns"`
	ASteps int   `json:"a_steps"`
	BSteps int   `json:"b_steps"`
}

// ErrNothing is wrapped by Compare's error where no pair has anything to compare.
var ErrNothing = errors.New("nothing comparable")

// Compare compares the first side with each other one. It returns a Result even with an error, which wraps ErrNothing.
func Compare(all []Side) (*Result, error) {
	r := &Result{SchemaVersion: SchemaVersion, Level: Level, Warnings: []string{}}
	for i := range all {
		r.Sides = append(r.Sides, describe(&all[i], Letter(i)))
	}
	r.Differences = differences(all)
	r.Warnings = append(r.Warnings, configurationWarnings(all, r.Sides)...)
	compared := false
	for i := 1; i < len(all); i++ {
		p := comparePair(&all[0], &all[i], r.Sides[0].Letter, r.Sides[i].Letter)
		compared = compared || p.Error == ""
		r.Pairs = append(r.Pairs, p)
	}
	if !compared && len(r.Pairs) > 0 {
		return r, fmt.Errorf("%w: %s", ErrNothing, r.Pairs[0].Error)
	}
	return r, nil
}

// Letter names the sides: A to Z, then A1 …
func Letter(i int) string {
	const letters = 26
	name := string(rune('A' + i%letters))
	if i >= letters {
		name += itoa(i / letters)
	}
	return name
}

// unit is a shape that is compared: the groups of each side's runs, and its weight.
type unit struct {
	Shape
	groups [2][]*Group // by run; nil where a run has none
	weight float64
}

// sides are the two sides' pieces of one section, for the gate.
type sides struct {
	units  []unit
	tokens bool
}

func comparePair(a, b *Side, letterA, letterB string) Pair {
	p := Pair{A: letterA, B: letterB, Notes: []string{}}
	c := pairing{pair: &p, side: [2]*Side{a, b}, used: [2]map[Shape]bool{{}, {}}}
	c.decode()
	c.prompts()
	c.steps(trace.StepUnknown, "step")
	c.wholeTraces()
	c.unmatched()
	p.Requests = requestMetrics(a, b)
	c.notes()
	if len(p.Sections) == 0 {
		p.Error = c.nothing()
	}
	return p
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
			if g.Phase == string(phase) && !slices.Contains(out, g.Shape) {
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
	if c.steps(trace.StepDecode, "decode") {
		return
	}
	c.tokens("generated", "generated token", []trace.StepPhase{trace.StepDecode}, func(s Shape) int64 { return s.GenerationTokens })
}

// prompts compares steps that work on prompts: by shape where shapes agree, by token where they do not.
func (c *pairing) prompts() {
	prefill := c.steps(trace.StepPrefill, "prefill")
	mixed := c.steps(trace.StepMixed, "mixed")
	if !prefill && !mixed {
		c.tokens("prompt", "prompt token", []trace.StepPhase{trace.StepPrefill, trace.StepMixed}, func(s Shape) int64 { return s.ContextTokens })
	}
}

// steps makes a section of a phase's steps of equal shape. It reports whether there are any.
func (c *pairing) steps(phase trace.StepPhase, id string) bool {
	units := c.matched(phase)
	if len(units) == 0 {
		return false
	}
	c.add(Section{ID: id, Unit: "step"}, units, nil)
	return true
}

// tokens makes a section of all steps of some phases, per token.
func (c *pairing) tokens(id, name string, phases []trace.StepPhase, count func(Shape) int64) {
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
		c.add(Section{ID: "whole", Unit: "trace", Notes: []string{
			"the traces have no steps: they are compared as wholes, and nothing says that both sides did the same work"}}, units, nil)
	}
}

// add computes a section.
func (c *pairing) add(s Section, units []unit, tokens func(Shape) int64) {
	if s.Notes == nil {
		s.Notes = []string{}
	}
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
	s.Time = c.estimate(&w, func(g *Group, i int) int64 { return g.TotalNs[i] })
	s.Busy = c.estimate(&w, func(g *Group, i int) int64 { return g.BusyNs[i] })
	s.Idle = c.estimate(&w, func(g *Group, i int) int64 { return g.TotalNs[i] - g.BusyNs[i] })
	s.Comm = c.estimate(&w, func(g *Group, i int) int64 { return g.CommNs[i] })
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
		s.First = &FirstSteps{median(first[0]), median(first[1]), len(first[0]), len(first[1])}
	}
	switch s.ID {
	case "decode":
		s.PerToken = perToken(&s, &w, func(shape Shape) int64 { return shape.GenerationTokens })
	case "prefill":
		s.PerPrompt = perToken(&s, &w, func(shape Shape) int64 { return shape.ContextTokens })
	}
	s.Layers = c.layers(&w)
	s.Ranks = c.ranks(&w)
	c.sectionNotes(&s)
	s.Sentence = sentence(&s, c.pair.A, c.pair.B)
	c.pair.work = append(c.pair.work, w)
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
	l.First += len(g.FirstNs)
	l.Open += g.Open
	l.Outliers += g.Outliers
	l.OutliersNs += g.OutliersNs
	l.UnderRecorded += g.UnderRecorded
}

// scale is what one step of a unit counts for on a side, over the runs that have it: so that Σ steps · scale is per unit
// of the section.
func (w *sides) scale(k int) []float64 {
	out := make([]float64, len(w.units))
	var total float64
	for i := range w.units {
		u := &w.units[i]
		steps := 0
		for _, g := range u.groups[k] {
			if g != nil {
				steps += g.Steps
			}
		}
		if steps == 0 {
			continue
		}
		if w.tokens { // Σ ns / Σ tokens
			out[i] = 1
			total += float64(steps) * u.weight
			continue
		}
		out[i] = u.weight / float64(steps) // the mean, by weight
		total += u.weight
	}
	for i := range out {
		out[i] /= max(total, 1)
	}
	return out
}

// divide is a side's mean per unit, divided among kinds of work and causes of idleness, in whole ns that sum to total.
func (c *pairing) divide(k int, w *sides) (pieces []*piece, idle [analyze.IdleCauses]int64, total int64) {
	byWork := map[analyze.Work]*piece{}
	var values []float64 // of pieces, then of idleness
	var idleness [analyze.IdleCauses]float64
	for i, scale := range w.scale(k) {
		for r, g := range w.units[i].groups[k] {
			if g == nil {
				continue
			}
			for cause, ns := range g.IdleNs {
				idleness[cause] += scale * float64(ns)
			}
			n := float64(g.Steps)
			for _, s := range g.Work {
				work := c.side[k].Runs[r].Work[s.Work]
				p := byWork[work]
				if p == nil {
					p = &piece{Work: work, at: len(pieces)}
					byWork[work] = p
					pieces = append(pieces, p)
					values = append(values, 0)
				}
				values[p.at] += scale * float64(s.Ns)
				p.count += scale * float64(s.Count)
				if n > 1 {
					mean := float64(s.Ns) / n
					p.error += scale * scale * max(0, s.Square-n*mean*mean) * n / (n - 1)
				}
			}
		}
	}
	whole := apportion(append(slices.Clone(values), idleness[:]...))
	for i, p := range pieces {
		p.ns, p.error = whole[i], math.Sqrt(p.error)
		total += p.ns
	}
	for cause := range idle {
		idle[cause] = whole[len(pieces)+cause]
		total += idle[cause]
	}
	return pieces, idle, total
}

// apportion rounds values so that they sum to their rounded sum: by largest remainder.
func apportion(values []float64) []int64 {
	out, order := make([]int64, len(values)), make([]int, len(values))
	var sum float64
	var floor int64
	for i, v := range values {
		sum += v
		out[i] = int64(math.Floor(v))
		floor += out[i]
		order[i] = i
	}
	remainder := func(i int) float64 { return values[i] - math.Floor(values[i]) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder(b), remainder(a)) })
	for i := range min(int(math.Round(sum))-int(floor), len(order)) {
		out[order[i]]++
	}
	return out
}

// waterfall sums pieces by part.
func waterfall(pieces [2][]*piece, idle [2][analyze.IdleCauses]int64) []Part {
	var out []Part
	sum := func(k int, name string) (ns int64) {
		for _, p := range pieces[k] {
			if partOf(p.Work) == name {
				ns += p.ns
			}
		}
		return ns
	}
	for _, name := range partOrder {
		if p := (Part{Name: name, ANs: sum(0, name), BNs: sum(1, name)}); p.ANs != 0 || p.BNs != 0 {
			out = append(out, p)
		}
	}
	for cause := range analyze.IdleCauses {
		if p := (Part{Name: idleName(cause), Idle: true, ANs: idle[0][cause], BNs: idle[1][cause]}); p.ANs != 0 || p.BNs != 0 {
			out = append(out, p)
		}
	}
	for i := range out {
		out[i].DeltaNs = out[i].BNs - out[i].ANs
	}
	return out
}

func idleName(c analyze.IdleCause) string {
	switch c {
	case analyze.IdleHost:
		return "idle: launched too late"
	case analyze.IdleLaunch:
		return "idle: gaps between launched kernels"
	case analyze.IdleOther:
		return "idle: long gaps after the launch"
	case analyze.IdleUnknown:
		return "idle: cause not recorded"
	}
	return "outside ops"
}

// estimate compares a number of steps, with its interval.
func (c *pairing) estimate(w *sides, of func(g *Group, i int) int64) Estimate {
	var values [2][]value
	for k := range c.side {
		values[k] = runValues(len(c.side[k].Runs), k, w, of)
	}
	return estimate(values[0], values[1])
}

// runValues are a side's values by run.
func runValues(runs, k int, w *sides, of func(g *Group, i int) int64) []value {
	var out []value
	for r := range runs {
		if w.tokens {
			if v, ok := tokenValue(w.units, k, r, of); ok {
				out = append(out, v)
			}
			continue
		}
		var s series
		for i := range w.units {
			g := w.units[i].groups[k][r]
			if g == nil {
				continue
			}
			ns := make([]int64, len(g.TotalNs))
			for j := range ns {
				ns[j] = of(g, j)
			}
			s.ns, s.weight = append(s.ns, ns), append(s.weight, w.units[i].weight)
		}
		if v, ok := s.valueOf(); ok {
			out = append(out, v)
		}
	}
	return out
}

// tokenValue is a run's mean per token; steps of other shapes have other times per token, which widens it as it should.
func tokenValue(units []unit, k, r int, of func(g *Group, i int) int64) (value, bool) {
	var ns, tokens float64
	var each []float64
	for i := range units {
		g := units[i].groups[k][r]
		if g == nil {
			continue
		}
		for j := range g.TotalNs {
			ns += float64(of(g, j))
			tokens += units[i].weight
			if units[i].weight > 0 {
				each = append(each, float64(of(g, j))/units[i].weight)
			}
		}
	}
	if tokens == 0 {
		return value{}, false
	}
	spread := deviation(each)
	return value{v: ns / tokens, n: len(each), step: spread, within: spread / math.Sqrt(float64(len(each)))}, true
}

// perToken is a step's time by its tokens, of which both sides have the same; nil if the steps do not say how many.
func perToken(s *Section, w *sides, count func(Shape) int64) *Estimate {
	var tokens, weight float64
	for i := range w.units {
		n := count(w.units[i].Shape)
		if n <= 0 {
			return nil
		}
		tokens += w.units[i].weight * float64(n)
		weight += w.units[i].weight
	}
	per := tokens / weight
	e := s.Time
	e.A, e.B, e.Delta = e.A/per, e.B/per, e.Delta/per
	if e.Low != nil {
		low, high := *e.Low/per, *e.High/per
		e.Low, e.High = &low, &high
	}
	return &e
}

func (c *pairing) layers(w *sides) []LayerRow {
	var ns [2][]float64
	for k := range c.side {
		for i, scale := range w.scale(k) {
			for _, g := range w.units[i].groups[k] {
				if g == nil {
					continue
				}
				for l, v := range g.LayerNs {
					for len(ns[k]) <= l {
						ns[k] = append(ns[k], 0)
					}
					ns[k][l] += scale * float64(v)
				}
			}
		}
	}
	if len(ns[0]) == 0 || len(ns[1]) == 0 {
		return nil
	}
	var out []LayerRow
	for l := range max(len(ns[0]), len(ns[1])) {
		row := LayerRow{Layer: l}
		if l < len(ns[0]) {
			row.ANs = int64(math.Round(ns[0][l]))
		}
		if l < len(ns[1]) {
			row.BNs = int64(math.Round(ns[1][l]))
		}
		row.DeltaNs = row.BNs - row.ANs
		out = append(out, row)
	}
	return out
}

// ranks lists what each rank of a side with several spends.
func (c *pairing) ranks(w *sides) []RankRow {
	var out []RankRow
	several := false
	for k, letter := range []string{c.pair.A, c.pair.B} {
		sums := map[int]*RankSum{}
		var order []int
		for i := range w.units {
			for _, g := range w.units[i].groups[k] {
				if g == nil {
					continue
				}
				for _, s := range g.PerRank {
					if sums[s.Rank] == nil {
						sums[s.Rank] = &RankSum{Rank: s.Rank}
						order = append(order, s.Rank)
					}
					t := sums[s.Rank]
					t.Steps, t.TotalNs, t.BusyNs, t.CommNs = t.Steps+s.Steps, t.TotalNs+s.TotalNs, t.BusyNs+s.BusyNs, t.CommNs+s.CommNs
				}
			}
		}
		slices.Sort(order)
		several = several || len(order) > 1
		for _, rank := range order {
			s := sums[rank]
			n := int64(max(1, s.Steps))
			out = append(out, RankRow{letter, rank, s.TotalNs / n, s.BusyNs / n, (s.TotalNs - s.BusyNs) / n, s.CommNs / n})
		}
	}
	if !several {
		return nil
	}
	return out
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
				l.Steps += g.Steps + len(g.FirstNs) + g.Open + g.Outliers + g.UnderRecorded
				if text := g.Shape.Text(); !slices.Contains(l.Shapes, text) {
					l.Shapes = append(l.Shapes, text)
				}
			}
		}
	}
}

// Text is a shape in words.
func (s Shape) Text() string {
	count := func(n int64, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	prompts := func() string {
		switch {
		case s.ContextRequests < 0:
			return ""
		case s.ContextTokens < 0:
			return count(s.ContextRequests, "prompt")
		}
		return fmt.Sprintf("%s of %s", count(s.ContextTokens, "token"), count(s.ContextRequests, "prompt"))
	}
	switch trace.StepPhase(s.Phase) {
	case trace.StepDecode:
		switch {
		case s.GenerationRequests < 0:
			return "decode"
		case s.GenerationTokens > s.GenerationRequests:
			return fmt.Sprintf("decode, batch %d, %d tokens", s.GenerationRequests, s.GenerationTokens)
		}
		return fmt.Sprintf("decode, batch %d", s.GenerationRequests)
	case trace.StepPrefill:
		if p := prompts(); p != "" {
			return "prefill, " + p
		}
		return "prefill"
	case trace.StepMixed:
		if p := prompts(); p != "" {
			return fmt.Sprintf("mixed, %s and %d in decode", p, s.GenerationRequests)
		}
		return "mixed"
	case trace.StepUnknown:
		return "step of unknown phase"
	}
	return s.Phase
}
