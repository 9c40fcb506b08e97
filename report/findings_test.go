package report

import (
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// A finding carries the marks of the problems that its numbers have, on the ranks that it is about.
func TestFindingsCarryMarks(t *testing.T) {
	r := &analyze.Result{Problems: []analyze.Problem{
		{ID: "damaged", Severity: analyze.SeverityError, Rank: 1, Affects: []string{"time", "steps"}},
		{ID: "unlinked", Severity: analyze.SeverityWarning, Rank: analyze.AllRanks, Affects: []string{"steps", "launch"}},
		{ID: "one_long_gap", Severity: analyze.SeverityNote, Rank: 1, Affects: []string{"time"}},
		{ID: "rank_lost_work", Severity: analyze.SeverityError, Rank: 2, Affects: []string{"kernels", "collectives"}},
	}}
	on := func(rank int) []analyze.EventRef { return []analyze.EventRef{{Rank: rank}} }
	for _, c := range []struct {
		f    analyze.Finding
		want string
	}{
		{analyze.Finding{RestsOn: []string{"time"}, Events: on(1)}, "†1"},
		{analyze.Finding{RestsOn: []string{"time"}}, "†1"},
		{analyze.Finding{RestsOn: []string{"time", "steps"}, Events: on(0)}, "†2"},
		{analyze.Finding{RestsOn: []string{"steps"}, Events: on(1)}, "†1,2"},
		{analyze.Finding{RestsOn: []string{"memory"}, Events: on(1)}, ""},
		{analyze.Finding{RestsOn: []string{"collectives"}, Events: on(0)}, "†3"}, // who waited for whom, all ranks say
		{analyze.Finding{RestsOn: []string{"kernels"}, Events: on(0)}, ""},
	} {
		if got := findingMark(notices(r), &c.f); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}
