package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
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

// TestGaps: the longest gaps of all ranks, longest first, as long as they are.
func TestGaps(t *testing.T) {
	r := &analyze.Result{Kind: analyze.KindGPU, Ranks: []*analyze.Rank{
		{Rank: 0, FirstNs: 1000, Idle: []analyze.Idle{{Longest: []analyze.IdleGap{
			{StartNs: 3000, Ns: 500, Cause: "host", Next: "gemm", During: "aten::mm", DuringNs: 400}, {StartNs: 9000, Ns: 20, Cause: "launch", Next: "k"}}}}},
		{Rank: 1, FirstNs: 2000, Idle: []analyze.Idle{{Device: 1, Longest: []analyze.IdleGap{{StartNs: 2500, Ns: 70, Cause: "host", Sync: true, Next: "k"}}}}},
	}}
	var out bytes.Buffer
	if err := Render(&out, "csv", r, Options{By: "gap"}); err != nil {
		t.Fatal(err)
	}
	want := "rank,device,start_ns,ns,cause,sync,during_ns,next,during\n0,0,3000,500,host,,400,gemm,aten::mm\n1,1,2500,70,host,yes,,k,\n0,0,9000,20,launch,,,k,\n"
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	if err := Render(&out, "text", r, Options{By: "gap"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "2.000 µs  500 ns  host        400 ns  gemm    aten::mm") {
		t.Errorf("%s", out.String())
	}
}
