package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// Integrity comes first, and it comes again: a number that depends on a part that can't be trusted carries a mark, †1,
// which is the number of the problem that says why. Problems that are good to know but change nothing (notes) have no
// mark, and the same problem of many ranks is one.

// notice is a problem of one kind, and the ranks that have it.
type notice struct {
	analyze.Problem
	ranks  []int // none: the whole capture
	number int   // of its mark; 0: it makes no number untrue
}

// affects tells whether a problem makes some of these parts of a result doubtful.
func (n *notice) affects(parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return slices.Contains(n.Affects, part) })
}

// notices are a result's problems, each kind of each severity once, the worst first.
func notices(r *analyze.Result) []notice {
	var out []notice
	numbers := 0
	for _, p := range r.Problems {
		i := slices.IndexFunc(out, func(n notice) bool { return n.ID == p.ID && n.Severity == p.Severity })
		if i < 0 {
			i = len(out)
			n := notice{Problem: p}
			if p.Severity != analyze.SeverityNote && len(p.Affects) > 0 {
				numbers++
				n.number = numbers
			}
			out = append(out, n)
		}
		if p.Rank != analyze.AllRanks && !slices.Contains(out[i].ranks, p.Rank) {
			out[i].ranks = append(out[i].ranks, p.Rank)
		}
	}
	return out
}

// who says which of several ranks a notice is about; "" where it says so itself.
func (n *notice) who(r *analyze.Result) string {
	switch {
	case len(n.ranks) == 0 || len(r.Ranks) < 2 || len(n.ranks) == 1 && n.NamesRank():
		return ""
	case len(n.ranks) == 1:
		return "rank " + strconv.Itoa(n.ranks[0])
	case len(n.ranks) == len(r.Ranks):
		return words.Say("", "each of {ranks} ranks, such as rank {first}", words.Number("ranks", len(n.ranks)), words.RankOf("first", n.ranks[0])).Text()
	}
	var names []string
	for _, k := range n.ranks[:min(6, len(n.ranks))] {
		names = append(names, strconv.Itoa(k))
	}
	return "ranks " + words.List(names, len(n.ranks)) + "; on rank " + strconv.Itoa(n.ranks[0])
}

// told are the notices as a document has them.
func told(r *analyze.Result, all []notice) []Notice {
	if len(all) == 0 {
		return []Notice{{Tone: ToneFine, Label: "Integrity", Said: analyze.SoundOf(r.Checks), Brief: analyze.SoundBriefOf(r.Checks)}}
	}
	var out []Notice
	for i := range all {
		n := &all[i]
		one := Notice{Tone: ToneNote, Label: "Note", Number: n.number, Who: n.who(r), Said: n.Message()}
		switch n.Severity {
		case analyze.SeverityError:
			one.Tone, one.Label = ToneError, "Error"
		case analyze.SeverityWarning:
			one.Tone, one.Label = ToneWarning, "Warning"
		}
		out = append(out, one)
	}
	if m := analyze.UncheckedOf(r.Checks); !m.IsZero() {
		out = append(out, Notice{Tone: ToneNote, Label: "Not checked", Said: m, Brief: analyze.UncheckedBriefOf(r.Checks)})
	}
	return out
}

// marks is the mark of some notices.
func marks(of []notice) string {
	var numbers []string
	for _, n := range of {
		if n.number > 0 {
			numbers = append(numbers, strconv.Itoa(n.number))
		}
	}
	if numbers == nil {
		return ""
	}
	return "†" + strings.Join(numbers, ",")
}
