package categories

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	rules, err := Read("own", strings.NewReader("# ours\n\n attn\ttree_mask | acme::  # and theirs\r\nmine  nvjet* !qq*\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := New(rules, Kernels())
	for name, want := range map[string]string{
		"tree_mask_kernel": "attn", "void acme::anything<1>()": "attn", "nvjet_sm90_hsh": "mine", "nvjet_sm90_qqtst": "quant_gemm", "ncclDevKernel": Comm,
	} {
		if got := c.Of(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "own: no rules",
		"# nothing\n":                         "own: no rules",
		"gemm a\nMoE b\n":                     `own:2: "MoE" is no category`,
		"gemm\n":                              "own:1: the rule for gemm: the pattern is empty",
		"\n\ngemm a.b\n":                      "own:3: ",
		"gemm <a\n":                           "own:1: ",
		"gemm a\n" + strings.Repeat("x", 1e5): "own:2: a line of more than 64 KiB",
	} {
		if _, err := Read("own", strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", text, err, want)
		}
	}
}

// FuzzRead: whatever is in a file, reading it makes rules or an error that says where; the rules answer as they read.
func FuzzRead(f *testing.F) {
	f.Add("attn tree_mask | acme::\nmine <a|b> !c # d", "void acme::f<a>()")
	f.Add("x ^y\nx =z\nx *w\nx v*", "y_z")
	f.Fuzz(func(t *testing.T, text, name string) {
		rules, err := Read("own", strings.NewReader(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "own:") {
				t.Errorf("the error does not say where: %v", err)
			}
			return
		}
		var plain []Rule
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(line, "#")
			if fields := strings.Fields(strings.ReplaceAll(line, " | ", "|")); len(fields) > 0 {
				plain = append(plain, Rule{Category: fields[0], Pattern: strings.Join(fields[1:], " ")})
			}
		}
		if got, want := New(rules).Of(name), plainly(plain, name); got != want {
			t.Errorf("%q is %s by %q, want %s", name, got, text, want)
		}
	})
}
