package findings

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// What a rule rests on is a part of a result, by its name in JSON, and the rule is one that there is.
func TestPartsOfRules(t *testing.T) {
	var parts []string
	for _, of := range []any{analyze.Result{}, analyze.Rank{}} {
		for f := range reflect.TypeOf(of).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			parts = append(parts, name)
		}
	}
	for id, of := range restsOn {
		if !slices.ContainsFunc(registry, func(r rule) bool { return r.id == id }) {
			t.Errorf("there is no rule %s", id)
		}
		for _, p := range of {
			if !slices.Contains(parts, p) {
				t.Errorf("%s rests on %q, which no result has", id, p)
			}
		}
	}
}
