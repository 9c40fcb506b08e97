package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/inferprof/inferprof/analyze/compare"
)

// commentBytes is what fits into a comment on GitHub, less room for what somebody writes around it.
const commentBytes = 60_000

// CompareMarkdown writes a comparison for a pull request comment: the answers, a table, and what is long folded away. What
// would not fit into a comment is left out, unless everything is asked for.
func CompareMarkdown(w io.Writer, r *compare.Result, o Options) error {
	m := &compareMarkdown{r: r, o: o}
	m.write()
	if m.out.Len() > commentBytes && !o.Full {
		m = &compareMarkdown{r: r, o: o, brief: true}
		m.write()
		m.say("")
		m.say("<sub>where each difference is would not fit into a comment: --full has it, and so has --format html</sub>")
	}
	if _, err := w.Write(m.out.Bytes()); err != nil {
		return fmt.Errorf("write comparison as Markdown: %w", err)
	}
	return nil
}

type compareMarkdown struct {
	r   *compare.Result
	o   Options
	out bytes.Buffer

	brief bool // without details
}

func (m *compareMarkdown) say(format string, args ...any) { fmt.Fprintf(&m.out, format+"\n", args...) }

// markdownText keeps a text from being taken for markup.
var markdownText = strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;", "`", "'", "\n", " ", "*", "\\*", "_", "\\_")

func markdownRow(cells ...string) string {
	for i, c := range cells {
		cells[i] = strings.TrimSpace(c)
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

func (m *compareMarkdown) write() {
	r := m.r
	m.say("### inferprof: %s", markdownText.Replace(strings.Join(labels(r), " against ")))
	m.say("")
	first := m.out.Len()
	for _, text := range unlikeTexts(r) {
		m.say("- ≠ %s", markdownText.Replace(text))
	}
	for _, s := range r.Sides {
		for _, problem := range s.Problems {
			m.say("- ⚠️ %s: %s", s.Letter, markdownText.Replace(problem))
		}
	}
	if m.out.Len() > first {
		m.say("")
	}
	if g := r.Gate; g != nil {
		for _, j := range g.Judgements {
			mark := map[compare.Outcome]string{compare.OutcomePassed: "✅", compare.OutcomeFailed: "❌"}[j.Outcome]
			if mark == "" {
				mark = "⚠️"
			}
			m.say("%s %s", mark, markdownText.Replace(j.Sentence))
		}
		m.say("")
	}
	for i := range r.Pairs {
		p := &r.Pairs[i]
		if p.Error != "" {
			m.say("- ⚠️ nothing to compare: %s", markdownText.Replace(p.Error))
		}
		for k := range p.Sections {
			s := &p.Sections[k]
			mark := map[string]string{"worse": "🔺", "better": "🔻", "unknown": "❔"}[verdictText(s.Answer(), false)]
			m.say("- %s", strings.TrimSpace(mark+" "+markdownText.Replace(s.Sentence)))
		}
	}
	for _, w := range r.Warnings {
		m.say("- ⚠️ %s", markdownText.Replace(w))
	}
	for i := range r.Pairs {
		m.pair(&r.Pairs[i])
	}
}

func labels(r *compare.Result) []string {
	var out []string
	for _, s := range r.Sides {
		out = append(out, s.Letter+" "+s.Label)
	}
	return out
}

func (m *compareMarkdown) pair(p *compare.Pair) {
	if len(p.Sections)+len(p.Requests) == 0 {
		return
	}
	m.say("")
	m.say("%s", markdownRow("", p.A, p.B, "difference", "", fmt.Sprintf("%.0f %% interval", 100*m.r.Level), ""))
	m.say("|:--|--:|--:|--:|--:|--:|:--|")
	for i := range p.Requests {
		q := &p.Requests[i]
		m.say("%s", markdownRow(metricTitle(q), metricValue(q, q.A), metricValue(q, q.B), "", percentText(q.Percent), intervalText(&q.Estimate), verdictText(&q.Estimate, q.HigherBetter)))
	}
	for i := range p.Sections {
		s := &p.Sections[i]
		for _, t := range sectionTimes(s) {
			e, name := t.of, t.name
			if e == &s.Time {
				name = "**" + sectionTitle(s) + "**, " + choose(s.Unit == "step", "median", "per "+s.Unit)
			}
			if t.remark == "" {
				m.say("%s", markdownRow(name, duration(int64(e.A+0.5)), duration(int64(e.B+0.5)), delta(int64(math.Round(e.Delta))),
					percentCell(e), intervalText(e), verdictText(e, false)))
			}
		}
	}
	for i := range p.Sections {
		if !m.brief {
			m.details(p, &p.Sections[i])
		}
	}
	for _, n := range p.Notes {
		m.say("")
		m.say("<sub>%s</sub>", markdownText.Replace(n))
	}
}

func (m *compareMarkdown) details(p *compare.Pair, s *compare.Section) {
	m.say("")
	m.say("<details><summary>%s: where the difference is</summary>", sectionTitle(s))
	m.say("")
	m.say("%s", markdownText.Replace(matchedText(s, p.A, p.B)))
	if text := leftOutText(s, p.A, p.B); text != "" {
		m.say("Left out: %s.", markdownText.Replace(text))
	}
	for _, n := range s.Notes {
		m.say("⚠️ %s", markdownText.Replace(n))
	}
	m.say("")
	m.say("%s:", upper(waterfallTitle(s)))
	m.say("")
	m.say("%s", markdownRow("part", p.A, p.B, "difference"))
	m.say("|:--|--:|--:|--:|")
	for _, part := range s.Parts {
		m.say("%s", markdownRow(part.Name, duration(part.ANs), duration(part.BNs), delta(part.DeltaNs)))
	}
	m.say("%s", markdownRow("**sum**", "**"+strings.TrimSpace(duration(s.ATotalNs))+"**", "**"+strings.TrimSpace(duration(s.BTotalNs))+"**", "**"+delta(s.BTotalNs-s.ATotalNs)+"**"))
	m.say("")
	m.say("%s", markdownRow("difference", p.A, p.B, "match", "role", "kernel or op"))
	m.say("|--:|--:|--:|:--|:--|:--|")
	for i := range s.Kernels {
		k := &s.Kernels[i]
		if !m.o.Full && i >= kernelsShown || k.DeltaNs == 0 {
			break
		}
		m.say("%s", markdownRow(delta(k.DeltaNs), side(k.A, k.ANs), side(k.B, k.BNs), k.Match, markdownText.Replace(k.Role), markdownText.Replace(shorten(rowNames(k), 120))))
	}
	m.say("")
	m.say("</details>")
}
