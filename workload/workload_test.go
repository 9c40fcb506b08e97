package workload

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/sampling"
)

func TestDefault(t *testing.T) {
	p := sampling.Default()
	p.Stop = []string{"."}
	requests := Default(p)
	if len(requests) != 4 || requests[2].Prompt != "The capital of France is" || requests[2].ID != "2" {
		t.Fatalf("got %+v", requests)
	}
	requests[0].Params.Stop[0] = "!"
	if requests[1].Params.Stop[0] != "." || p.Stop[0] != "." {
		t.Error("requests share their stop strings")
	}
}

func TestRandom(t *testing.T) {
	requests := Random(20, 50, 7, 300, 1)
	if len(requests) != 20 {
		t.Fatalf("%d requests", len(requests))
	}
	highest := int32(0)
	for _, r := range requests {
		if len(r.PromptTokenIDs) != 50 || r.Params.MaxTokens != 7 || !r.Params.IgnoreEOS || r.Params.Validate() != nil {
			t.Fatalf("got %+v", r)
		}
		for _, id := range r.PromptTokenIDs {
			if id < 0 || id >= 300 {
				t.Fatalf("token id %d", id)
			}
			highest = max(highest, id)
		}
	}
	if highest < 290 {
		t.Errorf("1000 ids reach up to %d of 300", highest)
	}
	if diff := cmp.Diff(requests, Random(20, 50, 7, 300, 1)); diff != "" {
		t.Error("the same seed gives other requests:\n", diff)
	}
	if cmp.Equal(requests, Random(20, 50, 7, 300, 2)) {
		t.Error("another seed gives the same requests")
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFromFile(t *testing.T) {
	seed := uint64(5)
	base := sampling.Default()
	base.Seed, base.Stop = &seed, []string{"x"}
	with := func(change func(*sampling.Params)) sampling.Params {
		p := clone(base)
		change(&p)
		return p
	}
	six := uint64(6)
	tests := []struct {
		name, text string
		want       []engine.Request
	}{
		{"a.txt", "\uFEFFone\r\n\n  two\n \t\nthree", []engine.Request{
			{ID: "0", Prompt: "one", Params: base}, {ID: "1", Prompt: "  two", Params: base}, {ID: "2", Prompt: "three", Params: base}}},
		{"a.prompts", `{"prompt":"as it is"}`, []engine.Request{{ID: "0", Prompt: `{"prompt":"as it is"}`, Params: base}}},
		{"a.JSONL", `{"prompt":"one","max_tokens":3,"temperature":0,"seed":6,"stop":["y","z"],"ignore_eos":true,"top_p":0.5,"top_k":2}

			{"prompt_token_ids":[1,0,7],"id":"mine"}
			{"prompt":"two"}`, []engine.Request{
			{ID: "0", Prompt: "one", Params: sampling.Params{Temperature: 0, TopP: 0.5, TopK: 2, MaxTokens: 3, Seed: &six, Stop: []string{"y", "z"}, IgnoreEOS: true}},
			{ID: "mine", PromptTokenIDs: []int32{1, 0, 7}, Params: base},
			{ID: "2", Prompt: "two", Params: with(func(*sampling.Params) {})}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := FromFile(write(t, tt.name, tt.text), base)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFromFileErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty.txt", "", "no prompts in it"},
		{"blank.txt", "\n \r\n\t\n", "no prompts in it"},
		{"latin1.txt", "fine\ncaf\xe9\n", "line 2: not UTF-8"},
		{"long.txt", "ok\n" + strings.Repeat("a", maxLineBytes+1), "line 2: longer than"},
		{"a.jsonl", "{\"prompt\":\"x\"}\nnonsense", "line 2: not an object"},
		{"a.jsonl", `"text"`, "line 1: not an object"},
		{"a.jsonl", `null`, "no prompt"},
		{"a.jsonl", `{"prompt":"x"`, "the line ends within it"},
		{"a.jsonl", `{"prompt":"x"} {"prompt":"y"}`, "one object a line"},
		{"a.jsonl", `{"prompt":7}`, "line 1: not an object"},
		{"a.jsonl", `{"prompt":""}`, "the prompt is empty"},
		{"a.jsonl", `{"prompt_token_ids":[]}`, "the prompt is empty"},
		{"a.jsonl", `{"prompt_token_ids":[3,-1]}`, "-1 is no token id"},
		{"a.jsonl", `{"prompt_token_ids":[3000000000]}`, "line 1: not an object"},
		{"a.jsonl", `{"max_tokens":3}`, "no prompt"},
		{"a.jsonl", `{"prompt":"x","prompt_token_ids":[1]}`, "give one of them"},
		{"a.jsonl", `{"prompt":"x","max_token":3}`, `unknown field "max_token"`},
		{"a.jsonl", `{"prompt":"x","max_tokens":0}`, "line 1: max_tokens 0"},
		{"a.jsonl", `{"prompt":"x","temperature":-1}`, "line 1: temperature -1"},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			path := write(t, tt.name, tt.text)
			requests, err := FromFile(path, sampling.Default())
			if err == nil {
				t.Fatalf("no error, but %+v", requests)
			}
			if text := err.Error(); !strings.Contains(text, tt.want) || !strings.Contains(text, path) || strings.Contains(text, "\n") {
				t.Errorf("error %q: want one line with %q and the path", text, tt.want)
			}
		})
	}
	missing := filepath.Join(t.TempDir(), "none.txt")
	if _, err := FromFile(missing, sampling.Default()); err == nil || strings.Count(err.Error(), missing) != 1 {
		t.Errorf("missing file: %v", err)
	}
	if _, err := FromFile(t.TempDir(), sampling.Default()); err == nil {
		t.Error("a folder was read as prompts")
	}
}

func FuzzJSONLines(f *testing.F) {
	f.Add([]byte("{\"prompt\":\"one\",\"max_tokens\":3}\n\n{\"prompt_token_ids\":[1,2]}"))
	f.Add([]byte(`{"prompt":"x","stop":null,"seed":null,"Params":{}}`))
	f.Add([]byte("\uFEFF{\"prompt\":\"\\ud800\"}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		base := sampling.Default()
		requests, err := read(bytes.NewReader(data), parseJSON, base)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
			return
		}
		if len(requests) == 0 {
			t.Error("neither requests nor an error")
		}
		for _, r := range requests {
			if r.ID == "" || (r.Prompt == "") == (len(r.PromptTokenIDs) == 0) || r.Params.Validate() != nil {
				t.Errorf("request %+v", r)
			}
		}
	})
}
