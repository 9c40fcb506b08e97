package analyze

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/metrics.md defines every number of a result's JSON, says of each how exact it is, and has no others.
func TestMetricsAreDocumented(t *testing.T) {
	fields := map[string]bool{}
	numbers(reflect.TypeFor[Result](), "", fields)

	text, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]bool{}
	section := ""
	name := regexp.MustCompile("`([a-z0-9_.]+)`")
	for line := range strings.Lines(string(text)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
			continue
		}
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "∣"), " | ")
		if len(cells) != 4 || !strings.HasPrefix(cells[0], "| `") {
			continue
		}
		exactness := strings.TrimSuffix(strings.TrimSpace(cells[3]), " |")
		if !slices.Contains([]string{"exact", "inferred", "estimated", "as that number"}, exactness) {
			t.Errorf("%s: %s is %q", section, cells[0], exactness)
		}
		for _, m := range name.FindAllStringSubmatch(cells[0], -1) {
			path := section + "." + m[1]
			if defined[path] {
				t.Errorf("%s is defined twice", path)
			}
			if defined[path] = true; !fields[path] {
				t.Errorf("%s is no number of a result", path)
			}
		}
	}
	for path := range fields {
		if !defined[path] {
			t.Errorf("docs/metrics.md does not define %s", path)
		}
	}
}

// numbers collects the JSON numbers of a type by section and name: "time.busy_ns" whether it is the result's or a rank's,
// "result.devices" and "ranks.events" of those themselves.
func numbers(of reflect.Type, section string, into map[string]bool) {
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous {
			numbers(field.Type, section, into)
		}
		if name == "" || name == "-" {
			continue
		}
		kind := field.Type
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
			kind = kind.Elem()
		}
		path := strings.TrimPrefix(section+"."+name, ".")
		switch {
		case name == "frontends": // in the form of ranks
		case name == "ranks" && kind.Kind() == reflect.Struct:
			ranks := map[string]bool{}
			numbers(kind, "", ranks)
			for p := range ranks {
				p, own := strings.CutPrefix(p, "result.")
				if own || strings.HasPrefix(p, "windows.") || strings.HasPrefix(p, "host_windows.") || strings.HasPrefix(p, "damage.") {
					p = "ranks." + p
				}
				into[p] = true
			}
		case kind.Kind() == reflect.Struct:
			numbers(kind, path, into)
		case kind.Kind() >= reflect.Int && kind.Kind() <= reflect.Float64:
			if section == "" {
				path = "result." + name
			}
			into[path] = true
		}
	}
}
