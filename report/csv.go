package report

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/analyze"
)

// CSV writes the table that Options.By names, under the names that its columns have in the JSON report: times in ns,
// sizes in bytes, nothing where nothing is known. Without a table it writes all of them as one: the first column,
// section, says which table a row is of, and of the others those are filled that its table has. So every row is as
// long as the first, as readers of CSV want it.
func CSV(w io.Writer, r *analyze.Result, o Options) error {
	if o.By != "" {
		d, err := tableOf(r, o.By)
		if err != nil {
			return err
		}
		d.top(o.Top)
		return writeCSV(w, "", []*dataTable{d})
	}
	var all []*dataTable
	for i := range tables {
		d := tables[i].table(r)
		d.top(o.Top)
		all = append(all, d)
	}
	return writeCSV(w, "section", all)
}

// writeCSV writes tables under the union of their columns; section is the head of the column that tells them apart, ""
// for none.
func writeCSV(w io.Writer, section string, all []*dataTable) error {
	var head []string
	if section != "" {
		head = append(head, section)
	}
	for _, d := range all {
		for _, c := range d.cols {
			if c.name != "" && !slices.Contains(head, c.name) {
				head = append(head, c.name)
			}
		}
	}
	return writeLines(w, head, func(yield func([]string)) {
		for _, d := range all {
			for _, row := range d.rows {
				line := make([]string, len(head))
				if section != "" {
					line[0] = d.name
				}
				for i, c := range d.cols {
					if c.name != "" {
						line[slices.Index(head, c.name)] = rawCell(row[i])
					}
				}
				yield(line)
			}
		}
	})
}

// writeLines writes the CSV of a head and of the lines that each yields.
func writeLines(w io.Writer, head []string, each func(yield func(line []string))) error {
	out := bufio.NewWriter(w)
	lines := csv.NewWriter(out)
	err := lines.Write(head)
	each(func(line []string) { err = cmp.Or(err, lines.Write(line)) })
	lines.Flush()
	if err := cmp.Or(err, lines.Error(), out.Flush()); err != nil {
		return fmt.Errorf("write report as CSV: %w", err)
	}
	return nil
}

// rawCell writes a cell for machines.
func rawCell(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case longName:
		return v.full
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
