package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"mdoel", "model", 2}, {"kitten", "sitting", 3}, {"json", "json", 0},
	} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := editDistance(c.b, c.a); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestVLLMSpelling(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"run -tp 2", "run --tensor-parallel-size 2"},
		{"run -tp=2 -q", "run --tensor-parallel-size=2 -q"},
		{"run -tp2", "run --tensor-parallel-size=2"},
		{"run -- -tp", "run -- -tp"},
		{"run -tpx --prompt -t", "run -tpx --prompt -t"},
		{"run -pp 2 -dp=2 -p", "run --pipeline-parallel-size 2 --data-parallel-size=2 -p"},
		{"run --profiler-config.torch-profiler-dir=/d --n 1", `run --profiler-config={"torch_profiler_dir":"/d"} --n 1`},
		{"run --profiler_config.max_iterations 3 --n 1", `run --profiler-config={"max_iterations":3} --n 1`},
		{"run --profiler-config.profiler", `run --profiler-config={"profiler":""}`},
	} {
		got := vllmSpelling(strings.Fields(c.given))
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %s, want %s", c.given, strings.Join(got, " "), c.want)
		}
	}
}

// Every verb explains itself and shows an example that its own flags accept.
func TestHelp(t *testing.T) {
	root := newRoot()
	for _, verb := range root.Commands() {
		if !verb.IsAvailableCommand() || verb.Name() == "help" || verb.Name() == "completion" {
			continue
		}
		if verb.Short == "" || verb.Example == "" {
			t.Errorf("%s: no short help or no example", verb.Name())
		}
		var out, errs bytes.Buffer
		if code := execute(context.Background(), []string{verb.Name(), "--help"}, &out, &errs); code != exitFine || errs.Len() > 0 {
			t.Errorf("%s --help: exit code %d, standard error %q", verb.Name(), code, errs.String())
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 200 {
				t.Errorf("%s --help: a line of %d characters", verb.Name(), n)
			}
		}
		for example := range strings.Lines(verb.Example) {
			own, after, _ := strings.Cut(example, " -- ") // sweep's examples go on with run's flags
			wantFlagsExist(t, verb, own)
			if name, _, _ := strings.Cut(strings.TrimSpace(after), " "); name != "" {
				other, _, err := root.Find([]string{name})
				if err != nil {
					t.Errorf("example %q: %v", example, err)
					continue
				}
				wantFlagsExist(t, other, after)
			}
		}
	}
}

func wantFlagsExist(t *testing.T, verb *cobra.Command, example string) {
	t.Helper()
	for word := range strings.FieldsSeq(example) {
		name, isFlag := strings.CutPrefix(word, "--")
		if isFlag && verb.Flag(name) == nil {
			t.Errorf("example %q: there is no flag %s", strings.TrimSpace(example), word)
		}
	}
}

// Flags of run that vLLM's users know have vLLM's names.
func TestVLLMFlagNames(t *testing.T) {
	run, _, err := newRoot().Find([]string{"run"})
	if err != nil {
		t.Fatal(err)
	}
	names := flagNames(run)
	for _, name := range []string{
		"model", "tensor-parallel-size", "dtype", "load-format", "max-model-len", "max-num-seqs", "max-num-batched-tokens",
		"seed", "temperature", "top-p", "top-k", "max-tokens", "profiler-config",
		"revision", "download-dir", "kv-cache-memory-bytes", "enable-prefix-caching",
		"min-p", "min-tokens", "n", "stop", "stop-token-ids", "repetition-penalty", "presence-penalty", "frequency-penalty", "ignore-eos", "logprobs",
	} {
		if !slices.Contains(names, name) {
			t.Errorf("no flag --%s", name)
		}
	}
}

func TestWidthFor(t *testing.T) {
	for columns, want := range map[int]int{0: 0, -1: 0, 20: 80, 80: 80, 100: 100, 132: 132, 400: 132} {
		if got := widthFor(columns); got != want {
			t.Errorf("%d columns: %d, want %d", columns, got, want)
		}
	}
}

// Of several numbers that are too small, it is always the same one that is refused.
func TestFirstOfSeveralErrors(t *testing.T) {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	numbers := []leastNumber{{"ranks", 1}, {"steps", 2}, {"layers", 3}}
	for _, n := range numbers {
		set.Int(n.flag, 9, "")
	}
	if err := checkLeast(set, numbers); err != nil {
		t.Error(err)
	}
	if err := set.Parse([]string{"--layers=0", "--steps=1", "--ranks=1"}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := checkLeast(set, numbers); err == nil || err.Error() != "--steps 1: must be 2 or more" {
			t.Fatal(err)
		}
	}
}
