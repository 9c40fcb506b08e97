package compare

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Capture is what a comparison starts from: one capture's traces, divided into steps, and what is known beside them.
type Capture struct {
	Name       string
	Settings   []Setting
	Throughput *Throughput
	Overhead   *float64 // the profiler's, as a share of the unprofiled time; nil if it was not measured
	Asked      string   // the quantization asked for; "" if none
	AskedBy    string   // what says so
	Ranks      []*analyze.RankIterations
	Notes      []string
}

// Setting is one thing that was configured, or that a trace says of itself.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value" redact:"setting"`
}

// Throughput is what requests saw.
type Throughput struct {
	Requests              int     `json:"requests"`
	PromptTokens          int     `json:"prompt_tokens"`
	OutputTokens          int     `json:"output_tokens"`
	OutputTokensPerSecond float64 `json:"output_tokens_per_second"`
	TTFTNs                int64   `json:"ttft_ns"` // median
	TPOTNs                int64   `json:"tpot_ns"` // median
	MemoryBytes           int64   `json:"memory_bytes,omitempty"`
}

// Side is one side of a comparison: a configuration, run once or more.
type Side struct {
	Label string `json:"label" redact:"side"`
	Runs  []Run  `json:"runs"`
}

// Run is a capture, reduced to what comparing needs. It is small enough to be kept in a repository.
type Run struct {
	Name       string      `json:"name" redact:"capture"`
	Kind       string      `json:"kind"`
	Ranks      int         `json:"ranks"`
	Settings   []Setting   `json:"settings"`
	Throughput *Throughput `json:"throughput,omitempty"`
	Overhead   *float64    `json:"profiler_overhead,omitempty"`
	NotQuant   string      `json:"quantization_not_in_effect,omitempty"` // asked for by …, and no kernel shows it
	Problems   []string    `json:"problems,omitempty"`
	// ProblemMessages are the problems as data; nil in baselines that were written before there were any.
	ProblemMessages []words.Message `json:"problem_messages,omitempty"`
	Model           analyze.Model   `json:"model"` // of the first rank that shows it
	Work            []analyze.Work  `json:"work"`
	Groups          []Group         `json:"groups"`
}

// Shape is what a step worked on.
type Shape = analyze.Shape

// PhaseWhole is Shape.Phase of a trace without steps: all of it, as one.
const PhaseWhole = "whole trace"

// Group is the steps of one shape, on the rank that waits least for others: in tensor parallelism, the one that the step
// hangs on. (Its communication is the shortest, since waiting is part of the others'.)
type Group struct {
	Shape
	LeadRank int `json:"lead_rank"`

	// The steps that count, in order. In a baseline that was read back, of very many steps some.
	Steps   int     `json:"steps"` // how many there are
	TotalNs []int64 `json:"total_ns"`
	BusyNs  []int64 `json:"busy_ns"`
	CommNs  []int64 `json:"comm_ns"`

	FirstNs       []int64 `json:"first_ns,omitempty"`       // of them, the profile's first and the phase's first
	Outliers      int     `json:"outliers,omitempty"`       // of them, those far from the median
	OutliersNs    int64   `json:"outliers_ns,omitempty"`    //
	Open          int     `json:"open,omitempty"`           // steps besides, whose end is not known: no step follows
	UnderRecorded int     `json:"under_recorded,omitempty"` // and those of which the trace has lost work
	// Cold says that the steps that count are first or open ones, since there are no others.
	Cold bool `json:"cold,omitempty"`

	// Sums over the steps that count.
	AllNs     int64                     `json:"all_ns"`
	AllIdleNs [analyze.IdleCauses]int64 `json:"all_idle_ns"`

	// Sums over the typical ones of them (typical.go): Σ IdleNs + Σ Work.Ns = Σ their times.
	Typical int                       `json:"typical"` // how many there are
	IdleNs  [analyze.IdleCauses]int64 `json:"idle_ns"`
	Work    []WorkSum                 `json:"work"`
	LayerNs []int64                   `json:"layer_ns,omitempty"`
	PerRank []RankSum                 `json:"ranks"`
}

// WorkSum is one kind of work over a group's typical steps.
type WorkSum struct {
	Work  int   `json:"work"` // of Run.Work
	Count int   `json:"count"`
	Ns    int64 `json:"ns"`
	// Neighbours is Σ of the squared differences between steps that follow each other: for its spread.
	Neighbours float64 `json:"neighbours"`
}

// spread is the deviation of one of n steps.
func (w *WorkSum) spread(n int) float64 {
	if n < 2 {
		return 0
	}
	return math.Sqrt(w.Neighbours / float64(2*(n-1)))
}

// RankSum is one rank over a group's typical steps.
type RankSum struct {
	Rank    int   `json:"rank"`
	Steps   int   `json:"steps"`
	TotalNs int64 `json:"total_ns"`
	BusyNs  int64 `json:"busy_ns"`
	CommNs  int64 `json:"comm_ns"`
}

// Summarize reduces a capture. Label names it where its own name would not do.
func Summarize(c *Capture) Run {
	r := Run{Name: c.Name, Kind: analyze.KindEmpty, Ranks: len(c.Ranks), Settings: c.Settings, Throughput: c.Throughput,
		Overhead: c.Overhead}
	for _, note := range c.Notes {
		r.addProblem(words.Say("note", "{note}", words.Name("note", note)))
	}
	b := runBuilder{run: &r, rowOf: map[analyze.Work]int{}}
	for _, k := range c.Ranks {
		r.Model.Dtype, r.Model.Hidden = cmp.Or(r.Model.Dtype, k.Model.Dtype), cmp.Or(r.Model.Hidden, k.Model.Hidden)
		if !slices.ContainsFunc(k.Problems, losesKernels) { // else how often attention runs in a step is not known
			r.Model.Layers = cmp.Or(r.Model.Layers, k.Model.Layers)
		}
		for _, p := range k.Problems {
			if p.Severity != analyze.SeverityNote {
				m := p.Message()
				if len(c.Ranks) > 1 {
					m = words.Say("of_rank", "rank {rank}: {problem}", words.RankOf("rank", k.Rank), words.Inner("problem", m))
				}
				r.addProblem(m)
			}
		}
		switch {
		case k.Kind == analyze.KindGPU, k.Kind == analyze.KindCPU && r.Kind == analyze.KindEmpty:
			r.Kind = k.Kind
		}
	}
	for _, lane := range lanes(c.Ranks, r.Kind) {
		b.lane(lane)
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int { return compareShapes(a.Shape, b.Shape) })
	if c.Asked != "" && c.Asked != "none" && len(r.Work) > 0 && !slices.ContainsFunc(r.Work, quantized) &&
		slices.ContainsFunc(r.Work, func(w analyze.Work) bool { return partOf(w) == partGEMM }) {
		r.NotQuant = c.AskedBy + " says " + c.Asked
	}
	return r
}

// addProblem adds a reason not to believe some of the numbers.
func (r *Run) addProblem(m words.Message) {
	r.Problems, r.ProblemMessages = append(r.Problems, m.Text()), append(r.ProblemMessages, m)
}

// problems are the run's problems as messages, those of an old baseline too.
func (r *Run) problems() []words.Message {
	if r.ProblemMessages != nil || r.Problems == nil {
		return r.ProblemMessages
	}
	var out []words.Message
	for _, text := range r.Problems {
		out = append(out, words.Say("problem", "{problem}", words.Name("problem", text)))
	}
	return out
}

// losesKernels tells problems of traces that have lost kernels of steps, or have them twice.
func losesKernels(p analyze.Problem) bool {
	switch p.ID {
	case "lost_kernels", "replays_differ", "empty_graphs", "rank_lost_work", "duplicates":
		return true
	}
	return false
}

func compareShapes(a, b Shape) int {
	return cmp.Or(cmp.Compare(a.Phase, b.Phase), cmp.Compare(b.GenerationRequests, a.GenerationRequests), cmp.Compare(b.GenerationTokens, a.GenerationTokens),
		cmp.Compare(b.ContextTokens, a.ContextTokens), cmp.Compare(b.ContextRequests, a.ContextRequests))
}

// lanes groups ranks that took the same steps. Ranks without the work that the others have are left out.
func lanes(ranks []*analyze.RankIterations, kind string) [][]*analyze.RankIterations {
	var out [][]*analyze.RankIterations
	same := func(a, b *analyze.RankIterations) bool {
		return slices.EqualFunc(a.Steps, b.Steps, func(x, y analyze.Iteration) bool { return x.Name == y.Name })
	}
	for _, r := range ranks {
		if r.Kind != kind || r.Kind == analyze.KindEmpty {
			continue
		}
		i := slices.IndexFunc(out, func(lane []*analyze.RankIterations) bool { return same(lane[0], r) })
		if i < 0 {
			out = append(out, nil)
			i = len(out) - 1
		}
		out[i] = append(out[i], r)
	}
	return out
}

type runBuilder struct {
	run   *Run
	rowOf map[analyze.Work]int
}

// lane adds the steps of ranks that took the same ones.
func (b *runBuilder) lane(ranks []*analyze.RankIterations) {
	if len(ranks[0].Steps) == 0 {
		for _, r := range ranks {
			if r.Whole != nil {
				r.Whole.Phase = PhaseWhole
			}
		}
		b.whole(ranks)
		return
	}
	type use struct {
		steps, open []int
		group       Group
	}
	var groups []*use
	seen := map[trace.StepPhase]bool{}
	for i := range ranks[0].Steps {
		it := &ranks[0].Steps[i]
		if it.Phase == trace.StepEmpty || it.Phase == trace.StepCapture {
			continue
		}
		shape := it.Shape()
		at := slices.IndexFunc(groups, func(g *use) bool { return g.group.Shape == shape })
		if at < 0 {
			groups = append(groups, &use{group: Group{Shape: shape}})
			at = len(groups) - 1
		}
		g := groups[at]
		first := i == 0 || !seen[shape.Phase]
		seen[shape.Phase] = true
		if it.Open {
			g.open = append(g.open, i)
			continue
		}
		g.steps = append(g.steps, i)
		if first && !it.Unmeasured {
			g.group.FirstNs = append(g.group.FirstNs, it.Ns())
		}
	}
	for _, g := range groups {
		g.group.Open = len(g.open)
		if len(g.steps) == 0 { // nothing but last ones
			g.steps, g.group.Open = g.open, 0
			g.group.Cold = true
		}
		g.group.Cold = g.group.Cold || len(g.steps) == len(g.group.FirstNs)
		b.add(ranks, g.group, g.steps)
	}
}

// wholeShape is that of a trace without steps.
func wholeShape() Shape {
	return Shape{Phase: PhaseWhole, ContextRequests: -1, ContextTokens: -1, GenerationRequests: -1, GenerationTokens: -1}
}

// whole takes traces without steps, each as one step.
func (b *runBuilder) whole(ranks []*analyze.RankIterations) {
	var as []*analyze.RankIterations
	for _, r := range ranks {
		if r.Whole != nil {
			as = append(as, &analyze.RankIterations{Rank: r.Rank, Work: r.Work, Steps: []analyze.Iteration{*r.Whole}})
		}
	}
	if len(as) > 0 {
		b.add(as, Group{Shape: wholeShape(), Cold: true}, []int{0})
	}
}

// add reduces the steps of one shape.
func (b *runBuilder) add(ranks []*analyze.RankIterations, g Group, steps []int) {
	lead := ranks[0]
	for _, r := range ranks {
		if commOf(r, steps) < commOf(lead, steps) {
			lead = r
		}
	}
	g.LeadRank = lead.Rank
	if steps = g.dropUnmeasured(lead, steps); len(steps) == 0 {
		return // of none the time is known
	}
	g.Steps = len(steps)
	for _, i := range steps {
		it := &lead.Steps[i]
		g.TotalNs, g.BusyNs, g.CommNs = append(g.TotalNs, it.Ns()), append(g.BusyNs, it.WorkNs()), append(g.CommNs, it.CommNs)
		g.AllNs += it.Ns()
		for c, ns := range it.IdleNs {
			g.AllIdleNs[c] += ns
		}
	}
	g.countOutliers()
	var typical []int
	for _, at := range typicalSteps(g.TotalNs) {
		typical = append(typical, steps[at])
	}
	g.Typical = len(typical)
	b.sum(&g, lead, typical)
	for _, r := range ranks {
		s := RankSum{Rank: r.Rank}
		for _, i := range typical {
			it := &r.Steps[i]
			s.Steps++
			s.TotalNs += it.Ns()
			s.BusyNs += it.WorkNs()
			s.CommNs += it.CommNs
		}
		g.PerRank = append(g.PerRank, s)
	}
	if at := slices.IndexFunc(b.run.Groups, func(o Group) bool { return o.Shape == g.Shape }); at >= 0 {
		b.run.Groups[at].merge(&g)
		return
	}
	b.run.Groups = append(b.run.Groups, g)
}

// sum adds up what the work, the causes of idleness and the layers of some steps took.
func (b *runBuilder) sum(g *Group, lead *analyze.RankIterations, steps []int) {
	type course struct { // of one kind of work, from step to step
		WorkSum
		at   int   // the last step that had any
		last int64 // how much
	}
	sums := map[int]*course{}
	for k, i := range steps {
		it := &lead.Steps[i]
		for c, ns := range it.IdleNs {
			g.IdleNs[c] += ns
		}
		for _, s := range it.Shares {
			w := b.row(lead.Work[s.Work])
			c := sums[w]
			if c == nil {
				c = &course{WorkSum: WorkSum{Work: w}, at: -1}
				sums[w] = c
			}
			c.Count += s.Count
			c.Ns += s.Ns
			switch d := float64(s.Ns - c.last); {
			case c.at == k-1 && k > 0:
				c.Neighbours += d * d
			case k > 0: // none in the step before
				c.Neighbours += float64(c.last)*float64(c.last) + float64(s.Ns)*float64(s.Ns)
			}
			c.at, c.last = k, s.Ns
		}
		for l, ns := range it.LayerNs {
			for len(g.LayerNs) <= l {
				g.LayerNs = append(g.LayerNs, 0)
			}
			g.LayerNs[l] += ns
		}
	}
	for _, c := range sums {
		if c.at < len(steps)-1 {
			c.Neighbours += float64(c.last) * float64(c.last)
		}
		g.Work = append(g.Work, c.WorkSum)
	}
	slices.SortFunc(g.Work, func(a, b WorkSum) int { return cmp.Compare(a.Work, b.Work) })
}

func commOf(r *analyze.RankIterations, steps []int) (ns int64) {
	for _, i := range steps {
		ns += r.Steps[i].CommNs
	}
	return ns
}

// row finds or makes a kind of work in the run's table.
func (b *runBuilder) row(w analyze.Work) int {
	i, ok := b.rowOf[w]
	if !ok {
		i = len(b.run.Work)
		b.rowOf[w] = i
		b.run.Work = append(b.run.Work, w)
	}
	return i
}

// merge adds another lane's steps of the same shape.
func (g *Group) merge(o *Group) {
	if g.Cold != o.Cold { // warm steps are the better ones
		if g.Cold {
			*g = *o
		}
		return
	}
	g.TotalNs, g.BusyNs, g.CommNs = append(g.TotalNs, o.TotalNs...), append(g.BusyNs, o.BusyNs...), append(g.CommNs, o.CommNs...)
	g.Steps += o.Steps
	g.Typical += o.Typical
	g.AllNs += o.AllNs
	for c, ns := range o.AllIdleNs {
		g.AllIdleNs[c] += ns
	}
	g.FirstNs = append(g.FirstNs, o.FirstNs...)
	g.Open, g.Outliers, g.OutliersNs, g.UnderRecorded = g.Open+o.Open, g.Outliers+o.Outliers, g.OutliersNs+o.OutliersNs, g.UnderRecorded+o.UnderRecorded
	for c, ns := range o.IdleNs {
		g.IdleNs[c] += ns
	}
	for _, s := range o.Work {
		at, ok := slices.BinarySearchFunc(g.Work, s.Work, func(a WorkSum, w int) int { return cmp.Compare(a.Work, w) })
		if !ok {
			g.Work = slices.Insert(g.Work, at, WorkSum{Work: s.Work})
		}
		g.Work[at].Count += s.Count
		g.Work[at].Ns += s.Ns
		g.Work[at].Neighbours += s.Neighbours
	}
	for l, ns := range o.LayerNs {
		for len(g.LayerNs) <= l {
			g.LayerNs = append(g.LayerNs, 0)
		}
		g.LayerNs[l] += ns
	}
	g.PerRank = append(g.PerRank, o.PerRank...)
}

// dropUnmeasured leaves out the steps of which the rank's trace has lost work.
func (g *Group) dropUnmeasured(r *analyze.RankIterations, steps []int) []int {
	kept := slices.DeleteFunc(slices.Clone(steps), func(i int) bool { return r.Steps[i].Unmeasured })
	g.UnderRecorded = len(steps) - len(kept)
	return kept
}

// An outlier is farther from the median than outlierSpreads times the steps' own spread (as estimated from the median
// absolute deviation), and farther than outlierShare of the median: a server that waited for requests, a host that was
// taken away. It is in no typical step, and in every other number.
const (
	outlierSpreads = 5
	outlierShare   = 0.10
)

func (g *Group) countOutliers() {
	off := farOff(g.TotalNs)
	for _, ns := range g.TotalNs {
		if off(ns) {
			g.Outliers++
			g.OutliersNs += ns
		}
	}
}

// farOff tells outliers of some steps.
func farOff(all []int64) func(ns int64) bool {
	usual, spread := medianSpread(all)
	limit := max(outlierSpreads*spread, outlierShare*usual)
	return func(ns int64) bool { return len(all) >= fewSteps && math.Abs(float64(ns)-usual) > limit }
}
