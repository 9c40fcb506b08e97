package inferprof_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/inferprof/inferprof"

// mayImport says which packages of ours those of a room may import besides their own room's: a name stands for that
// package alone, with /... behind it for all below it too. A package is ruled by the longest room that it lies in.
// Packages without a rule, the command line and the library's front door, may import everything.
var mayImport = map[string][]string{
	"trace":             {},
	"trace/kineto":      {"trace", "internal/..."},
	"analyze":           {"trace"},
	"report":            {"analyze/...", "trace"},
	"llm":               {},
	"engine":            {"llm/sample"},
	"engine/native":     {"engine", "llm/...", "trace/...", "internal/..."},
	"engine/server":     {"engine", "trace/...", "internal/..."},
	"serve":             {"engine", "engine/native", "llm/sample", "internal/..."},
	"engine/python":     {"engine", "llm/sample", "internal/..."},
	"workload":          {"engine", "llm/sample"},
	"capture":           {"capture/ondisk", "engine", "llm/sample", "trace/...", "internal/..."},
	"capture/ondisk":    {"engine", "llm/sample", "trace/...", "internal/..."}, // what a capture is where nobody makes one
	"internal":          {},
	"engine/enginetest": {"engine"}, // a fake engine, which only tests may import
}

// Data flows one way: engine, trace, capture, analysis, rendering. Tests may import more than the code that they test.
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
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			to, ours := strings.CutPrefix(imported, module+"/")
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
	room := roomOf(from)
	switch {
	case within(to, "cmd"):
		return "a command is imported by nobody"
	case inTest:
		return ""
	case within(to, "engine/enginetest"):
		return "a fake engine is for tests"
	case room == "" || roomOf(to) == room:
		return ""
	}
	for _, allowed := range mayImport[room] {
		if tree, ok := strings.CutSuffix(allowed, "/..."); to == allowed || ok && within(to, tree) {
			return ""
		}
	}
	return fmt.Sprintf("of ours %s may import only %q", room, mayImport[room])
}

// roomOf finds the room with a rule that a package lies in, "" if there is none.
func roomOf(pkg string) string {
	for p := pkg; p != "." && p != "/"; p = path.Dir(p) {
		if _, ok := mayImport[p]; ok {
			return p
		}
	}
	return ""
}

func within(pkg, tree string) bool { return pkg == tree || strings.HasPrefix(pkg, tree+"/") }

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		from, to string
		inTest   bool
		ok       bool
	}{
		{"trace", "analyze", false, false},
		{"trace", "internal/atomicfile", false, false},
		{"trace/kineto", "trace", false, true},
		{"trace/kineto", "internal/atomicfile", false, true},
		{"trace/kineto", "analyze", false, false},
		{"analyze", "trace", false, true},
		{"analyze", "trace/kineto", false, false},
		{"analyze", "report", false, false},
		{"analyze", "report", true, true},
		{"llm/model", "llm/tensor", false, true},
		{"llm/model", "trace", false, false},
		{"llm/tensor", "internal/host", false, false},
		{"engine", "llm/sample", false, true},
		{"engine", "llm", false, false},
		{"engine/native/demo", "llm/model", false, true},
		{"engine/native", "trace/kineto", false, true},
		{"capture", "engine", false, true},
		{"capture", "engine/native", false, false},
		{"capture", "capture/ondisk", false, true},
		{"capture/ondisk", "capture", false, false},
		{"capture", "report", false, false},
		{"capture", "engine/enginetest", false, false},
		{"capture", "engine/enginetest", true, true},
		{".", "cmd/inferprof", true, false},
		{"cmd/inferprof", "report", false, true},
	} {
		if problem := refuse(c.from, c.to, c.inTest); (problem == "") != c.ok {
			t.Errorf("%s imports %s (test %t): %q, allowed should be %t", c.from, c.to, c.inTest, problem, c.ok)
		}
	}
}
