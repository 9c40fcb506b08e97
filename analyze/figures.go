package analyze

import (
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// figures are a result's key numbers.
func (res *Result) figures() []Figure {
	t := &res.Time
	if res.Kind == index.KindEmpty || t.TotalNs <= 0 {
		return nil
	}
	of := words.Say("of", choose(res.Devices > 1, "of {total_ns} (mean)", "of {total_ns}"), words.Ns("total_ns", res.PerDevice(t.TotalNs)))
	busy := words.ShareOf("busy_share", t.BusyNs, t.TotalNs).From("time")
	out := []Figure{figure("Inside ops", busy, of)}
	if res.Kind == index.KindGPU {
		out[0] = figure("GPU busy", busy, of)
	}
	if t.CommNs > 0 {
		out = append(out, figure("Exposed communication", words.ShareOf("exposed_communication_share", t.ExposedCommNs, t.TotalNs).From("time", "collectives"),
			words.Say("hidden", "{hidden_share} of it all is hidden", words.ShareOf("hidden_share", t.CommOverlapNs, t.CommNs))))
	}
	if i := res.Idle; i != nil {
		out = append(out, figure("Waiting for the host", words.ShareOf("host_wait_share", i.Host.Ns, t.TotalNs).From("time", "idle"),
			words.Say("gaps", "{gaps}", words.Things("gaps", i.Host.Count, "gap"))))
	}
	for i := range res.Phases {
		out = append(out, res.phaseFigures(&res.Phases[i])...)
	}
	if s := res.Steady; s != nil && s.TokensPerSecond > 0 {
		out = append(out, figure("Steady decoding", words.Value("steady_tokens_per_s", s.TokensPerSecond, words.UnitTokensPerS).From("phases"),
			words.Say("steady", "{requests}, steps {from}–{to}", words.Things("requests", s.Requests, "request"), words.Number("from", s.FromIndex), words.Number("to", s.ToIndex))))
	}
	return append(out, res.memoryFigures()...)
}

// figure is a param as a key number.
func figure(label string, p Param, note Message) Figure {
	f := Figure{ID: p.Name, Label: label, Unit: p.Unit, Text: p.Text(), Note: note, RestsOn: p.Of}
	switch v := p.Value.(type) {
	case int64:
		f.Value = float64(v)
	case float64:
		f.Value = v
	}
	return f
}

// phaseFigures are the key numbers of a phase: none of one whose steps are not measured.
func (res *Result) phaseFigures(p *ranks.Phase) []Figure {
	inferred := words.Inner("inferred", inferred(p.Inferred, ", inferred"))
	whose := words.Inner("whose", res.whose(p))
	switch {
	case p.MeasuredSteps == 0:
		return nil
	case p.Phase == trace.StepPrefill && p.NsPerToken > 0:
		return []Figure{figure("Prefill per token", words.Ns("prefill_ns_per_token", p.NsPerToken).From("phases"), words.Say("tokens_in_steps", "{tokens} in {steps}{inferred}{whose}",
			words.Things("tokens", max(0, p.ContextTokens), "token"), words.Things("steps", p.Steps, "step"), inferred, whose))}
	case p.Phase != trace.StepDecode:
		return nil
	}
	steps := words.Things("steps", p.MeasuredSteps, "step")
	note := words.Say("median_of", "median of {steps}{inferred}{whose}", steps, inferred, whose)
	if p.OfOpen {
		note = words.Say("open", "{steps} that no other follows{inferred}{whose}", steps, inferred, whose)
	}
	out := []Figure{figure("Decode step", words.Ns("decode_step_ns", p.StepMedianNs).From("phases"), note)}
	if p.NsPerToken > 0 && !p.OfOpen {
		out = append(out, figure("Decode per token", words.Ns("decode_ns_per_token", p.NsPerToken).From("phases"),
			words.Say("tokens", "{tokens}", words.Things("tokens", max(0, p.GenerationTokens), "token"))))
	}
	if res.Kind == index.KindGPU {
		note := words.Say("no_graphs", "no graphs")
		if p.GraphsMedian > 0 {
			note = words.Say("graphs", "{graphs} of graphs", words.Number("graphs", p.GraphsMedian))
		}
		out = append(out, figure("Launches per decode step", words.Number("launches_per_decode_step", p.LaunchesMedian).From("phases"), note))
	}
	return out
}

// memoryFigures are the highest peak of any allocator, if any is known.
func (res *Result) memoryFigures() []Figure {
	var peak host.MemoryPool
	for _, k := range res.Ranks {
		for _, m := range k.Memory {
			if m.PeakBytes > peak.PeakBytes {
				peak = m
			}
		}
	}
	if peak.PeakBytes <= 0 {
		return nil
	}
	f := figure("Peak memory", words.Value("peak_memory_bytes", float64(peak.PeakBytes), words.UnitBytes), words.Say("device", "{device}", words.Name("device", peak.Device)))
	if peak.PeakIsChange {
		f.Text = "+" + f.Text
		f.Note = words.Say("device_change", "{device}, since the profile began", words.Name("device", peak.Device))
	}
	return []Figure{f}
}
