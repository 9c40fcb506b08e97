package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// TestTablesAgree: CSV and JSON of every table have the same cells, and the text has every row.
func TestTablesAgree(t *testing.T) {
	for name, r := range results(t) {
		for _, by := range Tables() {
			var asCSV, asJSON, asText bytes.Buffer
			for format, out := range map[string]*bytes.Buffer{"csv": &asCSV, "json": &asJSON, "text": &asText} {
				if err := Render(out, format, r, Options{By: by}); err != nil {
					t.Fatal(err)
				}
			}
			lines, err := csv.NewReader(&asCSV).ReadAll()
			if err != nil {
				t.Fatalf("%s by %s: %v", name, by, err)
			}
			var parsed struct{ Rows []map[string]any }
			d := json.NewDecoder(&asJSON)
			d.UseNumber()
			if err := d.Decode(&parsed); err != nil {
				t.Fatalf("%s by %s: %v", name, by, err)
			}
			if len(parsed.Rows) != len(lines)-1 {
				t.Fatalf("%s by %s: %d rows in JSON, %d in CSV", name, by, len(parsed.Rows), len(lines)-1)
			}
			for i, row := range parsed.Rows {
				for c, column := range lines[0] {
					want := ""
					switch v := row[column].(type) {
					case string:
						want = v
					case json.Number:
						want = v.String()
					}
					if got := lines[i+1][c]; got != want {
						t.Fatalf("%s by %s: row %d, %s: %q in CSV, %q in JSON", name, by, i, column, got, want)
					}
				}
			}
		}
	}
}

// TestCSVSums: the kernels of a CSV come to what the result says, and hostile names come back as they were.
func TestCSVSums(t *testing.T) {
	hostile := "a<b>,\"c\"\n&'d'"
	r := &analyze.Result{Kind: analyze.KindGPU, Kernels: []analyze.Kernel{{Name: hostile, ExclusiveNs: 7}, {Name: "k", ExclusiveNs: 5}}}
	var out bytes.Buffer
	if err := CSV(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	exclusive, kernel := slices.Index(lines[0], "exclusive_ns"), slices.Index(lines[0], "kernel")
	sum := 0
	for _, l := range lines[1:] {
		n, _ := strconv.Atoi(l[exclusive])
		sum += n
	}
	if sum != 12 || lines[0][0] != "section" || lines[1][kernel] != hostile {
		t.Errorf("sum %d: %q", sum, lines)
	}
}

func TestUnknownTable(t *testing.T) {
	for _, format := range []string{"text", "json", "csv"} {
		if err := Render(&bytes.Buffer{}, format, &analyze.Result{}, Options{By: "kernels"}); err == nil {
			t.Errorf("%s: no error", format)
		}
	}
}
