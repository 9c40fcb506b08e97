package ondisk

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// docs/capture.md describes every field of the files, and no other.
func TestFieldsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/capture.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, value := range map[string]any{"## " + ManifestName: Manifest{}, "## " + RequestsName: RequestRecord{}} {
		_, section, ok := strings.Cut(string(text), heading+"\n")
		if !ok {
			t.Errorf("no section %q", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		inFile := map[string]bool{}
		jsonFields(reflect.TypeOf(value), "", inFile)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(inFile)), documented(section)); diff != "" {
			t.Errorf("%s (-in the file +documented):\n%s", heading, diff)
		}
	}
}

var code = regexp.MustCompile("`([^`]+)`")

// documented lists the fields named in the first column of a section's table. "… …" speaks of several, and "throughput"
// of the object whose fields follow.
func documented(section string) []string {
	var fields []string
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		column := strings.Split(line, "|")[1]
		for _, m := range code.FindAllStringSubmatch(column, -1) {
			fields = append(fields, m[1])
		}
	}
	fields = slices.DeleteFunc(fields, func(f string) bool { return f == "throughput" })
	slices.Sort(fields)
	return fields
}

// jsonFields collects the paths of a type's leaves as encoding/json spells them.
func jsonFields(t reflect.Type, path string, fields map[string]bool) {
	switch {
	case t.Kind() == reflect.Pointer:
		jsonFields(t.Elem(), path, fields)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Int: // ranks.found: a list of plain numbers
		fields[path] = true
	case t.Kind() == reflect.Slice:
		jsonFields(t.Elem(), path+"[]", fields)
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "-" {
				jsonFields(field.Type, strings.TrimPrefix(path+"."+name, "."), fields)
			}
		}
	default:
		fields[path] = true
	}
}
