package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// Integrity comes first, and it comes again: a number that depends on a part that can't be trusted carries a mark, †1,
// which is the number of the problem that says why. Problems that are good to know but change nothing (notes) have no
// mark, and the same problem of many ranks is one.

// partsOf are the parts of a result, by their names in JSON, that each table shows: a problem names those that it makes
// doubtful (Problem.Affects).
var partsOf = map[string][]string{
	"time": {"time"}, "idle": {"idle"}, "gap": {"idle"}, "phase": {"phases"}, "step": {"steps"}, "category": {"categories"}, "kernel": {"kernels"}, "graph": {"graphs"},
	"op": {"ops"}, "copy": {"memory_ops"}, "memory": {"memory"}, "call": {"cpu"}, "launch": {"launch"}, "collective": {"collectives"},
	"rank": {"time"}, "stream": {"streams"}, "queue": {"queues"}, "thread": {"cpu"}, "core": {"parallel"}, "roofline": {"roofline"}, "module": {"modules"},
}

func (n *notice) affects(table string) bool {
	return slices.ContainsFunc(partsOf[table], func(part string) bool { return slices.Contains(n.Affects, part) })
}

// notice is a problem of one kind, and the ranks that have it.
type notice struct {
	analyze.Problem
	ranks  []int // none: the whole capture
	number int   // of its mark; 0: it makes no number untrue
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

// who says which of several ranks a notice is about.
func (n *notice) who(r *analyze.Result) string {
	switch {
	case len(n.ranks) == 0 || len(r.Ranks) < 2:
		return ""
	case len(n.ranks) == 1 && strings.Contains(n.Text, fmt.Sprintf("rank %d ", n.ranks[0])):
		return "" // it says so itself
	case len(n.ranks) == 1:
		return "rank " + strconv.Itoa(n.ranks[0])
	case len(n.ranks) == len(r.Ranks):
		return fmt.Sprintf("each of %d ranks, such as rank %d", len(n.ranks), n.ranks[0])
	}
	var names []string
	for _, k := range n.ranks[:min(6, len(n.ranks))] {
		names = append(names, strconv.Itoa(k))
	}
	if len(n.ranks) > 6 {
		names = append(names, "…")
	}
	return fmt.Sprintf("ranks %s; on rank %d", strings.Join(names, ", "), n.ranks[0])
}

// mark is what numbers of a table carry: "", or †1 or †1,2.
func mark(all []notice, tables ...string) string {
	return markOf(slices.DeleteFunc(slices.Clone(all), func(n notice) bool { return !slices.ContainsFunc(tables, n.affects) }))
}

// markOf is the mark of some notices.
func markOf(of []notice) string {
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

// launchesKnown tells whether the launch of any GPU work is in the traces: profilers of the GPU alone record none, nor did
// PyTorch's older one. Where there is none, nothing is known of delays, of a step's GPU work, and of why a device waited.
func launchesKnown(r *analyze.Result) bool {
	return slices.ContainsFunc(r.Ranks, func(k *analyze.Rank) bool { return k.Launch != nil && k.Launch.Linked > 0 })
}
