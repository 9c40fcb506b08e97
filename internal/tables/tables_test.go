package tables

import (
	"slices"
	"testing"
)

func TestMerge(t *testing.T) {
	type row struct {
		name string
		n    int
	}
	merge := func(tables ...[]row) []row {
		return Merge(func(r *row) string { return r.name }, func(sum, r *row) { sum.n += r.n }, tables...)
	}
	first, second := []row{{"b", 1}, {"a", 2}, {"b", 3}}, []row{{"c", 4}, {"a", 5}}
	if got, want := merge(first, nil, second), []row{{"b", 4}, {"a", 7}, {"c", 4}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if want := []row{{"b", 1}, {"a", 2}, {"b", 3}}; !slices.Equal(first, want) {
		t.Errorf("a table became %v", first)
	}
	if got := merge(nil, nil); got != nil {
		t.Errorf("nothing is %v", got)
	}
}
