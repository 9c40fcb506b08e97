package report

import (
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"
)

// markup builds HTML and SVG. Every string among the arguments is escaped, so that a kernel's name can be no tag;
// template.HTML, which is markup already, is not.
type markup struct{ b strings.Builder }

// add writes a format with escaped arguments. Attributes stand in double quotes.
func (m *markup) add(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = html.EscapeString(a)
		case template.HTML:
			args[i] = string(a)
		case float64:
			args[i] = decimal(a)
		}
	}
	fmt.Fprintf(&m.b, format, args...)
}

func (m *markup) html() template.HTML { return template.HTML(m.b.String()) }

// decimal writes a coordinate with at most three decimals.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// part is a share of a whole in percent, as coordinates want it.
func part(v, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return 100 * float64(v) / float64(whole)
}
