package plants

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings"
	"github.com/inferprof/inferprof/trace"
)

// How well rules find what is planted, and nothing else.
//
// What is said of a planted profile is right if it names the cause (Planted.Right), a consequence (Also), or what is said of
// the base. All else is false: precision is the share of findings and problems that are right, of all and of those that the
// base has not.
//
// A cause is found if a problem names it, or if a finding does that is the first or second of those that the base has not: a
// base that is idle for 86 % of the time stays so, whatever is planted. Where a finding of the base names the cause, it has
// to have grown by half of what was planted. Recall is the share of causes that are found. A cause that costs less than
// minLost of the time is none: a rule may be silent, and may speak.
const (
	precisionAtLeast = 0.98
	recallAtLeast    = 0.95
	minLost          = 0.05
)

// outcome is what became of plants.
type outcome struct {
	said, right     int // findings and problems, and of them the right ones
	newly, newRight int // those that the base has not
	causes, found   int
	misses          []string
}

func (o *outcome) add(p outcome) {
	o.said, o.right, o.newly, o.newRight = o.said+p.said, o.right+p.right, o.newly+p.newly, o.newRight+p.newRight
	o.causes, o.found, o.misses = o.causes+p.causes, o.found+p.found, append(o.misses, p.misses...)
}

// problem is what is wrong with a rank's trace.
type problem struct {
	id   string
	rank int
	ns   int64
}

// said is what is concluded from a profile.
type said struct {
	problems  []problem
	unchecked []problem
	findings  []analyze.Finding
	steps     int
	ns        int64 // from the second step on: the first may have waited for other ranks' profiles
}

func conclude(traces []*trace.Trace) said {
	o := analyze.Options{}
	parts, looks := make([]*analyze.Part, len(traces)), make([]*findings.Look, len(traces))
	for i, number := range analyze.RankNumbers(analyze.Metas(traces)) {
		x := analyze.File(traces[i], o)
		parts[i] = analyze.NewPart(x, number, o)
		looks[i] = findings.LookAt(x, parts[i].Rank, o.Capture)
	}
	r := analyze.Join(parts, o)
	s := said{findings: findings.Find(r, looks)}
	for _, p := range r.Problems {
		s.problems = append(s.problems, problem{p.ID, p.Rank, p.Ns})
	}
	for _, c := range r.Checks {
		if c.Outcome == analyze.CheckNotChecked {
			s.unchecked = append(s.unchecked, problem{id: NotChecked + c.ID, rank: c.Rank})
		}
	}
	for _, rank := range r.Ranks {
		s.steps = max(s.steps, len(rank.Steps))
	}
	return s
}

// stake is what a finding has at stake over all steps, 0 if there is none. A pause that no step has, has none: of those it is how
// many there are that counts.
func (s *said) stake(id string) int64 {
	for _, f := range s.findings {
		if f.ID != id {
			continue
		}
		for _, e := range f.Evidence {
			if e.Name == "such_gaps" {
				return int64(e.Value) * 1_000_000_000
			}
		}
		return f.StakeNsPerStep * int64(max(1, s.steps))
	}
	return 0
}

// judge says what became of one plant.
func judge(own, now said, p *Planted) (o outcome) {
	base := map[string]bool{}
	for _, f := range own.findings {
		base[f.ID] = true
	}
	count := func(id string, ofBase bool) {
		right := ofBase || slices.Contains(p.Right, id) || slices.Contains(p.Also, id)
		if o.said++; right {
			o.right++
		} else {
			o.misses = append(o.misses, "false: "+id)
		}
		if !ofBase {
			if o.newly++; right {
				o.newRight++
			}
		}
	}
	named := slices.ContainsFunc(now.unchecked, func(x problem) bool { return slices.Contains(p.Right, x.id) && !slices.Contains(own.unchecked, x) })
	for _, x := range now.problems {
		at := slices.IndexFunc(own.problems, func(o problem) bool { return o.id == x.id && o.rank == x.rank })
		count(x.id, at >= 0)
		if at < 0 || float64(x.ns) > 1.1*float64(own.problems[at].ns) {
			named = named || slices.Contains(p.Right, x.id)
		}
	}
	place := 0
	for _, f := range now.findings {
		count(f.ID, base[f.ID])
		names := slices.Contains(p.Right, f.ID)
		if base[f.ID] && names && now.stake(f.ID)-own.stake(f.ID) < p.LostNs/2 {
			names = false
		}
		if base[f.ID] && !names {
			continue
		}
		if place++; names && place <= 2 {
			named = true
		}
	}
	if len(p.Right) == 0 || p.Timed && float64(p.LostNs) < minLost*float64(own.ns) {
		return o
	}
	if o.causes = 1; named {
		o.found = 1
	} else {
		o.misses = append(o.misses, "not found: one of "+strings.Join(p.Right, ", "))
	}
	return o
}

// Of the bases as they are, what their tables have is said, and nothing else.
func TestBases(t *testing.T) {
	for _, b := range bases {
		ranks := b.read(t)
		if ranks == nil {
			continue
		}
		var want, got []string
		for _, f := range b.found {
			want = append(want, f.id)
		}
		own := conclude(ranks)
		for _, f := range own.findings {
			got = append(got, f.ID)
		}
		if slices.Sort(want); !slices.Equal(want, slices.Sorted(slices.Values(got))) || len(own.problems) > 0 {
			t.Errorf("%s: want %q and no problem, got\n%s", b.name, want, strings.Join(show(own), "\n"))
		}
	}
}

// TestPlants plants all that there is in all bases, and scores what is said.
func TestPlants(t *testing.T) {
	var all outcome
	for _, b := range bases {
		if testing.Short() && strings.HasPrefix(b.pattern, shared) {
			continue
		}
		ranks := b.read(t)
		if ranks == nil {
			continue
		}
		own := conclude(ranks)
		s := NewScene(ranks...)
		own.ns = s.ns()
		var of outcome
		for _, plant := range List {
			p := plant.Make(s)
			if p == nil {
				continue
			}
			now := conclude(p.Ranks)
			o := judge(own, now, p)
			for i, m := range o.misses {
				o.misses[i] = fmt.Sprintf("%s | %s (%.1f ms of %.1f) | %s", b.name, plant.Name, float64(p.LostNs)/1e6, float64(own.ns)/1e6, m)
			}
			if testing.Verbose() && len(o.misses) > 0 {
				o.misses = append(o.misses, show(now)...)
			}
			of.add(o)
		}
		t.Logf("%-24s %s", b.name, of.figures())
		all.add(of)
	}
	t.Logf("%-24s %s", "all", all.figures())
	if len(all.misses) > 0 {
		t.Logf("misses:\n%s", strings.Join(all.misses, "\n"))
	}
	if float64(all.right) < precisionAtLeast*float64(all.said) || float64(all.newRight) < precisionAtLeast*float64(all.newly) {
		t.Errorf("precision is below %g", precisionAtLeast)
	}
	if float64(all.found) < recallAtLeast*float64(all.causes) {
		t.Errorf("recall is below %g", recallAtLeast)
	}
}

func (o *outcome) figures() string {
	return fmt.Sprintf("precision %d of %d (of what the base has not: %d of %d), recall %d of %d", o.right, o.said, o.newRight, o.newly, o.found, o.causes)
}

func show(s said) (lines []string) {
	for _, p := range s.problems {
		lines = append(lines, fmt.Sprintf("      ! %s of rank %d", p.id, p.rank))
	}
	for _, f := range s.findings {
		lines = append(lines, fmt.Sprintf("      - %s %d: %.180s", f.ID, f.StakeNsPerStep, f.Sentence))
	}
	return lines
}
