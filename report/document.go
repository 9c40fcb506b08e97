package report

import (
	"strings"

	"github.com/inferprof/inferprof/internal/words"
)

// A report is one Document, whatever it is written as. What it says, in which order, and which numbers stand in its tables is
// settled when the document is built: of a result (resultdoc.go), of a comparison (comparedoc.go) or of a sweep's cells
// (sweepdoc.go). Text, Markdown and HTML walk it and decide on nothing but looks: how wide, how much of a table, what is
// folded, what is drawn. They compute nothing, and they look at no word.
//
// So a fact is one entry in facts, a table one in tables, and a sentence one message where it is computed; all three are then
// in every rendering. What only some can do is drawn beside the numbers, never instead of them: charts in HTML, bars and
// sparklines in text.

// Document is what is said of one result, comparison or sweep, in the order in which it is read.
type Document struct {
	Title    string
	Facts    []words.Message // what it is about
	Notices  []Notice        // what not to believe, before anything else
	Verdict  []Answer        // the answer
	Figures  []Figure        // its key numbers
	Sections []*Section
	Footer   []string // of a page

	listed  bool     // the facts are one to a line
	notices []notice // by which numbers are marked
	hint    string   // what a short form leaves out and how to get it
}

// Notice is something to know before believing a number.
type Notice struct {
	Tone   Tone
	Label  string // what kind of thing it is, in a word or two
	Number int    // of the mark on the numbers that depend on it; 0: on none
	Who    string // which of several it is about; "": that is clear
	Said   words.Message
	Brief  words.Message // the same in a line, where there is no room; zero: Said
}

// Tone is how bad something is.
type Tone uint8

// Tones. Of what is neither good nor bad, the zero one.
const (
	ToneNote Tone = iota
	ToneFine
	ToneWarning
	ToneError
)

// Answer is a sentence of the verdict.
type Answer struct {
	Said words.Message
	Kind AnswerKind
}

// AnswerKind is what an answer comes to. A result's have none, and are one paragraph.
type AnswerKind uint8

// Kinds of answers.
const (
	AnswerPlain AnswerKind = iota
	AnswerSame
	AnswerBetter
	AnswerWorse
	AnswerUnknown
	AnswerPassed
	AnswerFailed
	AnswerUndecided
	AnswerNote // what else to know of the answers
)

// Figure is a number that a reader looks for first.
type Figure struct {
	Label, Value string
	Mark         string
	Note         words.Message
}

// Section is a titled part of a document.
type Section struct {
	ID, Title, Note string
	Mark            string // of problems with what it shows
	Blocks          []Block

	half   bool // shares a line of a page with its neighbour
	folded bool // a page keeps it behind its title
}

// Block is a part of a section: a *dataTable, a paragraph, a list of findings, notices, a chart, a sparkline.
type Block any

// paragraph is a remark.
type paragraph struct {
	said words.Message
	tone Tone
}

// finding is a conclusion and what goes with it.
type finding struct {
	severity string
	inferred bool
	stake    string // "" if nothing is known of it
	mark     string
	sentence string
	evidence []labelled
	try      string
	lookAt   []string
}

// labelled is a number and what it is.
type labelled struct{ label, value string }

// findingList are findings, the first the most important.
type findingList []finding

// sparkline is a series in its order, drawn in a line where there is nothing better.
type sparkline struct{ values []int64 }

// section finds a section; nil if there is none.
func (d *Document) section(id string) *Section {
	for _, s := range d.Sections {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// text is a message with the marks of the numbers in it.
func (d *Document) text(m words.Message) string {
	return m.Marked(func(p words.Param) string { return markOf(d.notices, p.Of...) })
}

// facts are what the document is about, in a line.
func (d *Document) facts() []string {
	var out []string
	for _, f := range d.Facts {
		out = append(out, d.text(f))
	}
	return out
}

// joined are sentences as one paragraph.
func (d *Document) joined(all []Answer) string {
	var out []string
	for _, a := range all {
		out = append(out, d.text(a.Said))
	}
	return strings.Join(out, " ")
}

// mark is what a number carries that depends on what a problem makes untrue: "", or †1 or †1,2. parts are the parts of a result
// that it is of, by their names in JSON.
func markOf(all []notice, parts ...string) string {
	if len(parts) == 0 {
		return ""
	}
	var of []notice
	for _, n := range all {
		if n.affects(parts) {
			of = append(of, n)
		}
	}
	return marks(of)
}
