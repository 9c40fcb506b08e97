package report

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/inferprof/inferprof/internal/words"
)

// A table is text in columns. Numbers stand right, words left. So that a row fits the page, a column marked as flexible
// gives way down to leastName; then columns that can be spared are left out.
type table struct {
	columns []column
	rows    [][]string
	spare   []string   // heads of columns that may be left out, in the order in which they go
	least   int        // how much of the flexible column is worth more than another column; 0: leastName
	left    []string   // heads of columns that lines left out for want of room
	below   [][]string // of each row, the lines that its prose takes after the first
}

type column struct {
	head string
	kind kind
}

type kind uint8

const (
	number   kind = iota // right
	word                 // left
	flexible             // left, cut in the middle if there is no room
	prose                // left, goes on below if there is no room
)

// leastWord is what a column of words keeps at least.
const leastWord = 8

// leastName is how much of most flexible columns is worth more than another column.
const leastName = 28

// The same of names of kernels, which say what they are at their ends, and of shapes, which are numbers.
const (
	leastKernel = 38
	leastShape  = 24
)

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// lines lays the table out, its heads first. A column that is empty in all rows is left out.
func (t *table) lines(width int) (head string, rows []string) {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		filled := false
		for _, r := range t.rows {
			if r[i] != "" && r[i] != "–" {
				filled = true
			}
			widths[i] = max(widths[i], columns(r[i]))
		}
		if !filled && c.kind < flexible {
			widths[i] = -1
			continue
		}
		widths[i] = max(widths[i], columns(c.head))
	}
	total, flex := -2, -1
	for i, w := range widths {
		if w < 0 {
			continue
		}
		total += w + 2
		if t.columns[i].kind >= flexible {
			flex = i
		}
	}
	give := 0 // columns that the flexible one can do without
	if flex >= 0 {
		give = max(0, widths[flex]-cmp.Or(t.least, leastName))
	}
	t.left = nil
	for _, spare := range t.spare {
		i := slices.IndexFunc(t.columns, func(c column) bool { return c.head == spare })
		if i >= 0 && widths[i] >= 0 && total-give > width {
			total -= widths[i] + 2
			widths[i] = -1
			t.left = append(t.left, spare)
		}
	}
	for total > width { // then the widest words give way, names or not
		widest := -1
		for i, w := range widths {
			if t.columns[i].kind != number && w > leastWord && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest], total = widths[widest]-1, total-1
	}
	if flex >= 0 && t.columns[flex].kind == flexible {
		t.cut(flex, widths[flex])
	}
	line := func(cells []string) string {
		var b strings.Builder
		first := true
		for i, cell := range cells {
			w := widths[i]
			if w < 0 {
				continue
			}
			if !first {
				b.WriteString("  ")
			}
			first = false
			cell = shorten(cell, w)
			pad := strings.Repeat(" ", w-columns(cell))
			if t.columns[i].kind == number {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		return strings.TrimRight(b.String(), " ")
	}
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.head
	}
	t.below = make([][]string, len(t.rows))
	for i, r := range t.rows {
		rest := t.wrap(r, widths)
		rows = append(rows, line(r))
		for _, cells := range rest {
			t.below[i] = append(t.below[i], line(cells))
		}
	}
	return line(heads), rows
}

// wrap leaves the first line of each cell of prose in a row, and returns the rows that its other lines make.
func (t *table) wrap(row []string, widths []int) (rest [][]string) {
	for i, c := range t.columns {
		if c.kind != prose || widths[i] < 0 {
			continue
		}
		lines := wrap("", "", row[i], widths[i])
		row[i] = lines[0]
		for n, l := range lines[1:] {
			if n == len(rest) {
				rest = append(rest, make([]string, len(row)))
			}
			rest[n][i] = l
		}
	}
	return rest
}

// cut shortens a column's cells. Names that would come out the same are cut where they begin to differ instead.
func (t *table) cut(c, width int) {
	same := map[string][]int{}
	for i, r := range t.rows {
		s := shorten(r[c], width)
		same[s] = append(same[s], i)
	}
	for short, rows := range same {
		prefix := t.rows[rows[0]][c]
		differ := false
		for _, i := range rows[1:] {
			differ = differ || t.rows[i][c] != prefix
			prefix = commonPrefix(prefix, t.rows[i][c])
		}
		for _, i := range rows {
			if !differ {
				t.rows[i][c] = short
				continue
			}
			// a third for what they share, the rest for what follows it
			keep := min(columns(prefix), max(4, width/3))
			full, from := []rune(t.rows[i][c]), max(0, columns(prefix)-2)
			from = max(keep, min(from, len(full)-(width-keep-1)))
			t.rows[i][c] = shorten(string(full[:keep])+"…"+string(full[from:]), width)
		}
	}
}

func commonPrefix(a, b string) string {
	x, y := []rune(a), []rune(b)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return string(x[:n])
}

// columns is how wide a text is. Everything that reports write is one column wide.
func columns(s string) int { return utf8.RuneCountInString(s) }

// shorten cuts a text in its middle, where names differ least.
func shorten(s string, width int) string { return words.Shorten(s, width) }

// Columns of words that are not the last.
const mostWord = 22

// text lays a table out for a page. The name, which is last, gives way first; then columns are left out: those that the
// table can spare in its own order, then shapes, words and numbers, of each the last first. under is what stands under each row.
func (d *dataTable) text(rows int) (t *table, under []string) {
	t = &table{spare: slices.Clone(d.spare)}
	shown := d.shown()
	last := len(shown) - 1
	for n, i := range shown {
		c := column{d.cols[i].head, number}
		if u := d.cols[i].unit; !u.isNumber() {
			c.kind = word
			switch {
			case u == unitText:
				c.kind = prose
			case n == last:
				c.kind = flexible
			}
			t.least = cmp.Or(d.least, map[unit]int{unitKernel: leastKernel, unitShape: leastShape}[u])
		}
		t.columns = append(t.columns, c)
	}
	for _, goes := range []func(u unit) bool{
		func(u unit) bool { return u == unitShape }, func(u unit) bool { return u == unitWord }, unit.isNumber,
	} {
		for n := last; n > 3; n-- {
			if t.columns[n].kind < flexible && goes(d.cols[shown[n]].unit) && !slices.Contains(t.spare, t.columns[n].head) {
				t.spare = append(t.spare, t.columns[n].head)
			}
		}
	}
	units := d.units(shown, rows)
	for _, row := range d.rows[:rows] {
		cells, below := make([]string, len(shown)), ""
		for n, i := range shown {
			cells[n] = padUnit(d.cols[i].unit.format(row[i]), units[n])
			if u := d.cols[i].unit; n < last && (u == unitOp || u == unitName || u == unitKernel) {
				cells[n] = shorten(cells[n], mostWord)
			}
			if name, ok := row[i].(longName); ok && name.instead != "" {
				below = "in place of " + name.instead
			}
		}
		t.add(cells...)
		under = append(under, below)
	}
	return t, under
}

// constant takes those columns out of left that say the same in every row, and returns what they say: rank 0.
func (t *table) constant() (same []string) {
	if len(t.rows) < 2 {
		return nil
	}
	t.left = slices.DeleteFunc(t.left, func(head string) bool {
		i := slices.IndexFunc(t.columns, func(c column) bool { return c.head == head })
		cell := t.rows[0][i]
		if slices.ContainsFunc(t.rows, func(r []string) bool { return r[i] != cell }) {
			return false
		}
		same = append(same, head+" "+strings.TrimSpace(cell))
		return true
	})
	return same
}

// only is the table of some columns, by their heads, and of what its rows are: the name at their end, or else what they begin with.
func (d *dataTable) only(heads []string) *dataTable {
	shown := d.shown()
	what := shown[len(shown)-1]
	if u := d.cols[what].unit; u.isNumber() || u == unitWord {
		what = shown[0]
	}
	out := *d
	out.cols, out.rows, out.spare, out.bars = nil, make([][]any, len(d.rows)), nil, nil
	for _, i := range shown {
		if i != what && !slices.Contains(heads, d.cols[i].head) {
			continue
		}
		out.cols = append(out.cols, d.cols[i])
		for n, row := range d.rows {
			out.rows[n] = append(out.rows[n], row[i])
		}
	}
	return &out
}

// units is how wide the widest unit of each column of numbers is.
func (d *dataTable) units(shown []int, rows int) []int {
	out := make([]int, len(shown))
	for n, i := range shown {
		for _, row := range d.rows[:rows] {
			if u := d.cols[i].unit; u.isNumber() && u != unitNumber { // those of several kinds do not line up anyway
				_, unit := cutUnit(d.cols[i].unit.format(row[i]))
				out[n] = max(out[n], columns(unit))
			}
		}
	}
	return out
}

// cutUnit parts a number from its unit; "" if it has none.
func cutUnit(cell string) (number, unit string) {
	if i := strings.LastIndexByte(cell, ' '); i >= 0 {
		return cell[:i], cell[i+1:]
	}
	return cell, ""
}

// padUnit makes the unit of a number so wide that numbers above each other line up.
func padUnit(cell string, width int) string {
	number, unit := cutUnit(cell)
	if unit == "" || columns(unit) >= width {
		return cell
	}
	return number + strings.Repeat(" ", 1+width-columns(unit)) + unit
}
