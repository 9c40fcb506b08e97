package inferprof_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/inferprof/inferprof"

// A room is a package and all that lies below it, as far as that is not a room of its own.
type room struct {
	path      string
	mayImport []string // packages of ours; with /... behind it, a package and all below it. anything: whatever lies below
}

// anything is for rooms at the top.
var anything = []string{"/..."}

// onTraces is for what makes results of traces: no files, no engines, but the rooms named.
func onTraces(rooms ...string) []string { return append(rooms, "trace", "internal/...") }

// floors are the house from the top: an import goes to a lower floor, or stays in its room.
var floors = [][]room{
	{
		{"cmd", anything},
		{".", anything}, // the library's front door
		{"bench", anything},
	},
	{
		{"serve", []string{"engine", "engine/native", "sampling", "internal/..."}},
		{"sweep", []string{"capture/ondisk", "engine", "profile", "internal/..."}},
		{"doctor", []string{"capture/ondisk", "engine", "engine/python", "engine/server", "llm/tensor", "internal/..."}},
		{"capture", []string{"capture/ondisk", "capture/collect", "engine", "sampling", "trace/...", "internal/..."}},
	},
	{
		{"report", []string{"analyze/...", "trace", "internal/..."}},
		{"profile", []string{"analyze/...", "capture/ondisk", "engine", "trace/...", "internal/..."}},
		{"capture/collect", []string{"capture/ondisk", "engine", "trace/...", "internal/..."}}, // it collects for every engine, and knows none
	},
	{
		{"engine/native", []string{"engine", "llm/...", "sampling", "trace/...", "internal/..."}},
		{"engine/python", []string{"engine", "sampling", "internal/..."}},
		{"engine/server", []string{"engine", "sampling", "trace/...", "internal/..."}},
		{"engine/enginetest", []string{"engine"}}, // a fake engine, which only tests may import
		{"workload", []string{"engine", "sampling"}},
		{"capture/ondisk", []string{"engine", "sampling", "trace/...", "internal/..."}}, // a capture where nobody makes one
	},
	{
		{"engine", []string{"sampling", "internal/..."}},
		{"analyze/compare", onTraces("analyze/...")},
	},
	{{"analyze/findings", onTraces("analyze/...")}},
	{{"analyze", onTraces("analyze/...")}},
	{{"analyze/iterations", onTraces("analyze/integrity", "analyze/ranks", "analyze/graphs", "analyze/device", "analyze/index", "analyze/categories")}},
	{{"analyze/integrity", onTraces("analyze/ranks", "analyze/device", "analyze/index", "analyze/categories")}},
	{{"analyze/ranks", onTraces("analyze/graphs", "analyze/host", "analyze/roofline", "analyze/device", "analyze/index", "analyze/categories")}},
	{
		{"analyze/graphs", onTraces("analyze/roofline", "analyze/index")},
		{"analyze/host", onTraces("analyze/device", "analyze/index", "analyze/categories")},
	},
	{
		{"analyze/roofline", onTraces("analyze/index", "analyze/categories")},
		{"analyze/device", onTraces("analyze/index", "analyze/categories")},
	},
	{{"analyze/index", onTraces("analyze/categories")}},
	{{"analyze/categories", nil}},
	{{"trace/formats", []string{"trace/...", "internal/..."}}},
	{
		{"trace/kineto", []string{"trace", "trace/source", "internal/..."}},
		{"trace/autograd", []string{"trace", "trace/source", "internal/..."}},
	},
	{{"trace/source", []string{"trace", "internal/..."}}},
	{{"trace", nil}},
	{{"llm", []string{"sampling"}}},
	{
		{"sampling", nil},
		{"internal", nil},
	},
}

// No import runs up the floors. Tests may import more than the code that they test.
func TestImportsPointDownTheFlow(t *testing.T) {
	err := filepath.WalkDir(".", func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && skipDirectory(file, e.Name()):
			return filepath.SkipDir
		case e.IsDir(), !strings.HasSuffix(file, ".go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(file))
		if mine, _ := roomOf(from); mine == nil {
			t.Errorf("%s is in no room: give it a floor in imports_test.go", file)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			to, ours := strings.CutPrefix(imported, module+"/")
			if imported == module {
				to, ours = ".", true
			}
			if !ours {
				continue
			}
			if problem := refuse(from, to, strings.HasSuffix(file, "_test.go")); problem != "" {
				t.Errorf("%s imports %s: %s", file, to, problem)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// skipDirectory passes over what is not compiled into this module: hidden folders, test data and modules of their own.
func skipDirectory(dir, name string) bool {
	if dir == "." {
		return false
	}
	goMod, err := filepath.Glob(filepath.Join(dir, "go.mod"))
	return strings.HasPrefix(name, ".") || name == "testdata" || err == nil && len(goMod) > 0
}

// refuse says why package from may not import package to, or "" if it may.
func refuse(from, to string, inTest bool) string {
	mine, my := roomOf(from)
	other, its := roomOf(to)
	switch {
	case within(to, "cmd"):
		return "a command is imported by nobody"
	case inTest:
		return ""
	case within(to, "engine/enginetest"), within(to, "trace/tracetest"), within(to, "analyze/findings/plants"):
		return "what is faked or made by hand is for tests"
	case mine == nil:
		return fmt.Sprintf("%s has no floor in imports_test.go", from)
	case other == nil:
		return fmt.Sprintf("%s has no floor in imports_test.go", to)
	case mine == other:
		return ""
	case isFormat(other.path) && to == other.path && mine.path != "trace/formats":
		return "the list in trace/formats is where a format is named, and nowhere else"
	case its <= my:
		return fmt.Sprintf("%s is on floor %d and %s on floor %d from the top: imports go down", mine.path, my, other.path, its)
	}
	for _, allowed := range mine.mayImport {
		if tree, ok := strings.CutSuffix(allowed, "/..."); to == allowed || ok && within(to, tree) {
			return ""
		}
	}
	return fmt.Sprintf("of ours %s may import only %q", mine.path, mine.mayImport)
}

// roomOf finds the room that a package lies in, the smallest of those around it, and its floor counted from the top, 1 being
// the highest. There may be none: nil.
func roomOf(pkg string) (of *room, floor int) {
	for i, rooms := range floors {
		for j := range rooms {
			r := &rooms[j]
			if (pkg == r.path || r.path != "." && within(pkg, r.path)) && (of == nil || len(r.path) > len(of.path)) {
				of, floor = r, i+1
			}
		}
	}
	return of, floor
}

// isFormat tells whether a room is a format's: what lies in trace, but for the door and the list.
func isFormat(room string) bool {
	return path.Dir(room) == "trace" && room != "trace/source" && room != "trace/formats"
}

// within tells whether a package is a tree's or lies in it. All lie in the tree without a name.
func within(pkg, tree string) bool {
	return tree == "" || pkg == tree || strings.HasPrefix(pkg, tree+"/")
}

func TestRefuse(t *testing.T) {
	const code, test = false, true
	for _, c := range []struct {
		from, to string
		inTest   bool
		refused  string // a part of why; "" if it is allowed
	}{
		{"trace", "analyze", code, "imports go down"},
		{"trace", "internal/atomicfile", code, "may import only"},
		{"trace", "trace/source", code, "imports go down"},
		{"trace/source", "trace/kineto", code, "list"},
		{"trace/kineto", "trace", code, ""},
		{"trace/kineto", "trace/source", code, ""},
		{"trace/kineto", "trace/formats", code, "imports go down"},
		{"trace/kineto", "trace/formats", test, ""},
		{"trace/kineto", "trace/autograd", code, "list"},
		{"trace/kineto", "internal/atomicfile", code, ""},
		{"trace/source", "trace/source/internal/inflate", code, ""},
		{"trace/formats", "trace/kineto", code, ""},
		{"analyze", "trace", code, ""},
		{"analyze", "trace/kineto", code, "list"},
		{"analyze", "trace/formats", code, "may import only"},
		{"analyze", "report", code, "imports go down"},
		{"analyze", "report", test, ""},
		{"analyze", "analyze/index", code, ""},
		{"analyze/index", "analyze", code, "imports go down"},
		{"analyze/findings", "analyze", code, ""},
		{"analyze/findings", "analyze/compare", code, "imports go down"},
		{"report", "profile", code, "imports go down"}, // the same floor
		{"profile", "report", code, "imports go down"},
		{"cmd/inferprof", "profile", code, ""},
		{".", "profile", code, ""},
		{"capture", "profile", code, "may import only"},
		{"serve", "profile", code, "may import only"},
		{"analyze/findings", "profile", code, "imports go down"},
		{"profile", "analyze/compare", code, ""},
		{"profile", "capture", code, "imports go down"},
		{"profile", "capture/ondisk", code, ""},
		{"capture/ondisk", "capture", code, "imports go down"},
		{"capture", "capture/ondisk", code, ""},
		{"capture", "capture/collect", code, ""},
		{"capture/collect", "engine", code, ""},
		{"capture/collect", "engine/server", code, "may import only"},
		{"engine/server", "capture/collect", code, "imports go down"},
		{"llm/model", "llm/tensor", code, ""},
		{"llm/model", "trace", code, "imports go down"},
		{"llm/sample", "sampling", code, ""},
		{"sampling", "llm/sample", code, "imports go down"},
		{"llm/tensor", "internal/host", code, "may import only"},
		{"internal/host", "internal/version", code, ""},
		{"internal/host", "sampling", code, "imports go down"},
		{"engine", "sampling", code, ""},
		{"engine", "llm", code, "may import only"},
		{"engine/enginetest", "engine", code, ""},
		{"engine/native/demo", "llm/model", code, ""},
		{"engine/native", "trace/formats", code, ""},
		{"engine/native", "trace/kineto", code, "list"},
		{"cmd/inferprof", "trace/kineto", code, "list"},
		{"cmd/inferprof", "trace/kineto", test, ""},
		{"cmd/inferprof", "trace/kineto/gen", code, ""},
		{"engine/server", "workload", code, "imports go down"},
		{"capture", "engine", code, ""},
		{"capture", "engine/native", code, "may import only"},
		{"capture", "report", code, "may import only"},
		{"capture", "engine/enginetest", code, "for tests"},
		{"capture", "engine/enginetest", test, ""},
		{"analyze/index", "trace/tracetest", code, "for tests"},
		{"analyze/index", "trace/tracetest", test, ""},
		{"analyze/findings", "analyze/findings/plants", code, "for tests"},
		{"profile", "analyze/findings/plants", code, "for tests"},
		{"analyze/compare", "analyze/findings/plants", test, ""},
		{"serve", "capture", code, "imports go down"},
		{"novel", "trace", code, "no floor"},
		{"cmd/inferprof", "novel", code, "no floor"},
		{".", "cmd/inferprof", test, "imported by nobody"},
		{".", "engine/native", code, ""},
		{"cmd/inferprof", "report", code, ""},
		{"engine", ".", code, "imports go down"},
	} {
		problem := refuse(c.from, c.to, c.inTest)
		if (problem == "") != (c.refused == "") || !strings.Contains(problem, c.refused) {
			t.Errorf("%s imports %s (test %t): %q, want %q", c.from, c.to, c.inTest, problem, c.refused)
		}
	}
}

// What a room may import lies below it: a rule that allows what another forbids misleads.
func TestRulesOfImports(t *testing.T) {
	for _, rooms := range floors {
		for _, r := range rooms {
			for _, allowed := range r.mayImport {
				to := strings.TrimSuffix(allowed, "/...")
				if to == "" {
					continue
				}
				if problem := refuse(r.path, to, false); problem != "" {
					t.Errorf("%s may import %s, but: %s", r.path, allowed, problem)
				}
			}
		}
	}
}

// The table in docs/architecture.md is this file's, and the rooms and files that the page names are there.
func TestImportsAsDocumented(t *testing.T) {
	const page = "docs/architecture.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]string{} // what the page says of a room
	var have []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if _, err := strconv.Atoi(strings.TrimSpace(cells[0])); err == nil && len(cells) == 4 {
			have = append(have, strings.TrimSpace(line))
			about[strings.Trim(cells[1], "`")] = cells[2]
		}
	}
	var want []string
	for i, rooms := range floors {
		for _, r := range rooms {
			what := about[r.path]
			if what == "" {
				t.Errorf("%s does not say what %s is", page, r.path)
				what = "?"
			}
			want = append(want, fmt.Sprintf("| %d | `%s` | %s | %s |", i+1, r.path, what, r.imports()))
		}
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s has another table than this file, which would have it\n%s", page, strings.Join(want, "\n"))
	}
	for _, m := range regexp.MustCompile("`([a-z0-9_]+/[a-z0-9_/]*(\\.go)?)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
			t.Errorf("%s names what is not there: %v", page, err)
		}
	}
}

// imports are what a room may import, as the page says it.
func (r *room) imports() string {
	switch {
	case r.mayImport == nil:
		return "nothing"
	case slices.Equal(r.mayImport, anything):
		return "everything below"
	}
	var names []string
	for _, m := range r.mayImport {
		names = append(names, "`"+strings.Replace(m, "/...", "/…", 1)+"`")
	}
	return strings.Join(names, ", ")
}
