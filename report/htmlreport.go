package report

import (
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// HTML writes a result as one page that needs nothing else: charts of what matters, and every table behind them.
func HTML(w io.Writer, r *analyze.Result, _ Options) error {
	h := heading(r)
	p := &htmlPage{title: h.title, facts: h.facts}
	v := &htmlView{r: r, notices: notices(r)}
	p.add(htmlSection{ID: "integrity", Title: "Integrity", Note: "what not to believe, before anything else", Body: v.integrity()})
	p.add(htmlSection{ID: "verdict", Bare: true, Body: v.verdict()})
	p.add(htmlSection{ID: "figures", Bare: true, Body: v.figures()})
	p.add(htmlSection{ID: "findings", Title: "Findings", Note: "most time at stake first", Body: v.findings()})
	if r.Kind != analyze.KindEmpty {
		p.add(v.section("time", "Where the time went", v.timeNote(), v.time(), "time"))
		categories := v.half("categories", "Categories", sumOver(r, v.categoryNote()), v.categories(), "category")
		idle := v.half("idle", "Why it was idle", "gaps between a device's work, by what came next", v.idle(), "idle")
		categories.Half = idle.Body != "" // of CPU-only traces nothing stands beside it
		p.add(categories)
		p.add(idle)
		p.add(v.section("steps", "Steps and phases", "", v.steps(), "phase", "step"))
		p.add(v.section("kernels", "Kernels", sumOver(r, "by exclusive time: overlaps go to what started first"), v.table(kernelTable), "kernel"))
		p.add(v.section("graphs", "Graph replays", graphTable(r).note, v.table(graphTable), "graph"))
		p.add(v.section("ops", choose(r.Kind == analyze.KindCPU, "Ops", "CPU ops"), sumOver(r, "by self time: less the ops and calls inside"), v.table(opTable), "op"))
		p.add(v.section("modules", "Modules", sumOver(r, "all layers together; self is less the modules inside"), v.table(moduleTable), "module"))
		p.add(v.section("communication", "Communication", sumOver(r, waitNote(r)), v.collectives(), "collective"))
		p.add(v.section("memory", "Memory", "as the allocator reports it; + is what was added since the profile began", v.memory(), "memory"))
		p.add(v.section("roofline", "Roofline", "ops whose shapes are known, against what the device can do", v.roofline(), "roofline"))
		p.add(v.section("ranks", "Ranks", "side by side; prefill and decode are medians of steps", v.ranks(), "rank"))
		p.add(htmlSection{ID: "more", Title: "More tables", Body: v.more()})
	}
	p.footer = []string{
		"Times are exact to the nanosecond of the trace and are rounded only for display; every table as data: inferprof report PATH --format json or csv.",
		"This page is one file and loads nothing.",
	}
	return p.write(w)
}

// htmlView makes the parts of a page from a result.
type htmlView struct {
	r       *analyze.Result
	notices []notice
}

func (v *htmlView) section(id, title, note string, body template.HTML, tables ...string) htmlSection {
	return htmlSection{ID: id, Title: title, Note: note, Body: body, Mark: v.mark(tables...)}
}

func (v *htmlView) half(id, title, note string, body template.HTML, tables ...string) htmlSection {
	s := v.section(id, title, note, body, tables...)
	s.Half = true
	return s
}

// mark links the mark of numbers to the problem that it stands for.
func (v *htmlView) mark(tables ...string) template.HTML {
	return htmlMark(mark(v.notices, tables...))
}

func htmlMark(text string) template.HTML {
	if text == "" {
		return ""
	}
	var m markup
	m.add(`<a class="mark" href="#integrity" title="depends on what integrity says is missing or untrue">%s</a>`, text)
	return m.html()
}

// marks finds marks in a sentence.
var marks = regexp.MustCompile(`†\d+(,\d+)*`)

func (v *htmlView) verdict() template.HTML {
	text := verdict(v.r)
	if text == "" {
		text = "Nothing was recorded: the traces have no ops, calls or GPU work in them."
	}
	var m markup
	m.add(`<p class="verdict">`)
	for text != "" {
		at := marks.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		m.add(`%s%s`, text[:at[0]], htmlMark(text[at[0]:at[1]]))
		text = text[at[1]:]
	}
	m.add(`</p>`)
	return m.html()
}

func (v *htmlView) integrity() template.HTML {
	var m markup
	m.add(`<ul class="problems">`)
	if len(v.notices) == 0 {
		m.add(`<li class="fine"><b>✓ Sound</b><span>%s</span></li>`, sound(v.r))
	}
	for _, n := range v.notices {
		label := map[string]string{analyze.SeverityError: "✗ Error", analyze.SeverityWarning: "! Warning", analyze.SeverityNote: "Note"}[n.Severity]
		m.add(`<li class="%s"><b>%s`, n.Severity, label)
		if n.number > 0 {
			m.add(` <span class="mark">†%d</span>`, n.number)
		}
		m.add(`</b><span>`)
		if who := n.who(v.r); who != "" {
			m.add(`<span class="where">%s: </span>`, who)
		}
		m.add(`%s</span></li>`, n.Text)
	}
	if text := Unchecked(v.r.Checks); len(v.notices) > 0 && text != "" {
		m.add(`<li class="note"><b>Not checked</b><span>%s</span></li>`, strings.TrimPrefix(text, "not checked: "))
	}
	m.add(`</ul>`)
	return m.html()
}

// tilesInRow is how many figures stand side by side at most.
const tilesInRow = 5

func (v *htmlView) figures() template.HTML {
	all := figures(v.r)
	if len(all) == 0 {
		return ""
	}
	var m markup
	lines := (len(all) + tilesInRow - 1) / tilesInRow // as few as can be, as long as each other
	m.add(`<dl class="tiles" style="--row: %d">`, (len(all)+lines-1)/lines)
	for _, f := range all {
		m.add(`<div class="tile"><dt>%s</dt><dd>%s%s</dd><dd>%s</dd></div>`, f.label, f.value, htmlMark(f.mark), f.note)
	}
	m.add(`</dl>`)
	return m.html()
}

// findingEvents is how many places a finding points at.
const findingEvents = 4

func (v *htmlView) findings() template.HTML {
	var m markup
	for _, f := range v.r.Findings {
		m.add(`<article class="finding %s"><span class="badge sev">%s</span>`, f.Severity, f.Severity)
		if f.Inferred {
			m.add(`<span class="badge">inferred</span>`)
		}
		if f.StakeNsPerStep > 0 {
			m.add(`<span class="stake">%s at stake</span>`, stakeWords(v.r, &f))
		}
		m.add(`<p class="sentence">%s%s</p><ul class="evidence">`, f.Sentence, findingMark(notices(v.r), &f))
		for _, e := range f.Evidence {
			m.add(`<li>%s <b>%s</b></li>`, strings.ReplaceAll(e.Name, "_", " "), evidence(e))
		}
		m.add(`</ul><p class="try"><b>Try:</b> %s</p>`, f.Try)
		if len(f.Events) > 0 {
			m.add(`<p class="note events">Look at: `)
			for i, e := range f.Events[:min(findingEvents, len(f.Events))] {
				m.add(`%s<code>%s</code> (%s) %s into the trace of rank %d`, choose(i > 0, "; ", ""), shorten(opName(kernelName(e.Name)), 60), plain(e.DurationNs), plain(v.sinceStart(e)), e.Rank)
			}
			m.add(`</p>`)
		}
		m.add(`</article>`)
	}
	return m.html()
}

// sinceStart is when an event began, from the first one of its trace: base times are Unix times in some traces.
func (v *htmlView) sinceStart(e analyze.EventRef) int64 {
	for _, k := range v.r.Ranks {
		if k.Rank == e.Rank {
			return e.StartNs - k.FirstNs
		}
	}
	return e.StartNs
}

func (v *htmlView) timeNote() string {
	unit, span := "device", "from its first to its last GPU work"
	if v.r.Kind == analyze.KindCPU {
		unit, span = "rank", "from its first to its last op"
	}
	note := plain(perDevice(v.r, v.r.Time.TotalNs)) + " " + span
	if v.r.Devices > 1 {
		note += fmt.Sprintf(", mean of %d %ss", v.r.Devices, unit)
	}
	return note
}

// timeSeries are the parts of a device's time, and their values.
func (v *htmlView) timeSeries() []series {
	return []series{{"computation", "s-blue"}, {"exposed communication", "s-magenta"}, {"exposed memory", "s-yellow"}, {idleWord(v.r), "s-idle"}}
}

func timeParts(t *analyze.Time) []int64 {
	return []int64{t.ComputationNs, t.ExposedCommNs, t.ExposedMemoryNs, t.IdleNs}
}

// devicesShown bounds the bars of a breakdown by device.
const devicesShown = 128

func (v *htmlView) time() template.HTML {
	t := v.r.Time
	if t.TotalNs <= 0 {
		return ""
	}
	all := v.timeSeries()
	parts := timeParts(&t)
	var m markup
	var rows []barRow
	for i, ns := range parts {
		if ns == 0 && i != 0 {
			continue
		}
		values := make([]int64, len(parts))
		values[i] = perDevice(v.r, ns)
		rows = append(rows, barRow{label: all[i].name, values: values, text: fmt.Sprintf("%s %8s", plain(values[i]), percent(ns, t.TotalNs))})
	}
	m.add("%s", strip(all, parts, t.TotalNs, v.r))
	m.add("%s", barChart("time by kind of work", all[:1:1], recolour(rows, all), perDevice(v.r, t.TotalNs), plain))
	if t.CommNs > 0 {
		text := fmt.Sprintf("Communication took %s in all; %s of it was hidden behind computation.", plain(perDevice(v.r, t.CommNs)), percent(t.CommOverlapNs, t.CommNs))
		if wait := waiting(v.r.Collectives); wait >= 0 {
			text += fmt.Sprintf(" %s of it was waiting for other ranks%s.", plain(perDevice(v.r, wait)), waitHint(v.r.Collectives))
		}
		m.add(`<p class="more">%s</p>`, text)
	}
	if text := coreWords(v.r); text != "" {
		m.add(`<p class="more">%s.</p>`, upper(text))
	}
	if v.r.Devices > 1 {
		m.add(`<h3>By %s</h3>%s`, choose(v.r.Kind == analyze.KindCPU, "rank", "device"), v.timeByDevice(all))
	}
	return m.html()
}

// strip is one bar of all the time.
func strip(all []series, parts []int64, whole int64, r *analyze.Result) template.HTML {
	var m markup
	m.add(`<svg class="strip" height="34" role="img" aria-label="all of the time by kind of work">`)
	x := 0.0
	for i, ns := range parts {
		w := part(ns, whole)
		if w == 0 {
			continue
		}
		m.add(`<rect class="%v" x="%v%%" width="%v%%" height="34" data-tip="%v"/>`, all[i].class, x, w, all[i].name+"\n"+plain(perDevice(r, ns))+" · "+percent(ns, whole))
		x += w
	}
	m.add(`</svg>`)
	return m.html()
}

// recolour makes each row a bar of its own series, without a legend: the label says what it is.
func recolour(rows []barRow, all []series) []barRow {
	for i := range rows {
		for j, ns := range rows[i].values {
			if ns > 0 {
				rows[i].class, rows[i].values = all[j].class, []int64{ns}
				break
			}
		}
	}
	return rows
}

func (v *htmlView) timeByDevice(all []series) template.HTML {
	var rows []barRow
	var whole int64
	for _, k := range v.r.Ranks {
		for i := range k.Time {
			t := &k.Time[i]
			if v.r.Kind == analyze.KindGPU && t.Device == analyze.CPUDevice {
				continue
			}
			label := fmt.Sprintf("rank %d", k.Rank)
			if len(k.Time) > 1 {
				label += fmt.Sprintf(", GPU %d", t.Device)
			}
			whole = max(whole, t.TotalNs)
			rows = append(rows, barRow{label: label, values: timeParts(t), text: plain(t.TotalNs)})
		}
	}
	var m markup
	m.add("%s", barChart("time by device", all, rows[:min(devicesShown, len(rows))], whole, plain))
	if n := len(rows) - devicesShown; n > 0 {
		m.add(`<p class="more">%s more: <code>inferprof report PATH --by time</code></p>`, plural(n, "device"))
	}
	return m.html()
}

func (v *htmlView) categoryNote() string {
	if v.r.Kind == analyze.KindCPU {
		return "self time of ops on all threads"
	}
	return "exclusive GPU time: overlaps go to what started first"
}

// categoryClass is the colour of a kind of work: kin have the same.
func categoryClass(name string) string {
	switch name {
	case "gemm", "quant_gemm", "moe_gemm", "moe_route", "conv", "lora":
		return "s-blue"
	case "attn", "kv_cache", "rope", "ssm":
		return "s-teal"
	case "comm":
		return "s-magenta"
	case "norm", "activation", "elementwise", "triton", "quantize", "compiled":
		return "s-orange"
	case "memcpy", "memset", "copy", "memory", "view":
		return "s-yellow"
	case "sampling", "softmax", "spec_decode":
		return "s-purple"
	case "embed_index", "reduce":
		return "s-brown"
	case "compile":
		return "s-red"
	case "python":
		return "s-idle"
	}
	return "s-grey"
}

func (v *htmlView) categories() template.HTML {
	var whole, most int64
	for _, c := range v.r.Categories {
		whole += c.ExclusiveNs
		most = max(most, c.ExclusiveNs)
	}
	var rows []barRow
	for _, c := range v.r.Categories {
		rows = append(rows, barRow{label: categoryName(c.Name), class: categoryClass(c.Name), values: []int64{max(0, c.ExclusiveNs)},
			tip: categoryName(c.Name) + "\n" + plain(c.ExclusiveNs) + " · " + plural(c.Count, "event"), text: fmt.Sprintf("%s %8s", plain(c.ExclusiveNs), percent(c.ExclusiveNs, whole))})
	}
	if len(rows) == 0 {
		return ""
	}
	return barChart("time by category", []series{{}}, rows, most, plain)
}

func (v *htmlView) idle() template.HTML {
	s := idleSums(v.r)
	if s.longest == nil {
		return ""
	}
	classes := map[string]string{"host": "s-red", "launch": "s-orange", "other": "s-purple", "unknown": "s-grey", "sync": "s-brown", "held up": "s-purple", "launching": "s-red"}
	var m markup
	var rows []barRow
	for _, c := range s.causes() {
		if c.gap.Count > 0 {
			rows = append(rows, barRow{label: c.name, class: classes[c.name], values: []int64{perDevice(v.r, c.gap.Ns)}, tip: c.why + "\n" + plural(c.gap.Count, "gap"),
				text: fmt.Sprintf("%s %8s", plain(perDevice(v.r, c.gap.Ns)), percent(c.gap.Ns, v.r.Time.IdleNs))})
		}
	}
	m.add("%s<dl class=\"glossary\">", barChart("idle time by cause", []series{{}}, rows, perDevice(v.r, v.r.Time.IdleNs), plain))
	for _, c := range s.causes() {
		if c.gap.Count > 0 {
			m.add(`<dt>%s</dt><dd>%s (%s)</dd>`, c.name, c.why, plural(c.gap.Count, "gap"))
		}
	}
	m.add(`</dl>`)
	if words := s.longestWords(len(v.r.Ranks)); words != "" {
		m.add(`<p class="more">%s.</p>`, upper(words))
	}
	return m.html()
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// phaseSeries are the colours of phases.
var phaseSeries = []series{{"prefill", "s-purple"}, {"mixed", "s-orange"}, {"decode", "s-teal"}, {"capture", "s-brown"}, {"unlabelled", "s-grey"}, {"empty", "s-idle"}}

func phaseIndex(phase trace.StepPhase) int {
	return max(0, slices.IndexFunc(phaseSeries, func(s series) bool { return s.name == phaseName(phase) }))
}

func (v *htmlView) steps() template.HTML {
	if len(v.r.Steps) == 0 {
		return ""
	}
	d := phaseTable(v.r)
	var m markup
	m.add("%s<p class=\"more\">%s.</p>", htmlTable(&d, "inferprof report PATH --by phase --format csv"), upper(d.note))
	for _, text := range phaseRemarks(v.r) {
		m.add(`<p class="more">%s.</p>`, upper(text))
	}
	if len(v.r.Steps) > 1 {
		var columns []columnRow
		for _, s := range v.r.Steps {
			columns = append(columns, columnRow{s.TimeNs, phaseIndex(s.Phase), stepTip(&s.Step)})
		}
		m.add(`<h3>Time of each step</h3>%s`, columnChart("time of each step", usedPhases(v.r), columns, plain))
	}
	m.add(`<h3>Timeline</h3>%s`, v.timeline())
	steps := stepTable(v.r)
	m.add("%s", details("All steps", steps.note, htmlTable(&steps, "inferprof report PATH --by step --format csv")))
	return m.html()
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

func stepTip(s *analyze.Step) string {
	text := fmt.Sprintf("step %d · %s%s\n%s", s.Index, phaseName(s.Phase), choose(s.Inferred, " (inferred)", ""), plain(s.TimeNs)+choose(s.Open, ", to its own end", ""))
	switch {
	case s.Unmeasured:
		text = text[:strings.LastIndexByte(text, '\n')+1] + "not measured: the trace does not show all of its work"
	case s.GPUEvents > 0:
		text += " · GPU busy " + plain(s.BusyNs)
	}
	if s.ContextTokens > 0 {
		text += fmt.Sprintf("\n%s, %s tokens", plural(int(s.ContextRequests), "prompt"), count(s.ContextTokens))
	}
	if s.GenerationRequests > 0 {
		text += "\n" + plural(int(s.GenerationRequests), "request") + " generating"
	}
	return text
}

// timeline draws the steps of every rank on one clock: of GPU work where there is any, else of the marks.
func (v *htmlView) timeline() template.HTML {
	clock := sharedClock(v.r.Ranks)
	var lanes []lane
	from, until := int64(-1), int64(0)
	for i, k := range v.r.Ranks {
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
	return timelineChart("steps of each rank over time", usedPhases(v.r), lanes, from, until)
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

// table makes a section of a table alone.
func (v *htmlView) table(of func(*analyze.Result) dataTable) template.HTML {
	d := of(v.r)
	return htmlTable(&d, "inferprof report PATH --format csv")
}

func (v *htmlView) collectives() template.HTML {
	if len(v.r.Collectives) == 0 {
		return ""
	}
	var m markup
	var rows []barRow
	known := true
	for _, k := range v.r.Ranks {
		var transfer, wait int64
		for _, c := range k.Collectives {
			known = known && c.WaitNs >= 0
			transfer, wait = transfer+c.TransferNs, wait+c.WaitNs
		}
		rows = append(rows, barRow{label: fmt.Sprintf("rank %d", k.Rank), values: []int64{transfer, wait}, text: plain(transfer + wait)})
	}
	if known && len(rows) > 1 {
		m.add("%s<p class=\"more\">The rank that waits least is the one that the others wait for.</p>",
			barChart("communication of each rank", []series{{"transfer", "s-teal"}, {"waiting for other ranks", "s-red"}}, rows[:min(devicesShown, len(rows))], 0, plain))
	}
	m.add("%s", v.table(collectiveTable))
	return m.html()
}

func (v *htmlView) memory() template.HTML {
	var m markup
	m.add("%s", v.memoryCurves())
	m.add("%s", v.table(memoryTable))
	return m.html()
}

// curvesShown bounds the lines of a chart of memory.
const curvesShown = 8

func (v *htmlView) memoryCurves() template.HTML {
	classes := []string{"s-blue", "s-magenta", "s-teal", "s-orange", "s-purple", "s-green", "s-brown", "s-red"}
	clock := sharedClock(v.r.Ranks)
	var lines []line
	first := int64(-1)
	for i, k := range v.r.Ranks {
		for _, pool := range k.Memory {
			if len(pool.Curve) > 1 && (first < 0 || pool.Curve[0].AtNs+clock[i] < first) {
				first = pool.Curve[0].AtNs + clock[i]
			}
		}
	}
	for i, k := range v.r.Ranks {
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
		return ""
	}
	var m markup
	m.add("<h3>Allocated over time</h3>%s", lineChart("memory allocated over time", lines, func(n int64) string { return strings.TrimSpace(size(n)) }))
	return m.html()
}

// roofline draws the ops that a model knows between what the device computes and what it moves.
func (v *htmlView) roofline() template.HTML {
	roof := v.r.Roofline
	if roof == nil || len(roof.Ops) == 0 {
		return ""
	}
	all := []series{{"GEMM", "s-blue"}, {"attention", "s-teal"}, {"experts", "s-purple"}, {"norm", "s-orange"}, {"elementwise", "s-yellow"}, {"given", "s-grey"}}
	kinds := []string{"gemm", "attention", "moe", "norm", "elementwise", "given"}
	chart := logChart{name: "operations per second over operations per byte", xName: "FLOPs per byte", yName: "FLOP/s", all: slices.Clone(all),
		writeX: func(x float64) string { return fmt.Sprintf("%g", x) }, writeY: flops}
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
			share = fmt.Sprintf("\n%.1f %% of the roofline, bound by %s", o.RooflinePercent, o.Bound)
		}
		chart.dots = append(chart.dots, dot{x: o.Intensity, y: o.FLOPsPerS, size: float64(o.TimeNs) / float64(max(1, most)), series: i,
			tip: o.Name + " " + shorten(o.Dims, 80) + "\n" + flops(o.FLOPsPerS) + " · " + rate(o.BytesPerS) + share + "\n" + plain(o.TimeNs) + " in " + plural(o.Count, "call")})
	}
	for i := range chart.all {
		if !used[i] {
			chart.all[i].name = ""
		}
	}
	if g := roof.GPU; g != nil && g.FP16 > 0 && g.MemoryBytesPerS > 0 {
		chart.roof = func(x float64) float64 { return min(g.FP16, x*g.MemoryBytesPerS) }
	}
	var m markup
	m.add("%s", chart.draw())
	if g := roof.GPU; g != nil {
		m.add(`<p class="more">Dashed: %s, %s in 16-bit arithmetic and %s (%s). Dots are larger the more time they took.`,
			g.Name, flops(g.FP16), rate(g.MemoryBytesPerS), g.Source)
		if roof.WorkNs > 0 {
			m.add(` Modelled: %s of the work.`, percent(roof.ModelledNs, roof.WorkNs))
		}
		m.add(`</p>`)
	}
	if roof.Reason != "" {
		m.add(`<p class="more">%s</p>`, upper(roof.Reason))
	}
	m.add("%s", details("Modelled ops", plural(len(roof.Ops), "op"), v.table(rooflineTable)))
	return m.html()
}

// flops writes operations per second.
func flops(v float64) string {
	for _, u := range []struct {
		from float64
		name string
	}{{1e15, "PFLOP/s"}, {1e12, "TFLOP/s"}, {1e9, "GFLOP/s"}, {1e6, "MFLOP/s"}, {1e3, "kFLOP/s"}} {
		if v >= u.from {
			return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", v/u.from), "0"), ".") + " " + u.name
		}
	}
	return fmt.Sprintf("%.0f FLOP/s", v)
}

func (v *htmlView) ranks() template.HTML {
	if len(v.r.Ranks) < 2 {
		return ""
	}
	return v.table(rankTable)
}

func (v *htmlView) more() template.HTML {
	var m markup
	shown := []string{"finding", "phase", "step", "kernel", "graph", "op", "module", "collective", "memory", "rank", "roofline"}
	for _, t := range tables {
		if slices.Contains(shown, t.name) {
			continue
		}
		d := t.of(v.r)
		m.add("%s", details(d.title, d.note, htmlTable(&d, "inferprof report PATH --by "+t.name+" --format csv")))
	}
	return m.html()
}
