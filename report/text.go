package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// The text report is one screen (brief.go), or, with Options.Full, everything. That reads from the general to the
// particular: what this is, what is wrong with it, the answer, where the time went, by phase and step, by kind of work,
// by kernel or op, and then memory, CPU, communication and ranks. A section that would be empty is not there.

// Text writes a result for people.
func Text(w io.Writer, r *analyze.Result, o Options) error {
	if o.Width == 0 {
		o.Width = 100
	}
	p := &page{o: o, r: r, width: max(o.Width, 80), notices: notices(r)}
	if o.Full {
		p.full()
	} else {
		p.brief()
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (p *page) full() {
	p.header()
	p.problems()
	if text := verdict(p.r); text != "" {
		p.line("")
		p.wrapped("", "", text, bold)
	}
	p.findings()
	if p.r.Kind == analyze.KindEmpty {
		return
	}
	p.time()
	if p.r.Devices > 1 {
		p.data(timeTable(p.r), "time", 8)
	}
	p.idle()
	p.data(gapTable(p.r), "gap", 8)
	p.phases()
	p.steps()
	p.categories()
	p.kernels()
	p.data(graphTable(p.r), "graph", 8)
	p.ops()
	p.data(moduleTable(p.r), "module", 8)
	p.data(copyTable(p.r), "copy", 8)
	p.data(memoryTable(p.r), "memory", 8)
	p.cpu()
	p.launches()
	p.data(collectiveTable(p.r), "collective", 8)
	if len(p.r.Ranks) > 1 {
		p.data(rankTable(p.r), "rank", 8)
	}
	for _, t := range []struct {
		name string
		of   func(*analyze.Result) dataTable
	}{{"stream", streamTable}, {"queue", queueTable}, {"thread", threadTable}, {"core", coreTable}, {"roofline", rooflineTable}} {
		p.data(t.of(p.r), t.name, 8)
	}
	p.roofline()
}

// roofline says what the shares of the roofline are of, or why there are none.
func (p *page) roofline() {
	roof := p.r.Roofline
	if roof == nil || len(roof.Ops) == 0 {
		return
	}
	text := roof.Reason
	if g := roof.GPU; g != nil && text == "" {
		text = fmt.Sprintf("of %s: %s in 16-bit arithmetic, %s (%s)", g.Name, flops(g.FP16), rate(g.MemoryBytesPerS), g.Source)
		if g.CPU {
			text = fmt.Sprintf("of %s: %s, %s (%s)", g.Name, flops(g.FP32), rate(g.MemoryBytesPerS), g.Source)
		}
	}
	part := ""
	if roof.WorkNs > 0 {
		part = percent(roof.ModelledNs, roof.WorkNs) + " of the work is in these ops"
	}
	p.wrapped("  ", "  ", words(text, part), dim)
}

// page is a report being written.
type page struct {
	o         Options
	r         *analyze.Result
	width     int
	notices   []notice
	brieflyOf int // rows of each table; 0: as many as the table itself thinks right
	out       bytes.Buffer
}

// Colours, as ANSI codes.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	magenta = "35"
)

func (p *page) paint(code, s string) string {
	if !p.o.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *page) line(s string) { p.out.WriteString(strings.TrimRight(s, " ") + "\n") }

// section begins a section: a title on the left, what its numbers are on the right. tables are those whose numbers it
// shows: if some of them can't be trusted, the title has a mark.
func (p *page) section(title, note string, tables ...string) {
	title = strings.ToUpper(title)
	if m := mark(p.notices, tables...); m != "" {
		title += " " + m
	}
	gap := p.width - columns(title) - columns(note)
	p.line("")
	if gap < 2 {
		note = shorten(note, p.width-columns(title)-2)
		gap = p.width - columns(title) - columns(note)
	}
	p.line(p.paint(bold, title) + strings.Repeat(" ", gap) + p.paint(dim, note))
}

// table writes a table under a section, indented by two.
func (p *page) table(t *table) {
	head, rows := t.lines(p.width - 2)
	p.line("  " + p.paint(dim, head))
	for _, r := range rows {
		p.line("  " + r)
	}
}

// wrapped writes words that may need more than one line.
func (p *page) wrapped(first, rest, text, color string) {
	line := first
	for i, word := range fields(text) {
		if i > 0 && columns(line)+1+columns(word) > p.width {
			p.line(p.paint(color, line))
			line = rest + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	p.line(p.paint(color, line))
}

// fields are the words of a text; a number and its unit are one.
func fields(text string) []string {
	var out []string
	for word := range strings.FieldsSeq(text) {
		n := len(out)
		if n > 0 && unitWords[strings.Trim(word, "(),.;:")] && out[n-1][len(out[n-1])-1] >= '0' && out[n-1][len(out[n-1])-1] <= '9' {
			out[n-1] += " " + word
			continue
		}
		out = append(out, word)
	}
	return out
}

var unitWords = map[string]bool{"%": true, "ns": true, "µs": true, "ms": true, "s": true, "B": true, "kB": true, "MB": true, "GB": true, "TB": true,
	"KiB": true, "MiB": true, "GiB": true, "TiB": true, "GB/s": true, "TB/s": true}

// limit is how many of n rows to show.
func (p *page) limit(n, brief int) int {
	if p.brieflyOf > 0 {
		brief = p.brieflyOf
	}
	if p.o.Full || n <= brief+1 { // one more row takes no more room than saying that it is left out
		return n
	}
	return brief
}

// more says what a table leaves out.
func (p *page) more(hidden int, what string, ns int64) {
	if hidden > 0 {
		p.line(p.paint(dim, fmt.Sprintf("  … %s more, %s", plural(hidden, what), strings.ReplaceAll(duration(ns), "  s", " s"))))
	}
}

// words joins facts that are there.
func words(facts ...string) string {
	var out []string
	for _, f := range facts {
		if f != "" {
			out = append(out, f)
		}
	}
	return strings.Join(out, " · ")
}

func (p *page) header() {
	h := heading(p.r)
	p.line(p.paint(bold, shorten(h.title, p.width)))
	p.wrapped("", "", words(h.facts...), "")
}

// headings say what a report is about.
type headings struct {
	title string
	facts []string
}

func heading(r *analyze.Result) headings {
	all := append(append([]*analyze.Rank(nil), r.Ranks...), r.Frontends...)
	name, engine, version, hardware, model := "", "", "", "", ""
	expected := 0
	if c := r.Capture; c != nil {
		name, engine, version, model, hardware, expected = c.Name, c.Engine, c.EngineVersion, c.Model, c.Device, c.ExpectedRanks
	}
	events := 0
	for _, k := range all {
		events += k.Events
		if engine == "" {
			engine, version = k.Engine, k.Version
		}
		if hardware == "" {
			hardware = k.Hardware
		}
		if expected == 0 {
			expected = k.WorldSize
		}
	}
	if name == "" && len(all) > 0 {
		one := !slices.ContainsFunc(all, func(k *analyze.Rank) bool { return k.Path != all[0].Path })
		if name = filepath.Base(all[0].Path); !one {
			name = fmt.Sprintf("%d traces in %s", len(all), filepath.Base(commonDir(all)))
		}
	}
	h := headings{title: cmp.Or(name, "no traces")}
	kind := kindWords(r)
	for _, fact := range []string{model, strings.TrimSpace(engine + " " + version), rankWords(r.Ranks, expected), kind, hardware,
		plural(events, "event"), window(r), selectionWords(r.Selection, len(r.Ranks))} {
		if fact != "" {
			h.facts = append(h.facts, fact)
		}
	}
	if s := len(r.Frontends); s > 0 {
		h.facts = append(h.facts, plural(s, "API server trace")+" beside the ranks, in none of the tables")
	}
	return h
}

// kindWords says what was recorded. A trace without GPU work is a CPU's only if nothing shows a GPU.
func kindWords(r *analyze.Result) string {
	why := noGPU(r)
	switch {
	case r.Kind == analyze.KindGPU:
		return "GPU"
	case slices.ContainsFunc(r.Ranks, func(k *analyze.Rank) bool { return k.NoGPU == analyze.NoGPUUnread }):
		return "the host alone: the accelerator's work is of kinds that are not read"
	case why != "":
		return "no GPU work recorded (" + why + ")"
	case r.Kind == analyze.KindCPU:
		return "CPU only"
	}
	return "nothing recorded"
}

// noGPU says why there is no GPU work where there should be some; "" if there is some, or nothing shows a GPU.
func noGPU(r *analyze.Result) string {
	if r.Kind == analyze.KindGPU {
		return ""
	}
	for _, why := range []struct{ of, words string }{
		{analyze.NoGPUTruncated, "the file ends before it"},
		{analyze.NoGPULaunched, "though it was launched"},
		{analyze.NoGPUIdle, "nothing was launched"},
		{analyze.NoGPUUnseen, "nor any call that could launch it"},
	} {
		if slices.ContainsFunc(r.Ranks, func(k *analyze.Rank) bool { return k.NoGPU == why.of }) {
			return why.words
		}
	}
	return ""
}

// selectionWords says that a report is of part of the work alone, and of which.
func selectionWords(s *analyze.Selection, ranks int) string {
	if s == nil {
		return ""
	}
	var parts []string
	numbers := func(noun string, n []int) {
		if n != nil {
			parts = append(parts, noun+choose(len(n) == 1, " ", "s ")+strings.Join(strings.Fields(strings.Trim(fmt.Sprint(n), "[]")), ", "))
		}
	}
	numbers("rank", s.Ranks)
	numbers("device", s.Devices)
	if s.Phase != "" {
		parts = append(parts, string(s.Phase)+" steps")
	}
	for _, r := range s.Steps {
		switch {
		case r.From == r.To:
			parts = append(parts, fmt.Sprintf("step %d", r.From))
		case r.To >= math.MaxInt32: // without an end, on machines of 32 bits too
			parts = append(parts, fmt.Sprintf("steps %d on", r.From))
		default:
			parts = append(parts, fmt.Sprintf("steps %d–%d", r.From, r.To))
		}
	}
	if s.FromNs != 0 || s.ToNs != 0 {
		parts = append(parts, "a window of time")
	}
	return fmt.Sprintf("only %s (%s of %s%s)", strings.Join(parts, ", "), count(int64(s.SelectedSteps)), plural(s.AllSteps, "step"),
		choose(ranks > 1, " of all ranks", ""))
}

// commonDir is the innermost directory that all traces are in.
func commonDir(ranks []*analyze.Rank) string {
	dir := filepath.Dir(ranks[0].Path)
	for _, k := range ranks[1:] {
		for dir != filepath.Dir(dir) && !strings.HasPrefix(k.Path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator)) {
			dir = filepath.Dir(dir)
		}
	}
	return dir
}

func rankWords(ranks []*analyze.Rank, expected int) string {
	switch {
	case len(ranks) == 0:
		return ""
	case len(ranks) == 1 && expected > 1:
		return fmt.Sprintf("rank %d of %d", ranks[0].Rank, expected)
	case len(ranks) == 1:
		return "1 rank"
	case expected > len(ranks):
		return fmt.Sprintf("%d of %d ranks", len(ranks), expected)
	}
	return fmt.Sprintf("%d ranks", len(ranks))
}

// window is how long the profiler recorded, or how long there were events.
func window(r *analyze.Result) string {
	var longest int64
	for _, k := range r.Ranks {
		longest = max(longest, k.LastNs-k.FirstNs)
	}
	if longest == 0 {
		return ""
	}
	return plain(longest) + " of events"
}

// trimUnit makes a table's cell fit for a sentence.
func trimUnit(s string) string { return strings.ReplaceAll(s, "  s", " s") }

func (p *page) problems() {
	p.line("")
	if len(p.notices) == 0 {
		p.wrapped("✓ ", "  ", "integrity: "+sound(p.r), green)
	}
	for i := range p.notices {
		p.notice(&p.notices[i])
	}
	if text := Unchecked(p.r.Checks); len(p.notices) > 0 && text != "" {
		p.wrapped("  ", "  ", text, dim)
	}
}

// notice writes a problem, behind the mark of the numbers that it makes untrue.
func (p *page) notice(n *notice) {
	first, color := "· ", dim
	switch n.Severity {
	case analyze.SeverityError:
		first, color = "✗ ", red
	case analyze.SeverityWarning:
		first, color = "! ", yellow
	}
	text := n.Text
	if who := n.who(p.r); who != "" {
		text = who + ": " + text
	}
	if n.number > 0 {
		first += fmt.Sprintf("†%d ", n.number)
	}
	p.wrapped(first, "  ", text, color)
}

func (p *page) time() {
	t := p.r.Time
	unit, span := "device", "from first to last GPU work"
	if p.r.Kind == analyze.KindCPU {
		unit, span = "rank", "from first to last op"
	}
	if p.r.Devices > 1 {
		span = fmt.Sprintf("%s, mean of %d %ss", span, p.r.Devices, unit)
	}
	p.section("Where the time went", trimUnit(duration(perDevice(p.r, t.TotalNs)))+" "+span, "time")
	barWidth := min(44, p.width-40)
	row := func(label string, ns int64, color string) {
		b := bar(ns, t.TotalNs, barWidth)
		p.line(fmt.Sprintf("  %-16s %10s %8s  ", label, duration(perDevice(p.r, ns)), percent(ns, t.TotalNs)) + p.paint(color, b))
	}
	row("computation", t.ComputationNs, green)
	if t.CommNs > 0 {
		row("exposed comm", t.ExposedCommNs, magenta)
	}
	if p.r.Kind == analyze.KindGPU {
		if p.o.Full || 1000*t.ExposedMemoryNs >= t.TotalNs {
			row("exposed memory", t.ExposedMemoryNs, blue)
		}
		row("idle", t.IdleNs, "")
	} else {
		row("outside ops", t.IdleNs, "")
		p.wrapped("  ", "  ", coreWords(p.r), dim)
	}
	if t.CommNs > 0 {
		text := fmt.Sprintf("communication %s, %s of it hidden behind computation",
			trimUnit(duration(perDevice(p.r, t.CommNs))), percent(t.CommOverlapNs, t.CommNs))
		if wait := waiting(p.r.Collectives); wait >= 0 {
			text += fmt.Sprintf("; %s waiting for other ranks%s", trimUnit(duration(perDevice(p.r, wait))), waitHint(p.r.Collectives))
		}
		p.wrapped("  ", "  ", text, dim)
	}
}

// waiting is how long collectives waited; -1 if that is not known of all.
func waiting(rows []analyze.Collective) int64 {
	if len(rows) == 0 {
		return -1
	}
	var sum int64
	for _, c := range rows {
		if c.WaitNs < 0 {
			return -1
		}
		sum += c.WaitNs
	}
	return sum
}

func (p *page) idle() {
	s := idleSums(p.r)
	if s.longest == nil {
		return
	}
	p.section("Why it was idle", "gaps between GPU work, by what came next", "idle")
	t := &table{columns: []column{{"", word}, {"time", number}, {"of idle", number}, {"gaps", number}, {"", flexible}}}
	for _, c := range s.causes() {
		if c.gap.Count > 0 {
			t.add(c.name, duration(perDevice(p.r, c.gap.Ns)), percent(c.gap.Ns, p.r.Time.IdleNs), count(int64(c.gap.Count)), c.why)
		}
	}
	p.table(t)
	if words := s.longestWords(len(p.r.Ranks)); words != "" {
		p.wrapped("  ", "  ", words, dim)
	}
}

func (p *page) categories() {
	r := p.r
	if len(r.Categories) == 0 {
		return
	}
	whole, what := int64(0), "exclusive GPU time: overlaps go to what started first"
	if r.Kind == analyze.KindCPU {
		what = "self time of ops on all threads"
	}
	for _, c := range r.Categories {
		whole += c.ExclusiveNs
	}
	p.section("Categories", what+p.sumNote(), "category")
	t := &table{columns: []column{{"", word}, {"time", number}, {"share", number}, {"count", number}, {"", word}}}
	shown := p.limit(len(r.Categories), 10)
	for _, c := range r.Categories[:shown] {
		t.add(categoryName(c.Name), duration(c.ExclusiveNs), percent(c.ExclusiveNs, whole), count(int64(c.Count)), bar(c.ExclusiveNs, whole, min(44, p.width-46)))
	}
	p.table(t)
	var rest int64
	for _, c := range r.Categories[shown:] {
		rest += c.ExclusiveNs
	}
	p.more(len(r.Categories)-shown, "categorie", rest)
}

// sumNote says over how many ranks a table sums.
func (p *page) sumNote() string {
	if n := len(p.r.Ranks); n > 1 {
		return fmt.Sprintf(", sum of %d ranks", n)
	}
	return ""
}

func categoryName(name string) string {
	if name == "python" { // in steps and scopes and in no op of their thread, whatever other threads do
		return "in no op"
	}
	return strings.ReplaceAll(name, "_", " ")
}

// data writes a table as a section, brief of its rows unless everything is wanted; nothing if it has none.
func (p *page) data(d dataTable, name string, brief int) {
	if len(d.rows) == 0 {
		return
	}
	shown := p.limit(len(d.rows), brief)
	hidden := d.rows[shown:]
	d.rows = d.rows[:shown]
	p.section(d.title, d.note, name)
	p.table(d.text())
	var rest int64
	for _, row := range hidden { // of kernels and ops, whose first column is their time
		if ns, ok := row[0].(int64); ok && d.cols[0].unit == unitNs {
			rest += ns
		}
	}
	p.more(len(hidden), cmp.Or(d.noun, "row"), rest)
}

func (p *page) kernels() { p.data(kernelTable(p.r), "kernel", 15) }

// ops lists ops without steps and scopes, whose self time is the category "in no op".
func (p *page) ops() {
	d := opTable(p.r)
	category := slices.IndexFunc(d.cols, func(c dataColumn) bool { return c.name == "category" })
	d.rows = slices.DeleteFunc(d.rows, func(row []any) bool { return row[category] == "python" })
	p.data(d, "op", 15)
}

// opName shortens names of Python frames and compiled graphs.
func opName(name string) string {
	if path, function, ok := strings.Cut(name, "): "); ok {
		if i := strings.LastIndexByte(path, '/'); i >= 0 {
			return path[i+1:] + "): " + function
		}
	}
	return name
}

// cpu says what the host spent on calls, and lists them.
func (p *page) cpu() {
	c := p.r.CPU
	if len(c.Calls) == 0 {
		return
	}
	p.data(callTable(p.r), "call", 6)
	p.wrapped("  ", "  ", words(
		fmt.Sprintf("%s launching kernels and graphs", plain(c.LaunchNs)),
		fmt.Sprintf("%s waiting for the device", plain(c.SyncNs)),
		fmt.Sprintf("%s in other calls", plain(c.RuntimeNs-c.LaunchNs-c.SyncNs)),
		fmt.Sprintf("%s in ops themselves", plain(max(0, c.OpSelfNs)))), dim)
}

// launches lists launching calls, and how long work waits from its launch to its start.
func (p *page) launches() {
	p.data(launchTable(p.r), "launch", 8)
	if len(p.r.Ranks) == 1 && launchesKnown(p.r) {
		l := p.r.Ranks[0].Launch
		p.wrapped("  ", "  ", words(
			fmt.Sprintf("%s of the work launched by graphs", percent(int64(l.Graph), int64(l.Linked+l.Unlinked))),
			fmt.Sprintf("from launch to start: median %s, at most %s", plain(l.DelayMedianNs), plain(l.DelayMaxNs))), dim)
	}
}
