package report

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// The charts of a result. Each shows numbers that stand in the table beside it.

// chart is drawn on a page. One that draws nothing is left out.
type chart struct {
	title string
	draw  func() template.HTML
}

// charts are the charts of a table, each made from a result.
func charts(all ...func(r *analyze.Result) chart) []func(r *analyze.Result) chart { return all }

// devicesShown bounds the bars of a chart by device.
const devicesShown = 128

// stripChart is one bar of all the time.
func stripChart(r *analyze.Result) chart {
	return chart{"", func() template.HTML {
		var m markup
		m.add(`<svg class="strip" height="34" role="img" aria-label="all of the time by kind of work">`)
		x := 0.0
		for _, p := range timeParts(r) {
			w := part(p.ns, r.Time.TotalNs)
			if w == 0 {
				continue
			}
			m.add(`<rect class="%v" x="%v%%" width="%v%%" height="34" data-tip="%v"/>`, p.class, x, w,
				p.name+"\n"+words.Duration(r.PerDevice(p.ns))+" · "+words.PercentOf(p.ns, r.Time.TotalNs))
			x += w
		}
		m.add(`</svg>`)
		return m.html()
	}}
}

// deviceChart is the time of each device.
func deviceChart(r *analyze.Result) chart {
	return chart{"", func() template.HTML {
		var rows []barRow
		var all []series
		for _, p := range timeParts(r) {
			all = append(all, series{p.name, p.class})
		}
		for _, k := range r.Ranks {
			for i := range k.Time {
				t := &k.Time[i]
				if r.Kind == analyze.KindGPU && t.Device == analyze.CPUDevice {
					continue
				}
				label := fmt.Sprintf("rank %d", k.Rank)
				if len(k.Time) > 1 {
					label += fmt.Sprintf(", GPU %d", t.Device)
				}
				var values []int64
				for _, p := range partsOfTime(t, r) {
					values = append(values, p.ns)
				}
				rows = append(rows, barRow{label: label, values: values, text: words.Duration(t.TotalNs)})
			}
		}
		return barChart("time by device", all, rows[:min(devicesShown, len(rows))], words.Duration[int64])
	}}
}

// phaseSeries are the colours of phases.
var phaseSeries = []series{{"prefill", "s-purple"}, {"mixed", "s-orange"}, {"decode", "s-teal"}, {"capture", "s-brown"}, {"unlabelled", "s-grey"}, {"empty", "s-idle"}}

func phaseIndex(phase trace.StepPhase) int {
	return max(0, slices.IndexFunc(phaseSeries, func(s series) bool { return s.name == phaseName(phase) }))
}

// usedPhases keeps the places of phaseSeries, and blanks what no step has.
func usedPhases(r *analyze.Result) []series {
	out := slices.Clone(phaseSeries)
	for i := range out {
		if !slices.ContainsFunc(r.Steps, func(s analyze.RankStep) bool { return phaseIndex(s.Phase) == i }) {
			out[i].name = ""
		}
	}
	return out
}

// stepChart is how long each step took.
func stepChart(r *analyze.Result) chart {
	return chart{"Time of each step", func() template.HTML {
		var columns []columnRow
		for _, s := range r.Steps {
			columns = append(columns, columnRow{s.TimeNs, phaseIndex(s.Phase), stepTip(&s.Step)})
		}
		return columnChart("time of each step", usedPhases(r), columns, words.Duration[int64])
	}}
}

// stepTip is what a step of a chart says when it is pointed at.
func stepTip(s *analyze.Step) string {
	text := fmt.Sprintf("step %d · %s%s\n", s.Index, phaseName(s.Phase), choose(s.Inferred, " (inferred)", ""))
	switch {
	case s.Unmeasured:
		text += "not measured: the trace does not show all of its work"
	default:
		text += words.Duration(s.TimeNs) + choose(s.Open, ", to its own end", "") + choose(s.GPUEvents > 0, " · GPU busy "+words.Duration(s.BusyNs), "")
	}
	if s.ContextTokens > 0 {
		text += "\n" + words.Counted(int(s.ContextRequests), "prompt") + ", " + words.Counted(int(s.ContextTokens), "token")
	}
	if s.GenerationRequests > 0 {
		text += "\n" + words.Counted(int(s.GenerationRequests), "request") + " generating"
	}
	return text
}

// timeline draws the steps of every rank on one clock: of GPU work where there is any, else of the marks.
func timeline(r *analyze.Result) chart {
	return chart{"Timeline", func() template.HTML {
		clock := sharedClock(r.Ranks)
		var lanes []lane
		from, until := int64(-1), int64(0)
		for i, k := range r.Ranks {
			l := lane{label: fmt.Sprintf("rank %d", k.Rank)}
			for j := range k.Steps {
				s := &k.Steps[j]
				start, ns := s.StartNs, s.CPUNs
				if s.GPUEvents > 0 {
					start, ns = s.GPUFirstNs, s.TimeNs-max(0, s.GapNs)
				}
				start += clock[i]
				if from < 0 || start < from {
					from = start
				}
				until = max(until, start+ns)
				l.spans = append(l.spans, span{start, start + ns, phaseIndex(s.Phase), l.label + " · " + stepTip(s)})
			}
			if len(l.spans) > 0 {
				lanes = append(lanes, l)
			}
		}
		return timelineChart("steps of each rank over time", usedPhases(r), lanes, from, until)
	}}
}

// sharedClock is what to add to the times of each rank so that they count from one moment on one clock: its base time
// from the earliest one, less what its clock is ahead. A rank without a base time is left as it is.
func sharedClock(ranks []*analyze.Rank) []int64 {
	first := int64(0)
	for _, k := range ranks {
		if k.BaseTimeNs > 0 && (first == 0 || k.BaseTimeNs < first) {
			first = k.BaseTimeNs
		}
	}
	out := make([]int64, len(ranks))
	for i, k := range ranks {
		if k.BaseTimeNs > 0 {
			out[i] = k.BaseTimeNs - first
		}
		if k.Clock != nil {
			out[i] -= k.Clock.SkewNs
		}
	}
	return out
}

// collectiveChart is what each rank spends in communication.
func collectiveChart(r *analyze.Result) chart {
	known := !slices.ContainsFunc(r.Ranks, func(k *analyze.Rank) bool { return analyze.Waiting(k.Collectives) < 0 && len(k.Collectives) > 0 })
	if !known || len(r.Ranks) < 2 || len(r.Collectives) == 0 {
		return chart{}
	}
	return chart{"", func() template.HTML {
		var rows []barRow
		for _, k := range r.Ranks {
			var transfer, wait int64
			for _, c := range k.Collectives {
				transfer, wait = transfer+c.TransferNs, wait+c.WaitNs
			}
			rows = append(rows, barRow{label: fmt.Sprintf("rank %d", k.Rank), values: []int64{transfer, wait}, text: words.Duration(transfer + wait)})
		}
		return barChart("communication of each rank", []series{{"transfer", "s-teal"}, {"waiting for other ranks", "s-red"}},
			rows[:min(devicesShown, len(rows))], words.Duration[int64])
	}}
}

// curvesShown bounds the lines of a chart of memory.
const curvesShown = 8

// memoryChart is what allocators had given out over time.
func memoryChart(r *analyze.Result) chart {
	classes := []string{"s-blue", "s-magenta", "s-teal", "s-orange", "s-purple", "s-green", "s-brown", "s-red"}
	clock := sharedClock(r.Ranks)
	var lines []line
	first := int64(-1)
	for i, k := range r.Ranks {
		for _, pool := range k.Memory {
			if len(pool.Curve) > 1 && (first < 0 || pool.Curve[0].AtNs+clock[i] < first) {
				first = pool.Curve[0].AtNs + clock[i]
			}
		}
	}
	for i, k := range r.Ranks {
		for _, pool := range k.Memory {
			if len(pool.Curve) < 2 || len(lines) == curvesShown {
				continue
			}
			l := line{series: series{fmt.Sprintf("rank %d %s", k.Rank, pool.Device), classes[len(lines)]}}
			for _, p := range pool.Curve {
				l.points = append(l.points, point{p.AtNs + clock[i] - first, max(0, p.Bytes)})
			}
			lines = append(lines, l)
		}
	}
	if lines == nil {
		return chart{}
	}
	return chart{"Allocated over time", func() template.HTML { return lineChart("memory allocated over time", lines, words.Memory) }}
}

// roofline draws the ops that a model knows between what the device computes and what it moves.
func rooflineChart(r *analyze.Result) chart {
	roof := r.Roofline
	if roof == nil || len(roof.Ops) == 0 {
		return chart{}
	}
	all := []series{{"GEMM", "s-blue"}, {"attention", "s-teal"}, {"experts", "s-purple"}, {"norm", "s-orange"}, {"elementwise", "s-yellow"}, {"given", "s-grey"}}
	kinds := []string{"gemm", "attention", "moe", "norm", "elementwise", "given"}
	c := logChart{name: "operations per second over operations per byte", xName: "FLOPs per byte", yName: "FLOP/s", all: slices.Clone(all),
		writeX: func(x float64) string { return fmt.Sprintf("%g", x) }, writeY: words.FLOPs}
	most := roof.Ops[0].TimeNs
	used := map[int]bool{}
	for _, o := range roof.Ops[:min(150, len(roof.Ops))] {
		i := slices.Index(kinds, o.Kind)
		if i < 0 || o.Invalid || o.FLOPsPerS <= 0 || o.Intensity <= 0 {
			continue
		}
		used[i] = true
		share := ""
		if o.RooflinePercent >= 0 {
			share = "\n" + words.Percent(o.RooflinePercent/100) + " of the roofline, bound by " + o.Bound
		}
		c.dots = append(c.dots, dot{x: o.Intensity, y: o.FLOPsPerS, size: float64(o.TimeNs) / float64(max(1, most)), series: i,
			tip: o.Name + " " + shorten(o.Dims, 80) + "\n" + words.FLOPs(o.FLOPsPerS) + " · " + words.Rate(o.BytesPerS) + share + "\n" + words.Duration(o.TimeNs) + " in " + words.Counted(o.Count, "call")})
	}
	for i := range c.all {
		if !used[i] {
			c.all[i].name = ""
		}
	}
	if g := roof.GPU; g != nil && g.FP16 > 0 && g.MemoryBytesPerS > 0 {
		c.roof = func(x float64) float64 { return min(g.FP16, x*g.MemoryBytesPerS) }
	}
	return chart{"", c.draw}
}
