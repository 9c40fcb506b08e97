package kineto

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/trace"
)

var update = flag.Bool("update", false, "write the table of docs/arguments.md anew")

// argumentTable is the list of arguments as the table of docs/arguments.md.
func argumentTable() string {
	var b strings.Builder
	b.WriteString("| argument | of | value | meaning |\n|---|---|---|---|\n")
	for _, a := range argumentList {
		var of []string
		for _, k := range kindsOfEvents {
			if a.of&k.of != 0 {
				of = append(of, k.name)
			}
		}
		names := "`" + strings.Join(slices.Concat([]string{a.name}, a.also), "`, `") + "`"
		b.WriteString("| " + names + " | " + strings.Join(of, ", ") + " | " + a.field.kind() + " | " + a.doc + " |\n")
	}
	return b.String()
}

// docs/arguments.md has the list as it is.
func TestArgumentsAreDocumented(t *testing.T) {
	const path, begin, end = "../../docs/arguments.md", "<!-- arguments: begin -->\n", "<!-- arguments: end -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks around its table, %q and %q", path, begin, end)
	}
	if old == argumentTable() {
		return
	}
	if !*update {
		t.Fatalf("the table of %s is not what arguments.go says: go test ./trace/kineto -run Documented -update", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+argumentTable()+end+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Each name means one thing to a side table, and what is written is read again.
func TestArgumentsAreToldApart(t *testing.T) {
	seen := map[trace.TableKind]map[string]string{}
	for _, a := range argumentList {
		for _, k := range kindsOfEvents {
			if a.of&k.of == 0 {
				continue
			}
			if seen[k.table] == nil {
				seen[k.table] = map[string]string{}
			}
			for _, name := range slices.Concat([]string{a.name}, a.also) {
				if other, ok := seen[k.table][name]; ok && other != a.name {
					t.Errorf("%s: %q is spelled as %q is", k.name, a.name, other)
				}
				seen[k.table][name] = a.name
			}
		}
		if a.of == 0 || a.doc == "" || strings.HasSuffix(a.doc, ".") {
			t.Errorf("%q: of %b, meaning %q", a.name, a.of, a.doc)
		}
	}
}

// Of each kind of events and each of its arguments: a value that is set is what is written, and is not what stands for
// none.
func TestArgumentsThereAndBack(t *testing.T) {
	values := []string{`7`, `[1, 2, 3]`, `"seven"`, `[[8, 768], []]`, `["float", ""]`}
	for _, a := range argumentList {
		if _, ok := a.field.(written); ok {
			continue
		}
		read := 0
		for _, value := range values {
			s := newScanner(nil)
			r := blank
			r.hasCollective = true // so that its integers are written
			write := func() string {
				list := argList{o: &writer{t: s.t, valid: map[trace.StringID]bool{}}}
				a.field.write(&list, a.name, &r)
				return string(list.b)
			}
			without := write()
			a.field.set(&r, []byte(value), s)
			got := write()
			if got == without {
				continue // not a value of its kind
			}
			var member map[string]json.RawMessage
			if err := json.Unmarshal([]byte("{"+got+"}"), &member); err != nil || len(member) != 1 {
				t.Errorf("%s: %s is written as %s", a.name, value, got)
			}
			if bytes.Equal(member[a.name], []byte(value)) {
				read++
			}
		}
		if read == 0 {
			t.Errorf("%s: none of %q comes back", a.name, values)
		}
	}
}
