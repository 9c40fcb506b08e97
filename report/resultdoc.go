package report

import (
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/internal/words"
)

// NewDocument is the report of a result.
func NewDocument(r *analyze.Result) *Document {
	return resultDocument(r, func(*entry) bool { return true })
}

// shortDocument is what a short form shows of a result. Ops are then without steps and scopes, whose self time is the category "in
// no op".
func shortDocument(r *analyze.Result, wanted func(*entry) bool) *Document {
	d := resultDocument(r, wanted)
	if s := d.section("op"); s != nil {
		for _, b := range s.Blocks {
			if t, ok := b.(*dataTable); ok {
				category := slices.IndexFunc(t.cols, func(c dataColumn) bool { return c.name == "category" })
				t.rows = slices.DeleteFunc(t.rows, func(row []any) bool { return row[category] == categories.Python })
			}
		}
	}
	return d
}

// resultDocument is the report of a result, with those tables that are wanted.
func resultDocument(r *analyze.Result, wanted func(*entry) bool) *Document {
	a := aboutOf(r)
	d := &Document{Title: a.name, notices: notices(r), hint: "more: --full · --by kernel, step, rank, … · --format html -o report.html", Footer: []string{
		"Times are exact to the nanosecond of the trace and are rounded only for display; every table as data: inferprof report PATH --format json or csv.",
		"This page is one file and loads nothing.",
	}}
	for _, fact := range facts {
		if m := fact(a); !m.IsZero() {
			d.Facts = append(d.Facts, m)
		}
	}
	d.Notices = told(r, d.notices)
	for _, m := range r.Verdict {
		d.Verdict = append(d.Verdict, Answer{Said: m})
	}
	for _, f := range r.Figures {
		d.Figures = append(d.Figures, Figure{f.Label, f.Text, markOf(d.notices, f.RestsOn...), f.Note})
	}
	for i := range tables {
		if e := &tables[i]; wanted(e) {
			d.add(r, e)
		}
	}
	d.pair()
	return d
}

// add adds the section of a table: charts, the table, and what is to be said of it. One of which there is nothing is left out.
func (d *Document) add(r *analyze.Result, e *entry) {
	if e.name == "finding" {
		if len(r.Findings) > 0 {
			d.Sections = append(d.Sections, &Section{ID: "findings", Title: "Findings", Note: findingsNote, Blocks: []Block{findingsOf(r, d.notices)}})
		}
		return
	}
	if r.Kind == analyze.KindEmpty || e.several != nil && e.several(r) < 2 {
		return
	}
	t, remarks := e.table(r), remarksOf(r, e.name)
	if len(t.rows) == 0 && len(remarks) == 0 {
		return
	}
	t.short = max(0, e.inShort)
	s := &Section{ID: e.name, Title: t.title, Note: t.note, Mark: markOf(d.notices, e.parts...), half: e.half, folded: e.folded == foldAll}
	for _, c := range e.charts {
		s.Blocks = append(s.Blocks, c(r))
	}
	var table []Block
	if len(t.rows) > 0 {
		t.folded = e.folded == foldTable
		table = []Block{t}
	}
	if t.folded { // what is said stands where it is seen
		s.Blocks = append(append(s.Blocks, remarks...), table...)
	} else {
		s.Blocks = append(append(s.Blocks, table...), remarks...)
	}
	if e.line != nil {
		s.Blocks = append(s.Blocks, e.line(r))
	}
	d.Sections = append(d.Sections, s)
}

// remarksOf are what is to be said of a table.
func remarksOf(r *analyze.Result, table string) []Block {
	var out []Block
	for _, m := range r.Remarks {
		if m.Table == table {
			out = append(out, paragraph{said: m.Message})
		}
	}
	return out
}

// pair leaves half a line to those sections alone that have a neighbour for the other half.
func (d *Document) pair() {
	for i, s := range d.Sections {
		left, right := i > 0 && d.Sections[i-1].half, i+1 < len(d.Sections) && d.Sections[i+1].half
		s.half = s.half && (left || right)
	}
}

// findingsNote is in which order findings are.
const findingsNote = "most time at stake first"

// findingsOf are a result's findings.
func findingsOf(r *analyze.Result, all []notice) findingList {
	var out findingList
	for i := range r.Findings {
		f := &r.Findings[i]
		one := finding{severity: f.Severity, inferred: f.Inferred, mark: findingMark(all, f), sentence: f.Sentence, try: f.Try}
		if f.StakeNsPerStep > 0 {
			one.stake = words.Duration(f.StakeNsPerStep) + choose(hasSteps(r), " per step", " in all")
		}
		for _, e := range f.Evidence {
			one.evidence = append(one.evidence, labelled{e.Label(), e.Written()})
		}
		for _, e := range f.Events {
			one.lookAt = append(one.lookAt, words.Say("", "{name} ({duration_ns}) {at_ns} into the trace of rank {rank}", words.LongName("name", e.Name, shorten(shortName(e.Name), 60)),
				words.Ns("duration_ns", e.DurationNs), words.Ns("at_ns", sinceStart(r, e)), words.RankOf("rank", e.Rank)).Text())
		}
		out = append(out, one)
	}
	return out
}

// shortName is the name of any event in short.
func shortName(name string) string {
	if short := categories.ShortOp(name); short != name { // a Python frame
		return short
	}
	return categories.ShortKernel(name)
}

// sinceStart is when an event began, from the first one of its trace: base times are Unix times in some traces.
func sinceStart(r *analyze.Result, e analyze.EventRef) int64 {
	for _, k := range r.Ranks {
		if k.Rank == e.Rank {
			return e.StartNs - k.FirstNs
		}
	}
	return e.StartNs
}

// findingMark is the mark that a finding carries: that of the problems of what it rests on, on a rank that it points at. What a rank
// waited in collectives is known from all of them, so that those of any rank count.
func findingMark(all []notice, f *analyze.Finding) string {
	return marks(slices.DeleteFunc(slices.Clone(all), func(n notice) bool {
		here := func(e analyze.EventRef) bool { return slices.Contains(n.ranks, e.Rank) }
		elsewhere := len(n.ranks) > 0 && len(f.Events) > 0 && !slices.ContainsFunc(f.Events, here)
		return !slices.ContainsFunc(f.RestsOn, func(part string) bool {
			return slices.Contains(n.Affects, part) && (!elsewhere || part == "collectives")
		})
	}))
}

// hasSteps tells whether any step was measured: then what is at stake is per step.
func hasSteps(r *analyze.Result) bool {
	return slices.ContainsFunc(r.Steps, func(s analyze.RankStep) bool { return s.HasIteration() && !s.Unmeasured })
}
