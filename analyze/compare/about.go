package compare

import (
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// describe says what a side is.
func describe(s *Side, letter string) SideInfo {
	info := SideInfo{Letter: letter, Label: s.Label, Captures: len(s.Runs), ProblemMessages: []words.Message{}, About: []string{}}
	for i := range s.Runs {
		r := &s.Runs[i]
		info.Kind = r.Kind
		info.Ranks = max(info.Ranks, r.Ranks)
		for _, p := range r.problems() {
			if len(s.Runs) > 1 {
				p = words.Say("of_capture", "{capture}: {problem}", words.Name("capture", r.Name), words.Inner("problem", p))
			}
			if !slices.ContainsFunc(info.ProblemMessages, p.Equal) {
				info.ProblemMessages = append(info.ProblemMessages, p)
			}
		}
	}
	info.Problems = texts(info.ProblemMessages)
	for _, name := range []string{"model", "engine", "dtype", "quantization", "device"} {
		if v := settingOf(s, name); v != "" && v != "none" {
			info.About = append(info.About, v)
		}
	}
	return info
}

// overheadOf is the mean of a side's runs; nil where it was not measured.
func overheadOf(s *Side) *float64 {
	var sum float64
	n := 0
	for i := range s.Runs {
		if o := s.Runs[i].Overhead; o != nil {
			sum += *o
			n++
		}
	}
	if n == 0 {
		return nil
	}
	sum /= float64(n)
	return &sum
}

// Difference is a setting that the sides do not share.
type Difference struct {
	Name   string   `json:"name"`
	Values []string `json:"values" redact:"setting"` // by side; "" where a side does not say
}

// settingOf is a side's value of a setting; of runs that disagree, all.
func settingOf(s *Side, name string) string {
	var values []string
	for i := range s.Runs {
		for _, set := range s.Runs[i].Settings {
			if set.Name == name && set.Value != "" && !slices.Contains(values, set.Value) {
				values = append(values, set.Value)
			}
		}
	}
	return strings.Join(values, " | ")
}

// differences lists settings whose values differ between sides that say.
func differences(all []Side) []Difference {
	var names []string
	for i := range all {
		for k := range all[i].Runs {
			for _, s := range all[i].Runs[k].Settings {
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			}
		}
	}
	out := []Difference{}
	for _, name := range names {
		d := Difference{Name: name}
		differ := false
		for i := range all {
			v := settingOf(&all[i], name)
			d.Values = append(d.Values, v)
			differ = differ || v != "" && d.Values[0] != "" && v != d.Values[0] && !(name == "engine" && sameAsFar(v, d.Values[0]))
		}
		if differ {
			out = append(out, d)
		}
	}
	return out
}

// unmeant are settings that a comparison is rarely about: where they differ, so do times, whatever else was changed.
var unmeant = []struct {
	name, format string
	recorded     bool // the side that has it recorded it, which slows it down
}{
	{"device", "{side} ran on another device: {value}, where {baseline} has {baseline_value}", false},
	{"python stacks", "{side} recorded Python stacks and the other did not: they slow the host down, and with it everything that waits for the host", true},
	{"memory events", "{side} recorded memory events and the other did not: they slow the host down", true},
	{"shapes", "{side} recorded shapes and the other did not: they slow the host down a little", true},
	{"engine", "{side} ran another engine or version: {value}, where {baseline} has {baseline_value}", false},
	{"workload", "{side} was given another workload: {value}, where {baseline} has {baseline_value}", false},
}

// recordedValue is the value of a setting that says that something was recorded.
const recordedValue = "yes"

// sameAsFar tells whether one of two engines is the other without its version, which a trace by itself does not say: an engine's
// value is its name, and behind a space its version.
func sameAsFar(a, b string) bool {
	return strings.HasPrefix(a, b+" ") || strings.HasPrefix(b, a+" ")
}

// configurationWarnings say what differs of the configuration and was hardly meant.
func configurationWarnings(all []Side, info []SideInfo) []words.Message {
	out := []words.Message{}
	for _, u := range unmeant {
		base := settingOf(&all[0], u.name)
		for i := 1; i < len(all); i++ {
			v := settingOf(&all[i], u.name)
			if v == "" || base == "" || v == base || u.name == "engine" && sameAsFar(v, base) {
				continue
			}
			side, baseline := info[i].Letter, info[0].Letter
			if u.recorded && v != recordedValue {
				side, baseline = baseline, side
			}
			out = append(out, words.Say("setting", u.format, words.Name("setting", u.name), words.Name("side", side), words.Name("baseline", baseline),
				words.Name("value", v), words.Name("baseline_value", base)))
		}
	}
	for i := range all {
		out = append(out, notQuantized(&all[i], &info[i])...)
		if all[i].Runs != nil && info[i].Ranks != info[0].Ranks {
			out = append(out, otherRanks(all, info, i))
		}
		if info[i].Kind != info[0].Kind && info[i].Kind != analyze.KindEmpty && info[0].Kind != analyze.KindEmpty {
			kind := func(name, kind string) words.Param { return words.LongName(name, kind, strings.ToUpper(kind)) }
			out = append(out, words.Say("other_kind", "{baseline} is a {baseline_kind} trace and {side} a {kind} one: work is kernels on one side and ops on the other",
				words.Name("baseline", info[0].Letter), kind("baseline_kind", info[0].Kind), words.Name("side", info[i].Letter), kind("kind", info[i].Kind)))
		}
	}
	return out
}

// notQuantized says of a side that a quantization that was asked for does not show in its kernels.
func notQuantized(s *Side, info *SideInfo) []words.Message {
	var out []words.Message
	for k := range s.Runs {
		r := &s.Runs[k]
		m := words.Say("quantization_not_in_effect", "quantization is not in effect on {side}: {asked}, but no kernel or op works on quantized weights; it runs in full precision",
			words.Name("side", info.Letter), words.Name("asked", r.NotQuant))
		if r.NotQuant != "" && !slices.ContainsFunc(out, m.Equal) {
			out = append(out, m)
		}
	}
	return out
}

// otherRanks says that a side has another number of ranks than the baseline.
func otherRanks(all []Side, info []SideInfo, i int) words.Message {
	format := "{baseline} has {baseline_ranks}, {side} has {ranks}: times are those of one rank's step, and a step's work is split over other numbers of ranks"
	world := settingOf(&all[i], "world size")
	if world != "" && world == settingOf(&all[0], "world size") {
		format = "{baseline} has {baseline_ranks}, {side} has {ranks}: both ran on {world}, and what a rank waits for those whose traces are missing counts as communication"
	}
	return words.Say("other_ranks", format, words.Name("baseline", info[0].Letter), words.Things("baseline_ranks", info[0].Ranks, "rank"), words.Name("side", info[i].Letter),
		words.Things("ranks", info[i].Ranks, "rank"), words.Name("world", world))
}

// requestMetrics compares what requests saw, where both sides know.
func requestMetrics(a, b *Side) []RequestMetric {
	out := []RequestMetric{}
	for _, m := range []struct {
		name, unit string
		higher     bool
		of         func(t *Throughput) float64
	}{
		{"output_tokens_per_s", "1/s", true, func(t *Throughput) float64 { return t.OutputTokensPerSecond }},
		{"ttft", "ns", false, func(t *Throughput) float64 { return float64(t.TTFTNs) }},
		{"tpot", "ns", false, func(t *Throughput) float64 { return float64(t.TPOTNs) }},
		{"memory", "bytes", false, func(t *Throughput) float64 { return float64(t.MemoryBytes) }},
	} {
		var values [2][]value
		for k, s := range []*Side{a, b} {
			for i := range s.Runs {
				if t := s.Runs[i].Throughput; t != nil && m.of(t) > 0 {
					values[k] = append(values[k], value{v: m.of(t)}) // n 0: one run alone has no interval
				}
			}
		}
		if len(values[0]) > 0 && len(values[1]) > 0 {
			out = append(out, RequestMetric{m.name, m.unit, m.higher, estimate(values[0], values[1])})
		}
	}
	return out
}
