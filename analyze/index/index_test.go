package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

func TestCallsByCorrelation(t *testing.T) {
	for _, c := range []struct {
		name         string
		correlations []int64
	}{
		{"none", nil}, {"absent", []int64{-1, -1}}, {"dense", []int64{7, 8, -1, 8, 9}}, {"from 0", []int64{0, 1, 2}},
		{"sparse", []int64{1 << 40, 3, 3, 1 << 62}}, {"negative", []int64{-5, 4}}, {"zeros", []int64{0, 0, 3, 0}},
	} {
		x := &Index{}
		for _, n := range c.correlations {
			x.Calls = append(x.Calls, Call{Correlation: n})
		}
		callOf := x.callsByCorrelation()
		for _, n := range append([]int64{-1, 0, 5, 8, 1 << 50}, c.correlations...) {
			want := int32(slices.Index(c.correlations, n))
			if n <= 0 { // no correlation
				want = -1
			}
			if got := callOf(n); got != want {
				t.Errorf("%s: correlation %d is of call %d, want %d", c.name, n, got, want)
			}
		}
	}
}

// TestExternalAsCorrelation: where no correlation is written, a number that each call has for itself is one; one that calls share is an op's.
func TestExternalAsCorrelation(t *testing.T) {
	const call, work = `{"ph":"X","cat":"cuda_runtime","name":"hipLaunchKernel","pid":1,"tid":1,"ts":%d,"dur":2,"args":{"External id":%d}}`,
		`{"ph":"X","cat":"kernel","name":"k","pid":2,"tid":0,"ts":%d,"dur":5,"args":{"External id":%d%s}}`
	for _, test := range []struct {
		name   string
		ids    [3]int
		more   string
		linked int
	}{
		{"of its own", [3]int{24, 25, 26}, "", 3}, {"of an op", [3]int{24, 24, 26}, "", 0}, {"beside correlations", [3]int{24, 25, 26}, `,"correlation":7`, 0},
	} {
		var events []string
		for i, id := range test.ids {
			events = append(events, fmt.Sprintf(call, 10*i, id), fmt.Sprintf(work, 10*i+3, id, test.more))
		}
		tr, err := formats.Read(strings.NewReader(`{"traceEvents":[`+strings.Join(events, ",")+`]}`), "x.json", source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		linked := 0
		for _, g := range New(tr, &Options{}).GPU {
			if g.Call >= 0 {
				linked++
			}
		}
		if linked != test.linked {
			t.Errorf("an external id %s: %d linked, want %d", test.name, linked, test.linked)
		}
	}
}
