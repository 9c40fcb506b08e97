package analyze

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// The verdict is the answer in a few sentences: how much of the time the devices worked, at what, why not, and what
// that makes of a step. It says what the numbers say; conclusions are findings.

const (
	// idleShare of the time and more is worth a sentence, in percent.
	idleShare = 5
	// commShare of the time without anything computed beside communication is what most of the work was, in percent.
	commShare = 20
)

// say fills in what a result says of itself. It is the last thing that is done to one.
func (res *Result) say() {
	res.Idle = sumIdle(res.Ranks)
	res.Verdict, res.Figures, res.Remarks = res.verdict(), res.figures(), res.remarks()
}

func (res *Result) verdict() []Message {
	t := &res.Time
	switch {
	case res.OnlyCaptures():
		return []Message{words.Say("only_captures", "Graphs are captured here, not run: see the traces of serving, whose replayed kernels are named after this one.")}
	case res.Kind == index.KindEmpty || t.TotalNs <= 0:
		return []Message{words.Say("nothing_recorded", "Nothing was recorded: the traces have no ops, calls or GPU work in them.")}
	}
	var out []Message
	add := func(m Message) {
		if !m.IsZero() {
			out = append(out, m)
		}
	}
	if res.Kind == index.KindGPU {
		add(res.gpuBusy())
		add(res.gpuIdle())
	} else {
		add(res.insideOps())
		add(res.noGPUWork())
	}
	for _, p := range res.Phases {
		add(res.phaseStep(&p))
	}
	add(res.stepsUnknown())
	return out
}

// choose is one of two texts.
func choose(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// busyParams are how much of the time was work.
func (res *Result) busyParams(name string, n int) []Param {
	t := &res.Time
	return []Param{words.Number(name, n), words.ShareOf("busy_share", t.BusyNs, t.TotalNs).From("time"), words.Ns("total_ns", res.PerDevice(t.TotalNs)),
		words.Inner("at", res.workedAt())}
}

func (res *Result) gpuBusy() Message {
	return words.Say("gpu_busy", choose(res.Devices > 1, "{gpus} GPUs worked {busy_share} of {total_ns} on average{at}.", "The GPU worked {busy_share} of {total_ns}{at}."),
		res.busyParams("gpus", res.Devices)...)
}

func (res *Result) gpuIdle() Message {
	t := &res.Time
	if 100*t.IdleNs < idleShare*t.TotalNs {
		return Message{}
	}
	return words.Say("gpu_idle", choose(res.Devices > 1, "They stood idle {idle_share}{mainly}.", "It stood idle {idle_share}{mainly}."),
		words.ShareOf("idle_share", t.IdleNs, t.TotalNs).From("time", "idle"), words.Inner("mainly", res.idleMainly()))
}

func (res *Result) insideOps() Message {
	return words.Say("inside_ops", choose(len(res.Ranks) > 1, "{ranks} ranks were inside ops {busy_share} of {total_ns}{at}.", "The rank was inside ops {busy_share} of {total_ns}{at}."),
		res.busyParams("ranks", len(res.Ranks))...)
}

// noGPUSentences say why there is no GPU work where there should be some.
var noGPUSentences = map[string]string{
	index.NoGPUTruncated: "No GPU work is recorded: the file ends before it.",
	index.NoGPULaunched:  "No GPU work is recorded, though it was launched.",
	index.NoGPUIdle:      "No GPU work is recorded: nothing was launched.",
	index.NoGPUUnseen:    "No GPU work is recorded, nor any call that could launch it.",
}

// noGPUWork says of a trace without GPU work what it lacks, or else what the rank did outside ops.
func (res *Result) noGPUWork() Message {
	t := &res.Time
	if why := res.NoGPU(); why != "" {
		return words.Say("no_gpu_work", noGPUSentences[why], words.Name("why", why))
	}
	if 100*t.IdleNs < idleShare*t.TotalNs {
		return Message{}
	}
	format := "Outside them, in Python, scheduling and waiting: {outside_share}."
	if res.Ranks[0].Engine == "inferprof" { // our own engine has no Python
		format = "Outside them, scheduling and waiting: {outside_share}."
	}
	return words.Say("outside_ops", format, words.ShareOf("outside_share", t.IdleNs, t.TotalNs).From("time"))
}

// workedAt says what most of the work was, behind how much it was.
func (res *Result) workedAt() Message {
	t := &res.Time
	if 100*t.ExposedCommNs >= commShare*t.TotalNs {
		var waited Message
		if wait := Waiting(res.Collectives); wait > 0 && 5*wait >= t.ExposedCommNs {
			waited = words.Say("waiting", " ({wait_ns} waiting for other ranks)", words.Ns("wait_ns", res.PerDevice(wait)).From("collectives"))
		}
		return words.Say("exposed_communication", ", {exposed_share} of it in communication with nothing computed beside it{waiting}",
			words.ShareOf("exposed_share", t.ExposedCommNs, t.BusyNs), words.Inner("waiting", waited))
	}
	first := slices.IndexFunc(res.Categories, func(c device.Category) bool { return c.Name != categories.Python })
	if first < 0 || res.Categories[first].ExclusiveNs <= 0 {
		return Message{}
	}
	most := &res.Categories[first]
	if most.Name == categories.Comm && t.CommOverlapNs > 0 { // what is computed beside it has none of the exclusive time
		return words.Say("communication", ", with communication running during {comm_share} of it, {hidden_share} of that beside computation",
			words.ShareOf("comm_share", t.CommNs, t.BusyNs), words.ShareOf("hidden_share", t.CommOverlapNs, t.CommNs))
	}
	// A CPU's share is of what all threads did, and of the Python around the ops.
	return words.Say("category", choose(res.Kind == index.KindGPU, ", {category_share} of it {category}", ", with {category_share} of self time {category}"),
		words.ShareOf("category_share", most.ExclusiveNs, res.TotalExclusiveNs()).From("categories"),
		words.LongName("category", most.Name, categoryWords(most.Name, res.Kind)))
}

// inCategory are kinds of work in a sentence, where that is more than their name. What stands in braces is kernels or ops.
var inCategory = map[string]string{
	"gemm": "in GEMMs", "quant_gemm": "in quantised GEMMs", "moe_gemm": "in experts' GEMMs", "attn": "in attention",
	"ssm": "in state-space layers and linear attention", "lora": "in LoRA adapters", "spec_decode": "in speculative decoding's own {what}",
	"program": "in programs of whose parts the trace says nothing", "comm": "in communication", "compile": "in compiling the model",
	"memcpy": "in copies", "other": "in {what} of no known kind",
}

// categoryWords names a category in a sentence.
func categoryWords(name, kind string) string {
	what := words.Name("what", choose(kind == index.KindGPU, "kernels", "ops"))
	if format, ok := inCategory[name]; ok {
		return words.Say(name, format, what).Text()
	}
	return words.Say(name, "in {category} {what}", words.Name("category", categories.Readable(name)), what).Text()
}

// inferred says that a number is of phases that are a conclusion.
func inferred(is bool, text string) Message {
	if !is {
		return Message{}
	}
	return words.Say("inferred", text)
}

// phaseStep says what a step of a phase takes; nothing of phases that are no work on requests, and of those whose steps are not
// measured.
func (res *Result) phaseStep(p *ranks.Phase) Message {
	if p.Phase != trace.StepDecode && p.Phase != trace.StepPrefill || p.MeasuredSteps == 0 {
		return Message{}
	}
	params := []Param{words.Name("phase", string(p.Phase)), words.Ns("step_median_ns", p.StepMedianNs).From("phases"), words.Number("steps", p.Steps),
		words.Number("measured_steps", p.MeasuredSteps), words.Inner("inferred", inferred(p.Inferred, " (phases inferred)"))}
	if p.OfOpen {
		return words.Say("open_step", choose(p.Steps == 1, "The only {phase} step, which no other follows, takes {step_median_ns} to the end of its own work{inferred}.",
			"A {phase} step, which no other follows, takes {step_median_ns} to the end of its own work{inferred}."), params...)
	}
	var part, waited, token Message
	if p.Unmeasured > 0 {
		part = words.Say("part", " (of the {measured_steps} of {steps} that the trace shows whole)", params[2], params[3])
	}
	if wait := res.stepWait(p); 5*wait >= p.StepMedianNs && wait > 0 {
		waited = words.Say("waiting", " ({wait_ns} of it waiting for other ranks)", words.Ns("wait_ns", wait).From("collectives"))
	}
	if p.NsPerToken > 0 {
		token = words.Say("per_token", ", {ns_per_token} per token", words.Ns("ns_per_token", p.NsPerToken).From("phases"))
	}
	return words.Say("step", "A {phase} step takes {step_median_ns}{whose}{part}{waiting}{per_token}{inferred}.", append(params, words.Inner("whose", res.whose(p)),
		words.Inner("part", part), words.Inner("waiting", waited), words.Inner("per_token", token))...)
}

// stepsUnknown names the phases of which it is not known what a step takes.
func (res *Result) stepsUnknown() Message {
	var names []string
	for _, p := range res.Phases {
		if (p.Phase == trace.StepDecode || p.Phase == trace.StepPrefill) && p.MeasuredSteps == 0 {
			names = append(names, string(p.Phase))
		}
	}
	if names == nil {
		return Message{}
	}
	phases := []Param{words.Name("phase", names[0])}
	if len(names) > 1 {
		phases = append(phases, words.Name("other_phase", names[1]))
	}
	format := choose(len(names) > 1, "What a {phase} or {other_phase} step takes is not known: ", "What a {phase} step takes is not known: ")
	if slices.ContainsFunc(res.Problems, func(p Problem) bool { return p.ID == "duplicates" }) {
		return words.Say("step_unknown", format+"events are there twice.", phases...)
	}
	return words.Say("step_unknown", format+"the trace does not show all work of any.", phases...)
}

// whose names the rank that a phase's numbers are of, where others' are different.
func (res *Result) whose(p *ranks.Phase) Message {
	least, most, n, slowest := p.StepMedianNs, p.StepMedianNs, 0, p.Rank
	for _, k := range res.Ranks {
		for _, o := range k.Phases {
			if o.Phase == p.Phase && o.MeasuredSteps > 0 && !o.OfOpen {
				n++
				if least = min(least, o.StepMedianNs); o.StepMedianNs > most {
					most, slowest = o.StepMedianNs, k.Rank
				}
			}
		}
	}
	rank, of := words.RankOf("rank", p.Rank), words.Number("ranks", n)
	switch {
	case Alike(least, most):
		return Message{}
	case p.StepMedianNs == most:
		return words.Say("slowest_rank", " on rank {rank}, the slowest of {ranks}", rank, of)
	}
	return words.Say("rank", " on rank {rank} (on rank {slowest_rank}, the slowest of {ranks}, {slowest_ns})", rank, words.RankOf("slowest_rank", slowest), of,
		words.Ns("slowest_ns", most))
}

// stepWait is what a step of a phase waits for other ranks, on the rank that the phase is of, the median; 0 if that is
// not known.
func (res *Result) stepWait(p *ranks.Phase) int64 {
	if len(res.Ranks) < 2 {
		return 0
	}
	var waits []int64
	for _, k := range res.Ranks {
		for i := range k.Steps {
			if s := &k.Steps[i]; k.Rank == p.Rank && s.Phase == p.Phase && s.CommWaitNs >= 0 && s.Closed() {
				waits = append(waits, s.CommWaitNs)
			}
		}
	}
	return stats.Median(waits)
}
