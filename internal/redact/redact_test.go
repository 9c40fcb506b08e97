package redact

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/internal/words"
)

func TestText(t *testing.T) {
	r := New()
	r.learnText(Host, "gpu-node17.example.com")
	r.learnText(Host, "max")
	r.learnText(Model, "./our model")
	r.learnText(Model, "acme/llama-7b")
	r.learnText(Source, "questions of alice.txt, 2 requests, 14 prompt tokens and 4 output")
	r.learnText(Source, "vLLM's four example prompts, 4 requests")
	r.learnText(Cell, "model=/home/Al Ice/m, dtype=float16, prompt=tell me")
	r.learnText(Trace, "/mnt/fast/alice/run7/deepbox_4242.1795422027476.pt.trace.json.gz")
	r.learnText(Path, "/") // nobody's
	for text, want := range map[string]string{
		"":                    "",
		"aten::mm":            "aten::mm",
		"max num seqs":        "max num seqs", // what could be any word stays where it is none
		"max":                 "host-2",       // and does not where it is all
		"117 tokens/s and/or": "117 tokens/s and/or",
		"on gpu-node17.example.com, and on gpu-node17.example.com":                "on host-1, and on host-1",
		"gpu-node17.example.com2":                                                 "gpu-node17.example.com2",
		"deepbox, rank 3":                                                         "deepbox, rank 3",
		"/home/alice/src/vllm/model.py(12): forward":                              "path-1/model.py(12): forward",
		"vllm/v1/core.py(7): step":                                                "vllm/v1/core.py(7): step",
		`<torch._C> C:\Users\alice\x.cpp:3`:                                       `<torch._C> path-2/x.cpp:3`,
		"see ~/notes and /data/runs.":                                             "see path-3 and path-4.",
		"http://localhost:8000/v1/completions":                                    "http://localhost:8000/path-5",
		"http://10.1.2.3:8000 and https://user:pw@srv/x":                          "http://host-3:8000 and https://host-4/path-6",
		"ask alice@cluster.example.com":                                           "ask user-1@host-5",
		"0@X0@Y0@A0":                                                              "user-2@user-3@user-4@host-6",
		"to bob@box, at bob@/home/bob":                                            "to bob@box, at user-3@path-9",
		"trace-1 and path-2":                                                      "trace-1 and path-2",
		"read deepbox_4242.1795422027476.pt.trace.json.gz":                        "read trace-1",
		"/home/Al Ice/runs":                                                       "path-7",
		"/home/Al Ice/my src/x.py(3): f":                                          "path-8/x.py(3): f",
		"before triton_/home/alice/kernel":                                        "before triton_path-9",
		`of_it_in_C:\Users\alice\x.py(3): g`:                                      "of_it_in_path-1/x.py(3): g",
		"acme/llama-7b in A, ./our model in B":                                    "acme/llama-7b in A, path-1 in B",
		"A has questions of alice.txt, 2 requests, 14 prompt tokens and 4 output": "A has path-1, 2 requests, 14 prompt tokens and 4 output",
		"vLLM's four example prompts, 4 requests":                                 "vLLM's four example prompts, 4 requests",
		"model=/home/Al Ice/m, dtype=float16, prompt=tell me":                     "model=path-1, dtype=float16, prompt=prompt-1",
		"1/s, 3 /s, TB/s":                                                         "1/s, 3 /s, TB/s",
	} {
		fresh := *r // so that the words do not hang on the order of a map
		fresh.words, fresh.count = maps.Clone(r.words), maps.Clone(r.count)
		got := fresh.Text(text)
		if shape(got) != shape(want) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		if again := fresh.Text(got); again != got {
			t.Errorf("%q again is %q", got, again)
		}
	}
}

// shape is a text with the numbers of words left out.
func shape(s string) string {
	for n := range 10 {
		for _, kind := range []string{Host, User, Path, Trace, Prompt} {
			s = strings.ReplaceAll(s, fmt.Sprintf("%s-%d", kind, n), kind)
		}
	}
	return s
}

type inner struct {
	Name  string
	Value string `redact:"setting"`
}

type sample struct {
	Path     string   `redact:"trace"`
	Host     string   `redact:"host"`
	Prompt   string   `redact:"prompt"`
	Outputs  []string `redact:"output"`
	Settings []inner
	Said     words.Message
	Free     map[string]any
	Inner    *inner
	Number   int
	Share    float64
	hidden   string
}

func newSample() *sample {
	return &sample{Path: "/d/alice/a.json", Host: "box-7", Prompt: "tell me", Outputs: []string{"once", "upon", "once"},
		Settings: []inner{{"host", "box-7"}, {"device", "NVIDIA H200"}},
		Said:     words.Say("x", "{rank} of {host} in {where} took {t_ns}", words.RankOf("rank", 3), words.Name("host", "box-7"), words.LongName("where", "/d/alice/a.json", "a.json"), words.Ns("t_ns", 1500)),
		Free:     map[string]any{"/d/alice/a.json": "on box-7", "n": 3, "list": []any{"tell me", true}}, Inner: &inner{"x", "tell me"}, Number: 7, Share: 0.5, hidden: "box-7"}
}

// TestValues: what is tagged is gone everywhere, the same is the same everywhere, and the rest is as it was.
func TestValues(t *testing.T) {
	s := newSample()
	New().Values(s)
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"alice", "box-7", "tell me", "once", "upon", "a.json"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is still there: %s", secret, text)
		}
	}
	if s.Path != "trace-1" || s.Host != "host-1" || s.Settings[0].Value != "host-1" || s.Settings[1].Value != "NVIDIA H200" || s.Prompt != "prompt-1" ||
		!reflect.DeepEqual(s.Outputs, []string{"output-1", "output-2", "output-1"}) || s.Number != 7 || s.Share != 0.5 || s.hidden != "box-7" {
		t.Errorf("%+v", s)
	}
	if got := s.Said.Text(); got != "3 of host-1 in trace-1 took 1.500 µs" {
		t.Error(got)
	}
	if s.Free["trace-1"] != "on host-1" || s.Free["n"] != 3 {
		t.Errorf("%v", s.Free)
	}
	again := newSample()
	New().Values(again)
	if !reflect.DeepEqual(s, again) {
		t.Error("not the same every time")
	}
	before, _ := json.Marshal(s)
	New().Values(s)
	if after, _ := json.Marshal(s); string(after) != string(before) {
		t.Errorf("redacted again it is\n%s, was\n%s", after, before)
	}
}

// FuzzText: whatever the text, a path, a host and an address in it are gone, and what is redacted stays as it is.
func FuzzText(f *testing.F) {
	f.Add("at ", " it failed")
	f.Add("(", ")")
	f.Add("http://", ":80")
	f.Add("é\xff", "\\")
	f.Add("00\xf4", "0@X0@Y0@A0")
	f.Add("0@A@A@A@A@A@A@A@A@A@A@A@A0", "file:///a b/c(3): d")
	f.Fuzz(func(t *testing.T, before, after string) {
		r := New()
		r.learnText(Host, "box-7.cluster.example")
		r.learnText(Path, "/srv/alice/models")
		text := before + " /srv/alice/models box-7.cluster.example " + after
		got := r.Text(text)
		if strings.Contains(got, " /srv/alice/models ") || strings.Contains(got, " box-7.cluster.example ") {
			t.Errorf("%q is %q", text, got)
		}
		if again := r.Text(got); again != got {
			t.Errorf("%q again is %q", got, again)
		}
		for _, kind := range []string{Host, Path, Model, Source, Trace, Cell, Prompt} { // whatever it has learned, it ends
			r.learnText(kind, before)
			r.learnText(kind, after)
		}
		r.Text(text)
	})
}
