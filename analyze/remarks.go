package analyze

import (
	"cmp"
	"slices"

	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// remarks are what is to be said of single tables.
func (res *Result) remarks() []Remark {
	if res.Kind == index.KindEmpty {
		return nil
	}
	var out []Remark
	for _, r := range []struct {
		table string
		of    func() Message
	}{
		{"breakdown", res.communication}, {"breakdown", res.cores}, {"cause", res.idleCauses}, {"cause", res.longestGap},
		{"phase", res.steady}, {"phase", res.lostSteps}, {"phase", res.firstGraph}, {"phase", res.outsideMarks}, {"step", res.extremes},
		{"call", res.hostCalls}, {"launch", res.launchDelays}, {"collective", res.collectivesLate}, {"rank", res.rankByRank}, {"roofline", res.peaks},
	} {
		if m := r.of(); !m.IsZero() {
			out = append(out, Remark{r.table, m})
		}
	}
	return out
}

// communication says how much of it is hidden, and how much is waiting.
func (res *Result) communication() Message {
	t := &res.Time
	if t.CommNs <= 0 {
		return Message{}
	}
	var waited Message
	if wait := Waiting(res.Collectives); wait >= 0 {
		var how Message
		if some, _ := WaitsByDurations(res.Collectives); some {
			how = words.Say("by_durations", ", by durations since clocks differ")
		}
		waited = words.Say("waiting", "; {wait_ns} waiting for other ranks{how}", words.Ns("wait_ns", res.PerDevice(wait)), words.Inner("how", how))
	}
	return words.Say("communication", "communication {comm_ns}, {hidden_share} of it hidden behind computation{waiting}", words.Ns("comm_ns", res.PerDevice(t.CommNs)),
		words.ShareOf("hidden_share", t.CommOverlapNs, t.CommNs), words.Inner("waiting", waited))
}

// cores says how many cores the ranks had and how much of their time they were idle; nothing of GPU traces.
func (res *Result) cores() Message {
	var cores float64
	var all, least, most int64
	from, atOnce := "", 0
	for _, k := range res.Ranks {
		p := k.Parallel
		if p == nil {
			continue
		}
		atOnce = max(atOnce, p.MostBusy)
		if p.Cores == 0 {
			cores = -1
		}
		if cores < 0 {
			continue
		}
		cores, from = cores+p.Cores, p.CoresFrom
		all, least, most = all+p.Parts[0].CoreNs, least+p.Parts[0].IdleMinCoreNs, most+p.Parts[0].IdleMaxCoreNs
	}
	switch {
	case atOnce == 0:
		return Message{}
	case cores < 0:
		return words.Say("cores_unknown", "cores: their number is not known; at most {threads} of a rank worked at once", words.Things("threads", atOnce, "thread"))
	}
	params := []Param{words.Value("cores", cores, words.UnitRatio), words.LongName("cores_from", from, choose(from == host.CoresOfEngine, "the engine's threads", "the machine's")),
		words.ShareOf("idle_at_least", least, all), words.ShareOf("idle_at_most", most, all)}
	if most > least {
		return words.Say("cores", "cores: {cores} ({cores_from}), idle {idle_at_least} to {idle_at_most}: an op's helper threads are not traced", params...)
	}
	return words.Say("cores", "cores: {cores} ({cores_from}), idle {idle_at_least} of the time", params...)
}

// steady says what decoding takes once it is under way; nothing if it never was.
func (res *Result) steady() Message {
	s := res.Steady
	if s == nil {
		return Message{}
	}
	var requests, token, rate Message
	if s.Requests > 0 {
		requests = words.Say("requests", ", {requests}", words.Things("requests", s.Requests, "request"))
	}
	if s.NsPerToken > 0 {
		token = words.Say("per_token", ", {ns_per_token} per token", words.Ns("ns_per_token", s.NsPerToken))
	}
	if s.TokensPerSecond > 0 {
		rate = words.Say("rate", ", {tokens_per_s}", words.Value("tokens_per_s", s.TokensPerSecond, words.UnitTokensPerS))
	}
	return words.Say("steady", "steady: steps {from}–{to}{requests}, {step_median_ns} ± {step_spread_ns} a step{per_token}{rate}{inferred}", words.Number("from", s.FromIndex),
		words.Number("to", s.ToIndex), words.Inner("requests", requests), words.Ns("step_median_ns", s.StepMedianNs), words.Ns("step_spread_ns", s.StepSpreadNs),
		words.Inner("per_token", token), words.Inner("rate", rate), words.Inner("inferred", inferred(s.Inferred, " (inferred)")))
}

// lostSteps says of how many steps the numbers of phases are not.
func (res *Result) lostSteps() Message {
	var of []Message
	for _, p := range res.Phases {
		if p.Unmeasured > 0 {
			of = append(of, words.Say("phase", "{unmeasured} of {steps} {phase}", words.Number("unmeasured", p.Unmeasured), words.Number("steps", p.Steps), phaseParam(p.Phase)))
		}
	}
	if of == nil {
		return Message{}
	}
	return words.Say("steps_not_measured", "not measured (their work, its launches, or the next step's mark is not in the trace): {phases} steps", words.Inners("phases", of))
}

// phaseParam is a phase as people read it.
func phaseParam(phase trace.StepPhase) Param {
	return words.LongName("phase", string(phase), choose(phase == trace.StepUnknown, "unlabelled", string(phase)))
}

// firstGraph says what the graph is that most time goes to, on the lowest rank that replays some: the ranks of a model replay the
// same.
func (res *Result) firstGraph() Message {
	for _, k := range res.Ranks {
		if len(k.Graphs) == 0 {
			continue
		}
		g := &k.Graphs[0]
		var layers Message
		if g.Layers > 0 {
			layers = words.Say("layers", "; {layers} of {layer_kernels}, {layer_ns} each", words.Things("layers", g.Layers, "layer"), words.Things("layer_kernels", g.LayerKernels, "kernel"),
				words.Ns("layer_ns", g.LayerNs))
		}
		return words.Say("graph", "graph of {kernels}: {replays} of {replay_median_ns}{layers} (--by graph)", words.Things("kernels", g.Kernels, "kernel"),
			words.Things("replays", g.Replays, "replay"), words.Ns("replay_median_ns", g.MedianNs), words.Inner("layers", layers))
	}
	return Message{}
}

// outsideShare of the GPU's work that no step's mark launched is worth a remark, in percent: what engines launch after it,
// sampling above all, is a few.
const outsideShare = 15

// outsideMarks says that much of the work was launched outside the steps' marks, or by another thread than theirs, as training
// launches its backward pass: it is in their times, and in none of their launches.
func (res *Result) outsideMarks() Message {
	var all, inside int64
	for _, k := range res.Ranks {
		if k.Launch == nil || !slices.ContainsFunc(k.Steps, func(s Step) bool { return s.HasIteration() && !s.Unmeasured }) {
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
	if res.Kind != index.KindGPU || 100*(all-inside) < outsideShare*all || all <= 0 {
		return Message{}
	}
	return words.Say("outside_marks", "{outside_share} of the GPU's work was launched outside the steps' marks, or by another thread: it is in their times alone",
		words.ShareOf("outside_share", all-inside, all))
}

// extremes names the slowest and the fastest step.
func (res *Result) extremes() Message {
	slowest, fastest := -1, -1
	for i, s := range res.Steps {
		if s.Unmeasured {
			continue
		}
		if slowest < 0 || s.TimeNs > res.Steps[slowest].TimeNs {
			slowest = i
		}
		if s.Phase != trace.StepEmpty && s.Closed() && (fastest < 0 || s.TimeNs < res.Steps[fastest].TimeNs) {
			fastest = i
		}
	}
	if slowest < 0 || len(res.Steps) < 2 {
		return Message{}
	}
	one := func(id, format string, s *ranks.RankStep) Message {
		return words.Say(id, format, words.Number("step", s.Index), phaseParam(s.Phase), words.Ns("time_ns", s.TimeNs))
	}
	var other Message
	if fastest >= 0 && fastest != slowest {
		other = one("fastest", ", fastest #{step} {phase} {time_ns}", &res.Steps[fastest])
	}
	return words.Say("extremes", "{slowest}{fastest}", words.Inner("slowest", one("slowest", "slowest #{step} {phase} {time_ns}", &res.Steps[slowest])), words.Inner("fastest", other))
}

// hostCalls says what the host spent on calls.
func (res *Result) hostCalls() Message {
	c := &res.CPU
	if len(c.Calls) == 0 {
		return Message{}
	}
	return words.Say("host_calls", "{launch_ns} launching kernels and graphs · {sync_ns} waiting for the device · {other_ns} in other calls · {op_self_ns} in ops themselves",
		words.Ns("launch_ns", c.LaunchNs), words.Ns("sync_ns", c.SyncNs), words.Ns("other_ns", c.RuntimeNs-c.LaunchNs-c.SyncNs), words.Ns("op_self_ns", max(0, c.OpSelfNs)))
}

// launchDelays says how work is launched, and how long it waits from its launch to its start. Of several ranks the table does.
func (res *Result) launchDelays() Message {
	if len(res.Ranks) != 1 || !res.LaunchesKnown() {
		return Message{}
	}
	l := res.Ranks[0].Launch
	return words.Say("launch_delays", "{graph_share} of the work launched by graphs · from launch to start: median {delay_median_ns}, at most {delay_max_ns}",
		words.ShareOf("graph_share", int64(l.Graph), int64(l.Linked+l.Unlinked)), words.Ns("delay_median_ns", l.DelayMedianNs), words.Ns("delay_max_ns", l.DelayMaxNs))
}

// collectivesLate says what the waiting of ranks tells.
func (res *Result) collectivesLate() Message {
	if len(res.Ranks) < 2 || Waiting(res.Collectives) < 0 {
		return Message{}
	}
	return words.Say("waits_least", "the rank that waits least is the one that the others wait for")
}

// rankByRank says which ranks work most and least, and which wait.
func (res *Result) rankByRank() Message {
	if len(res.Ranks) < 2 {
		return Message{}
	}
	type one struct {
		rank       int
		busy, wait int64
	}
	var all []one
	for _, k := range res.Ranks {
		o := one{rank: k.Rank, wait: Waiting(k.Collectives)}
		for _, t := range k.Time {
			o.busy += t.BusyNs - t.ExposedCommNs
		}
		all = append(all, o)
	}
	byBusy := func(a, b one) int { return cmp.Compare(a.busy, b.busy) }
	byWait := func(a, b one) int { return cmp.Compare(a.wait, b.wait) }
	least, most := slices.MinFunc(all, byBusy), slices.MaxFunc(all, byBusy)
	first, last := slices.MinFunc(all, byWait), slices.MaxFunc(all, byWait)
	var waits Message
	if first.wait >= 0 && last.wait > 0 {
		waits = words.Say("waits", ", wait {wait_ns} (rank {rank}) to {most_wait_ns} (rank {most_rank})", words.Ns("wait_ns", first.wait), words.RankOf("rank", first.rank),
			words.Ns("most_wait_ns", last.wait), words.RankOf("most_rank", last.rank))
	}
	params := []Param{words.Ns("work_ns", least.busy), words.RankOf("rank", least.rank), words.Ns("most_work_ns", most.busy), words.RankOf("most_rank", most.rank), words.Inner("waits", waits)}
	return words.Say("by_rank", choose(least.busy == most.busy, "by rank: work {work_ns} on each{waits}",
		"by rank: work {work_ns} (rank {rank}) to {most_work_ns} (rank {most_rank}){waits}"), params...)
}

// peaks says what the shares of the roofline are of, or why there are none.
func (res *Result) peaks() Message {
	roof := res.Roofline
	if roof == nil || len(roof.Ops) == 0 {
		return Message{}
	}
	var of, modelled Message
	switch g := roof.GPU; {
	case !roof.ReasonMessage.IsZero():
		of = roof.ReasonMessage
	case g != nil:
		peak, format := words.Value("fp16_flops_per_s", g.FP16, words.UnitFLOPsPerS), "of {device}: {fp16_flops_per_s} in 16-bit arithmetic, {memory_bytes_per_s} ({source})"
		if g.CPU {
			peak, format = words.Value("fp32_flops_per_s", g.FP32, words.UnitFLOPsPerS), "of {device}: {fp32_flops_per_s}, {memory_bytes_per_s} ({source})"
		}
		of = words.Say("peaks", format, words.Name("device", g.Name), peak, words.Value("memory_bytes_per_s", g.MemoryBytesPerS, words.UnitBytesPerS), words.Name("source", g.Source))
	}
	if roof.WorkNs > 0 {
		modelled = words.Say("modelled", choose(of.IsZero(), "{modelled_share} of the work is in these ops", " · {modelled_share} of the work is in these ops"),
			words.ShareOf("modelled_share", roof.ModelledNs, roof.WorkNs))
	}
	if of.IsZero() && modelled.IsZero() {
		return Message{}
	}
	return words.Say("roofline", "{peaks}{modelled}", words.Inner("peaks", of), words.Inner("modelled", modelled))
}
