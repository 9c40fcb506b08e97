package ondisk

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/engine/enginetest"
)

// TestVerifyKilledRun: what lies in the directory of a capture that was killed is whole only if every rank has its trace,
// and nothing is proved where nobody had counted the ranks yet.
func TestVerifyKilledRun(t *testing.T) {
	trace := func(rank int) string { return string(enginetest.Trace(rank, 2, 1)) } // of a world of two
	const frontEnd, alone = "vm_1.async_llm.7.pt.trace.json", `{"traceEvents":[{"ph":"X","cat":"user_annotation","ts":1,"dur":2,"name":"a"}]}`
	for _, c := range []struct {
		name     string
		expected int
		files    map[string]string
		missing  []string // problems of what is missing, in part
		others   []Verdict
	}{
		{"nothing", 0, nil, []string{"interrupted: killed"}, nil},
		{"nothing of two", 2, nil, []string{"rank 0", "rank 1"}, nil},
		{"an API server's alone", 0, map[string]string{frontEnd: alone}, []string{"no trace of a rank"}, []Verdict{Whole}},
		{"an API server's, of one rank", 1, map[string]string{frontEnd: alone}, []string{"rank 0"}, []Verdict{Whole}},
		{"one of an unknown number", 0, map[string]string{"rank0.json": trace(0)}, []string{"rank 1", "how many more ranks"}, []Verdict{Whole}},
		{"all of an unknown number", 0, map[string]string{"rank0.json": trace(0), "rank1.json": trace(1)},
			[]string{"how many more ranks"}, []Verdict{Whole, Whole}},
		{"one of two", 2, map[string]string{"rank1.json": trace(1), frontEnd: alone}, []string{"rank 0"}, []Verdict{Whole, Whole}},
		{"of a world larger than was known", 1, map[string]string{"rank0.json": trace(0)}, []string{"rank 1"}, []Verdict{Whole}},
		{"a damaged one", 2, map[string]string{"rank0.json": trace(0), "rank1.pt.trace.json": trace(1)[:99]}, nil, []Verdict{Whole, Damaged}},
		{"all", 2, map[string]string{"rank0.json": trace(0), "rank1.json": trace(1), frontEnd: alone}, nil, []Verdict{Whole, Whole, Whole}},
		{"all of the second node", 2, map[string]string{"rank2.json": string(enginetest.Trace(2, 2, 1)), "rank3.json": string(enginetest.Trace(3, 2, 1))}, nil, []Verdict{Whole, Whole}},
		{"one of the second node", 2, map[string]string{"rank3.json": string(enginetest.Trace(3, 2, 1))}, []string{"rank 2"}, []Verdict{Whole}},
		{"one that tells no rank", 1, map[string]string{"a.json": alone}, nil, []Verdict{Whole}},
		{"more than anybody has", 1 << 30, map[string]string{"rank7.json": trace(7)},
			append(slices.Repeat([]string{"no trace of rank"}, mostAbsent), "from 257 to 1073741823"), []Verdict{Whole}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{ManifestName: fmt.Sprintf(
				`{"schema_version":1,"status":"interrupted","error":"killed","ranks":{"expected":%d},"files":[]}`, c.expected)}
			maps.Copy(files, c.files)
			all, err := OpenAll(put(t, files))
			if err != nil || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			got, err := all[0].Verify(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var verdicts []Verdict
			var problems []string
			for _, f := range got {
				if f.Verdict == Missing {
					problems = append(problems, f.Problem)
				} else {
					verdicts = append(verdicts, f.Verdict)
				}
			}
			if diff := cmp.Diff(c.others, verdicts); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			if !slices.EqualFunc(problems, c.missing, strings.Contains) {
				t.Errorf("missing: %q, want %q", problems, c.missing)
			}
		})
	}
}
