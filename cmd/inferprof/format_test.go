package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAFormatIsOneFileAndOneLine builds the program with one file and one line of the list of formats more than there are,
// and shows that every verb that reads traces reads those.
func TestAFormatIsOneFileAndOneLine(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go to build the program with")
	}
	program := buildWithToy(t)
	dir := t.TempDir()
	const (
		quick = "toy trace\nuser_annotation ProfilerStep#1 0 1000\ncpu_op aten::mm 0 300\nkernel gemm_kernel 400 500\n" +
			"user_annotation ProfilerStep#2 1000 1000\ncpu_op aten::mm 1000 300\nkernel gemm_kernel 1400 500\n"
		damaged = quick + "one line too short\n" + "two words\n"
	)
	slow := strings.ReplaceAll(quick, "400 500", "400 550")
	for name, text := range map[string]string{"a/rank0.toy": quick, "b/rank0.toy": slow, "damaged.toy": damaged} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		stdin string
		args  string
		fails bool
		want  []string // in the output
	}{
		{"", "report a/rank0.toy", false, []string{"GPU", "gemm_kernel", "1.000 ms"}},
		{"", "report a", false, []string{"gemm_kernel"}}, // a directory, in which the name tells what is a trace
		{quick, "report -", false, []string{"gemm_kernel"}},
		{"", "report damaged.toy", false, []string{"the file is damaged"}},
		{"", "verify a", false, []string{"whole", "rank0.toy", "6 events", "2 steps"}},
		{quick, "verify -", false, []string{"whole"}},
		{"", "verify damaged.toy", true, []string{"damaged"}},
		{"", "cut a --only kernel -o small.toy", false, []string{"small.toy", "2 of 6 events"}},
		{"", "verify small.toy", false, []string{"whole", "2 events"}},
		{"", "cut a --steps 1 -o kineto.json.gz", false, []string{"kineto.json.gz"}}, // another format's name
		{"", "report kineto.json.gz", false, []string{"gemm_kernel"}},
		{"", "compare a b", false, []string{"gemm_kernel"}},
	} {
		command := exec.Command(program, strings.Fields(c.args)...)
		command.Dir, command.Stdin = dir, strings.NewReader(c.stdin)
		out, err := command.CombinedOutput()
		if (err != nil) != c.fails {
			t.Errorf("inferprof %s: %v\n%s", c.args, err, out)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("inferprof %s does not say %q:\n%s", c.args, want, out)
			}
		}
	}
}

// buildWithToy builds the program from this source and the toy format, and returns its path.
func buildWithToy(t *testing.T) string {
	t.Helper()
	absolute := func(path string) string {
		path, err := filepath.Abs(filepath.FromSlash(path))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	const listPath = "../../trace/formats/list.go"
	list, err := os.ReadFile(filepath.FromSlash(listPath))
	if err != nil {
		t.Fatal(err)
	}
	end := strings.LastIndex(string(list), "}")
	if end < 0 {
		t.Fatalf("%s has no list", listPath)
	}
	dir := t.TempDir()
	longer := filepath.Join(dir, "list.go")
	if err := os.WriteFile(longer, fmt.Appendf(nil, "%s\ttoy(),\n%s", list[:end], list[end:]), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		absolute(listPath):                     longer,
		absolute("../../trace/formats/toy.go"): absolute("testdata/format/toy.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	overlayPath, program := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "inferprof.exe")
	if err := os.WriteFile(overlayPath, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-overlay", overlayPath, "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
