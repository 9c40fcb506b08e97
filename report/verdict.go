package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// The verdict is the answer in a few sentences: how much of the time the devices worked, at what, why not, and what
// that makes of a step. It says what the numbers say; conclusions are findings.

// verdict is plain text; "" if nothing was recorded.
func verdict(r *analyze.Result) string {
	all := notices(r)
	var out []string
	if r.OnlyCaptures() {
		return "Graphs are captured here, not run: see the traces of serving, whose replayed kernels are named after this one."
	}
	switch t := r.Time; {
	case r.Kind == analyze.KindEmpty || t.TotalNs <= 0:
		return ""
	case r.Kind == analyze.KindGPU:
		who := "The GPU"
		if r.Devices > 1 {
			who = fmt.Sprintf("%d GPUs", r.Devices)
		}
		out = append(out, fmt.Sprintf("%s worked %s%s of %s", who, percent(t.BusyNs, t.TotalNs), mark(all, "time"),
			plain(perDevice(r, t.TotalNs)))+choose(r.Devices > 1, " on average", "")+workedAt(r)+".")
		if i := idleSums(r); 20*t.IdleNs >= t.TotalNs {
			out = append(out, fmt.Sprintf("They stood idle %s%s", percent(t.IdleNs, t.TotalNs), mark(all, "time", "idle"))+i.mainly(r, t.IdleNs)+".")
			if r.Devices == 1 {
				out[len(out)-1] = "It" + strings.TrimPrefix(out[len(out)-1], "They")
			}
		}
	default:
		who := "The rank was"
		if len(r.Ranks) > 1 {
			who = fmt.Sprintf("%d ranks were", len(r.Ranks))
		}
		out = append(out, fmt.Sprintf("%s inside ops %s%s of %s", who, percent(t.BusyNs, t.TotalNs), mark(all, "time"),
			plain(perDevice(r, t.TotalNs)))+workedAt(r)+".")
		if why := noGPU(r); why != "" {
			out = append(out, "No GPU work is recorded"+choose(strings.HasPrefix(why, "though") || strings.HasPrefix(why, "nor"), ", ", ": ")+why+".")
		} else if 20*t.IdleNs >= t.TotalNs {
			python := choose(r.Ranks[0].Engine == "inferprof", "", "in Python, ") // our own engine has none
			out = append(out, fmt.Sprintf("Outside them, %sscheduling and waiting: %s.", python, percent(t.IdleNs, t.TotalNs)))
		}
	}
	if s := stepVerdict(r, mark(all, "phase")); s != "" {
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// workedAt says what most of the work was.
func workedAt(r *analyze.Result) string {
	t := r.Time
	if 5*t.ExposedCommNs >= t.TotalNs {
		s := fmt.Sprintf(", %s of it in communication with nothing computed beside it", percent(t.ExposedCommNs, t.BusyNs))
		if wait := waiting(r.Collectives); wait > 0 && 5*wait >= t.ExposedCommNs {
			s += fmt.Sprintf(" (%s waiting for other ranks)", plain(perDevice(r, wait)))
		}
		return s
	}
	var whole int64
	var most *analyze.Category
	for i, c := range r.Categories {
		if c.Name == "python" {
			continue
		}
		whole += c.ExclusiveNs
		if most == nil {
			most = &r.Categories[i]
		}
	}
	switch {
	case most == nil || whole <= 0:
		return ""
	case most.Name == "comm" && t.CommOverlapNs > 0: // what is computed beside it has none of the exclusive time
		return fmt.Sprintf(", with communication running during %s of it, %s of that beside computation", percent(t.CommNs, t.BusyNs), percent(t.CommOverlapNs, t.CommNs))
	}
	return fmt.Sprintf(", %s of it %s", percent(most.ExclusiveNs, whole), categoryWords(most.Name, choose(r.Kind == analyze.KindGPU, "kernels", "ops")))
}

// categoryWords names a category in a sentence.
func categoryWords(name, what string) string {
	switch name {
	case "gemm":
		return "in GEMMs"
	case "quant_gemm":
		return "in quantised GEMMs"
	case "moe_gemm":
		return "in experts' GEMMs"
	case "attn":
		return "in attention"
	case "ssm":
		return "in state-space layers and linear attention"
	case "lora":
		return "in LoRA adapters"
	case "spec_decode":
		return "in speculative decoding's own " + what
	case "program":
		return "in programs of whose parts the trace says nothing"
	case "comm":
		return "in communication"
	case "compile":
		return "in compiling the model"
	case "memcpy":
		return "in copies"
	case "other":
		return "in " + what + " of no known kind"
	}
	return "in " + categoryName(name) + " " + what
}

// phaseRemarks are what there is to say under a table of phases.
func phaseRemarks(r *analyze.Result) []string {
	var out []string
	for _, text := range []string{steadyWords(r), lostWords(r), graphWords(r), outsideWords(r)} {
		if text != "" {
			out = append(out, text)
		}
	}
	return out
}

// outsideShare of the GPU's work that no step's mark launched is worth a remark, in percent: what engines launch after it,
// sampling above all, is a few.
const outsideShare = 15

// outsideWords says that much of the work was launched outside the steps' marks, or by another thread than theirs, as training
// launches its backward pass: it is in their times, and in none of their launches. "" if it is little.
func outsideWords(r *analyze.Result) string {
	var all, inside int64
	for _, k := range r.Ranks {
		if k.Launch == nil || !slices.ContainsFunc(k.Steps, func(s analyze.Step) bool { return s.HasIteration() && !s.Unmeasured }) {
			continue
		}
		for _, t := range k.Time {
			all += t.SumNs
		}
		all -= k.Launch.UnlinkedNs
		for i := range k.Steps {
			inside += k.Steps[i].GPUSumNs
		}
	}
	if r.Kind != analyze.KindGPU || 100*(all-inside) < outsideShare*all || all <= 0 {
		return ""
	}
	return percent(all-inside, all) + " of the GPU's work was launched outside the steps' marks, or by another thread: it is in their times alone"
}

// idleSum is why devices stood still, over all of them.
type idleSum struct {
	host, launch, other, unknown, sync, heldUp, launching analyze.Gap
	longest                                               *analyze.IdleGap
	longestRank                                           int
}

func idleSums(r *analyze.Result) idleSum {
	var s idleSum
	for _, k := range r.Ranks {
		for _, i := range k.Idle {
			for _, a := range []struct{ to, from *analyze.Gap }{{&s.host, &i.Host}, {&s.launch, &i.Launch}, {&s.other, &i.Other}, {&s.unknown, &i.Unknown}, {&s.sync, &i.Sync}, {&s.heldUp, &i.HeldUp}, {&s.launching, &i.Launching}} {
				a.to.Count += a.from.Count
				a.to.Ns += a.from.Ns
			}
			if len(i.Longest) > 0 && (s.longest == nil || i.Longest[0].Ns > s.longest.Ns) {
				s.longest, s.longestRank = &i.Longest[0], k.Rank
			}
		}
	}
	return s
}

// causes are why devices stood still, and what each cause means.
func (s *idleSum) causes() []idleCause {
	return []idleCause{
		{"host", "", s.host, "the next kernel was launched too late"},
		{"launch", "", s.launch, "short gaps between kernels already launched"},
		{"other", "", s.other, "launched before: waiting for an event, a stream, a busy device"},
		{"unknown", "", s.unknown, "the next kernel's launch is not in the trace"},
		{"sync", "host", s.sync, "of host: it still waited for the device, in a call that had begun before"},
		{"held up", "host", s.heldUp, "of host: though launched long before: waiting for an event, a stream, the driver"},
		{"launching", "other", s.launching, "of other: the call that launched it lasted for most of the gap: the host was late"},
	}
}

type idleCause struct {
	name string
	of   string // the cause that it is part of
	gap  analyze.Gap
	why  string
}

// mainly names the cause of most of the idle time.
func (s *idleSum) mainly(r *analyze.Result, idleNs int64) string {
	if 2*s.unknown.Ns > idleNs && !launchesKnown(r) {
		return ", and why is not known: no launch is found in the " + choose(len(r.Ranks) == 1, "trace", "traces")
	}
	if 2*s.heldUp.Ns > idleNs {
		return fmt.Sprintf(", %s of that in gaps whose next kernel was launched long before it began: it waited for a stream, an event or the driver",
			percent(s.heldUp.Ns, idleNs))
	}
	for _, c := range s.causes()[:4] {
		why := map[string]string{
			"host": "the next kernel was launched too late", "launch": "of short gaps between kernels",
			"other": "of waits for events, streams or a busy device", "unknown": "of what is not known: what came next has no launch in the trace",
		}[c.name]
		switch c.name {
		case "host": // what is held up is in it, and what was still being launched is not
			c.gap.Ns += s.launching.Ns - s.heldUp.Ns
			why += choose(10*s.launching.Ns > c.gap.Ns, ", or its launch took too long", "")
		case "other":
			c.gap.Ns -= s.launching.Ns
		}
		if 2*c.gap.Ns > idleNs {
			return fmt.Sprintf(", %s of that because %s", percent(c.gap.Ns, idleNs), why)
		}
	}
	return ""
}

// leastGapNs is what a gap must last to be worth a line: rounding leaves some of a ns.
const leastGapNs = 1000

// longestWords describes the longest gap; "" if none is worth it.
func (s *idleSum) longestWords(ranks int) string {
	g := s.longest
	if g == nil || g.Ns < leastGapNs {
		return ""
	}
	text := fmt.Sprintf("longest gap %s (%s)", plain(g.Ns), choose(g.HeldUp, "held up", choose(g.Launching, "launching", g.Cause)))
	if ranks > 1 {
		text += fmt.Sprintf(" on rank %d", s.longestRank)
	}
	if g.During != "" {
		text += fmt.Sprintf(", of it %s in %s", plain(g.DuringNs), shorten(opName(g.During), 60))
	}
	if parts := meanwhile(g); parts != nil { // nothing fills half of it
		text += ", of it " + strings.Join(parts, ", ")
	}
	return text + ", before " + shorten(kernelName(g.Next), 50)
}

// meanwhile lists what the host did during a gap, each with its share of it; what rounds to nothing is left out.
func meanwhile(g *analyze.IdleGap) []string {
	var parts []string
	for _, o := range g.Meanwhile {
		if 100*o.Ns >= g.Ns {
			parts = append(parts, percent(o.Ns, g.Ns)+" in "+choose(o.Name == "", "no op or call", shorten(opName(o.Name), 40)))
		}
	}
	return parts
}

// perDevice is the mean over devices of a sum.
func perDevice(r *analyze.Result, ns int64) int64 { return ns / int64(max(1, r.Devices)) }

// plain is a duration for a sentence.
func plain(ns int64) string { return trimUnit(duration(ns)) }

// figure is a number that a reader looks for first.
type figure struct{ label, value, mark, note string }

// figures are a result's key numbers.
func figures(r *analyze.Result) []figure {
	all, t := notices(r), r.Time
	if r.Kind == analyze.KindEmpty || t.TotalNs <= 0 {
		return nil
	}
	var out []figure
	if r.Kind == analyze.KindGPU {
		out = append(out, figure{"GPU busy", percent(t.BusyNs, t.TotalNs), mark(all, "time"), "of " + plain(perDevice(r, t.TotalNs)) + choose(r.Devices > 1, " (mean)", "")})
	} else {
		out = append(out, figure{"Inside ops", percent(t.BusyNs, t.TotalNs), mark(all, "time"), "of " + plain(perDevice(r, t.TotalNs)) + choose(r.Devices > 1, " (mean)", "")})
	}
	if t.CommNs > 0 {
		out = append(out, figure{"Exposed communication", percent(t.ExposedCommNs, t.TotalNs), mark(all, "time", "collective"),
			percent(t.CommOverlapNs, t.CommNs) + " of it all is hidden"})
	}
	if r.Kind == analyze.KindGPU {
		i := idleSums(r)
		out = append(out, figure{"Waiting for the host", percent(i.host.Ns, t.TotalNs), mark(all, "time", "idle"), plural(i.host.Count, "gap")})
	}
	for i := range r.Phases {
		out = append(out, phaseFigures(r, &r.Phases[i], mark(all, "phase"))...)
	}
	if s := r.Steady; s != nil && s.TokensPerSecond > 0 {
		out = append(out, figure{"Steady decoding", count(int64(s.TokensPerSecond+0.5)) + " tok/s", mark(all, "phase"),
			fmt.Sprintf("%s, steps %d–%d", plural(int(s.Requests), "request"), s.FromIndex, s.ToIndex)})
	}
	var peak analyze.MemoryPool
	for _, k := range r.Ranks {
		for _, m := range k.Memory {
			if m.PeakBytes > peak.PeakBytes {
				peak = m
			}
		}
	}
	if peak.PeakBytes > 0 {
		out = append(out, figure{"Peak memory", choose(peak.PeakIsChange, "+", "") + strings.TrimSpace(size(peak.PeakBytes)), "",
			peak.Device + choose(peak.PeakIsChange, ", since the profile began", "")})
	}
	return out
}
