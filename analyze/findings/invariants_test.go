package findings

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/analyze/findings/plants"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// What holds of everything that is said, whatever the trace.

// concluded is what is said of traces, and the step that stakes are of.
type concluded struct {
	result   *analyze.Result
	findings []analyze.Finding
	stepNs   int64 // with the long gaps
}

func concludeOn(traces []*trace.Trace) concluded {
	var o analyze.Options
	parts, looks := make([]*analyze.Part, len(traces)), make([]*Look, len(traces))
	for i, number := range analyze.RankNumbers(analyze.Metas(traces)) {
		x := analyze.File(traces[i], o)
		parts[i] = analyze.NewPart(x, number, o)
		looks[i] = LookAt(x, parts[i].Rank, o.Capture)
	}
	r := analyze.Join(parts, o)
	v := newView(r, looks)
	return concluded{r, Find(r, looks), v.stepNs + v.longNs}
}

// broken lists the invariants that what is said breaks.
func (c *concluded) broken() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, r := range c.result.Ranks {
		for _, t := range r.Time {
			if t.BusyNs+t.IdleNs != t.TotalNs || t.ComputationNs+t.ExposedCommNs+t.ExposedMemoryNs != t.BusyNs || t.IdleNs < 0 || t.BusyNs < 0 {
				say("rank %d: parts of the time do not sum to it: %+v", r.Rank, t)
			}
			for _, i := range r.Idle {
				if i.Device == t.Device && t.Device >= 0 && i.Host.Ns+i.Launch.Ns+i.Other.Ns+i.Unknown.Ns != t.IdleNs {
					say("rank %d: idle %d ns, by cause %+v", r.Rank, t.IdleNs, i)
				}
			}
		}
		steps := map[trace.StepPhase]int{}
		for i := range r.Steps {
			s := &r.Steps[i]
			steps[s.Phase]++
			if s.BusyNs > s.TimeNs || s.BusyNs < 0 || max(0, s.GapNs)+s.BusyNs > s.TimeNs {
				say("rank %d, step %d: busy %d ns and a gap of %d in %d", r.Rank, i, s.BusyNs, s.GapNs, s.TimeNs)
			}
		}
		for _, p := range r.Phases {
			if p.Steps != steps[p.Phase] {
				say("rank %d: %d %s steps, of which the phase has %d", r.Rank, steps[p.Phase], p.Phase, p.Steps)
			}
		}
	}
	if c.result.Kind == index.KindGPU {
		var kernels, categories int64
		for _, k := range c.result.Kernels {
			kernels += k.ExclusiveNs
		}
		for _, k := range c.result.Categories {
			categories += k.ExclusiveNs
		}
		if kernels != c.result.Time.BusyNs || categories != kernels {
			say("busy %d ns, by kernel %d, by category %d", c.result.Time.BusyNs, kernels, categories)
		}
	}
	var stakes int64
	for i := range c.findings {
		f := &c.findings[i]
		if f.StakeNsPerStep < 0 {
			say("%s: %d ns at stake", f.ID, f.StakeNsPerStep)
		}
		if !slices.ContainsFunc(registry, func(r rule) bool { return r.artefact && r.id == f.ID }) { // those are misread, not lost
			stakes += f.StakeNsPerStep
		}
		for _, b := range brokenFinding(f) {
			say("%s: %s: %s", f.ID, b, f.Sentence)
		}
		for _, b := range notRecomputed(c.result, f) {
			say("%s: %s: %s", f.ID, b, f.Sentence)
		}
	}
	if stakes > c.stepNs {
		say("%d ns at stake in a step of %d", stakes, c.stepNs)
	}
	return out
}

// brokenFinding lists what is wrong with a finding by itself.
func brokenFinding(f *analyze.Finding) (out []string) {
	for _, e := range f.Evidence {
		if math.IsNaN(e.Value) || math.IsInf(e.Value, 0) || e.Value < 0 || e.Unit == unitShare && e.Value > 1 {
			out = append(out, fmt.Sprintf("%s is %v %s", e.Name, e.Value, e.Unit))
		}
	}
	if left := numbersBesideEvidence(f); left != "" {
		out = append(out, "says "+left+", which is no evidence")
	}
	if len(f.Evidence) == 0 || len(f.Events) == 0 || f.Try == "" {
		out = append(out, "it is incomplete")
	}
	return out
}

var (
	// numberOf finds a number as sentences print them, with its unit: not part of a name, as the 8 in fp8 and x8 are.
	numberOf = regexp.MustCompile(`(^|[\s(~≤≥])((?:[<>] )?\d[\d,]*(?:\.\d+)?(?:\s?(?:%|ns|µs|ms|s|[kMGTP]?B/s|[kMGTPE]?FLOP/s|B|KiB|MiB|GiB|TiB)|×)?)(?:$|[\s,;:.)])`)
	// quoted are the names in a sentence that may have numbers of their own: dimensions, marks of steps, copies.
	quoted = regexp.MustCompile(`\[\[.*?\]\]|\[\d.*?\]|execute_\S+|\S*\(\d+\): \S+|Mem(?:cpy|set) \S+ \(.*?\)|--\S+ \S+|"[^"]*"`)
)

// numbersBesideEvidence are the numbers in a finding's sentence that none of its evidence is.
func numbersBesideEvidence(f *analyze.Finding) string {
	written := map[string]bool{}
	for _, e := range f.Evidence {
		written[e.Written()] = true
	}
	text := f.Sentence
	for _, e := range f.Events {
		text = strings.ReplaceAll(text, shortName(e.Name), "…")
	}
	text = quoted.ReplaceAllString(text, "…")
	for at := 0; at < len(text); {
		m := numberOf.FindStringSubmatchIndex(text[at:])
		if m == nil {
			break
		}
		if number := text[at+m[4] : at+m[5]]; !written[number] && !written[strings.TrimSuffix(number, ",")] {
			return number
		}
		at += m[5]
	}
	return ""
}

// scenes are the profiles to mutate: they are here wherever this is.
func scenes(t testing.TB) map[string]*plants.Scene {
	t.Helper()
	all := map[string]*plants.Scene{}
	for kind, pattern := range map[string]string{"GPU": "mistral8l_*.gz", "CPU": "second_*.gz"} {
		files, err := filepath.Glob(filepath.Join("../testdata", pattern))
		if err != nil || len(files) != 2 {
			t.Fatalf("testdata: %v, %v", files, err)
		}
		var ranks []*trace.Trace
		for _, f := range files {
			x, err := formats.ReadFile(f, source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			ranks = append(ranks, x)
		}
		all[kind] = plants.NewScene(ranks...)
	}
	return all
}

// TestInvariants: of mutated profiles, and of all that are planted in.
func TestInvariants(t *testing.T) {
	documented := ruleSections(t)
	for kind, s := range scenes(t) {
		check := func(name string, ranks []*trace.Trace) {
			c := concludeOn(ranks)
			for _, b := range c.broken() {
				t.Errorf("%s, %s: %s", kind, name, b)
			}
			for i := range c.findings {
				for _, e := range undocumented(&c.findings[i], documented) {
					t.Errorf("%s, %s: docs/findings.md does not name evidence of %s: %s", kind, name, c.findings[i].ID, e)
				}
			}
		}
		for _, p := range plants.List {
			if planted := p.Make(s); planted != nil {
				check(p.Name, planted.Ranks)
			}
		}
		for seed := range uint64(100) {
			check(fmt.Sprintf("mutated by %d", seed), plants.Mutate(s, rand.New(rand.NewPCG(seed, 1))))
		}
	}
}

func FuzzInvariants(f *testing.F) {
	f.Add(uint64(1), true)
	f.Add(uint64(2), false)
	all := scenes(f)
	f.Fuzz(func(t *testing.T, seed uint64, gpu bool) {
		kind := "CPU"
		if gpu {
			kind = "GPU"
		}
		c := concludeOn(plants.Mutate(all[kind], rand.New(rand.NewPCG(seed, 1))))
		for _, b := range c.broken() {
			t.Error(b)
		}
	})
}
