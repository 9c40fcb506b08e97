package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/llm/kvcache"
	"github.com/inferprof/inferprof/sampling"
)

// newEngine starts an engine that closes with the test.
func newEngine(t testing.TB, c engine.Config) *Engine {
	t.Helper()
	e, err := Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func generate(t testing.TB, e *Engine, requests ...engine.Request) []engine.Output {
	t.Helper()
	outputs, err := e.Generate(context.Background(), requests)
	if err != nil {
		t.Fatal(err)
	}
	return outputs
}

func greedy(tokens int) sampling.Params {
	return sampling.Params{TopP: 1, MaxTokens: tokens, IgnoreEOS: true}
}

// goldenFolder is a golden model with the demo's tokenizer beside it, so that it can be loaded; prompts are token ids.
func goldenFolder(t *testing.T, name string) (dir string, prompt, want []int32) {
	t.Helper()
	dir = t.TempDir()
	from := filepath.Join("../../llm/model/testdata", name)
	for _, f := range []string{"config.json", "model.safetensors"} {
		link(t, filepath.Join(from, f), filepath.Join(dir, f))
	}
	for _, f := range []string{"tokenizer.json", "tokenizer_config.json"} {
		link(t, filepath.Join("demo/model", f), filepath.Join(dir, f))
	}
	text, err := os.ReadFile(filepath.Join(from, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		IDs    []int32 `json:"ids"`
		Greedy []int32 `json:"greedy16"`
	}
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	return dir, x.IDs, x.Greedy
}

func link(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestGoldenTokensOnAnyNumberOfRanks(t *testing.T) {
	for _, name := range []string{"opt", "opt350m-like", "llama"} {
		dir, prompt, want := goldenFolder(t, name)
		for _, ranks := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%s/tp%d", name, ranks), func(t *testing.T) {
				e := newEngine(t, engine.Config{Model: dir, TensorParallelSize: ranks})
				got := generate(t, e, engine.Request{PromptTokenIDs: prompt, Params: greedy(len(want))})[0]
				if !slices.Equal(got.TokenIDs, want) || got.Finish != engine.FinishLength {
					t.Errorf("tokens %v, finish %s; want %v, length", got.TokenIDs, got.Finish, want)
				}
			})
		}
	}
}

// A request's answer does not depend on what else is in the batch, nor on how prompts are cut, on the number of threads
// or ranks, on whether it was preempted, or whether its beginning was found in the prefix cache.
func TestAnswersDoNotDependOnTheBatch(t *testing.T) {
	for _, name := range []string{"llama", "llama-awq", "opt"} { // 16 bits, 4 bits, learned positions
		t.Run(name, func(t *testing.T) { answersDoNotDependOnTheBatch(t, name) })
	}
}

func answersDoNotDependOnTheBatch(t *testing.T, name string) {
	dir, prompt, _ := goldenFolder(t, name)
	var requests []engine.Request
	for i := range 24 {
		seed := uint64(i)
		p := sampling.Params{Temperature: 0.9, TopP: 0.95, MaxTokens: 3 + i%23, Seed: &seed, IgnoreEOS: true}
		switch i % 4 {
		case 1:
			p.MinP, p.RepetitionPenalty = 0.02, 1.3
		case 2:
			p.TopK, p.FrequencyPenalty, p.PresencePenalty = 40, 0.5, -0.5
		case 3:
			p.N, p.MaxTokens = 3, 5
		}
		requests = append(requests, engine.Request{ID: fmt.Sprint(i), PromptTokenIDs: prompt[:1+2*i%40], Params: p})
	}
	alone := newEngine(t, engine.Config{Model: dir, MaxNumSeqs: 1, Threads: 1})
	var want []engine.Output
	for _, r := range requests {
		want = append(want, generate(t, alone, r)...)
	}
	oneSequence := int64(kvcache.Needed(alone.Info().MaxModelLen)) * kvcache.BlockBytes(alone.model.Layers, alone.model.KVHeads, alone.model.HeadDim)
	preemptions, hits := 0, 0
	for _, c := range []engine.Config{
		{MaxNumSeqs: 256, Threads: 2},
		{MaxNumSeqs: 3, MaxNumBatchedTokens: 7, Threads: 1},
		{MaxNumSeqs: 5, MaxNumBatchedTokens: 64, Threads: 3},
		{EnablePrefixCaching: true, MaxNumSeqs: 4},
		{EnablePrefixCaching: true, MaxNumBatchedTokens: 9, TensorParallelSize: 2},
		{KVCacheMemoryBytes: oneSequence, Threads: 1},
		{KVCacheMemoryBytes: oneSequence, EnablePrefixCaching: true, MaxNumBatchedTokens: 33},
	} {
		c.Model = dir
		if c.KVCacheMemoryBytes > 0 {
			c.MaxModelLen = 96 // leaves few blocks
			c.KVCacheMemoryBytes = c.KVCacheMemoryBytes * 6 / int64(kvcache.Needed(alone.Info().MaxModelLen))
		}
		e := newEngine(t, c)
		for round := range 2 { // the second finds what the first has computed
			for i, out := range generate(t, e, requests...) {
				if !slices.Equal(out.TokenIDs, want[i].TokenIDs) || out.ID != want[i].ID || out.Index != want[i].Index {
					t.Errorf("%+v, round %d: request %s answers %v, alone %v", c, round, out.ID, out.TokenIDs, want[i].TokenIDs)
				}
				if out.TTFT() <= 0 || out.TPOT() <= 0 || out.LastToken.Before(out.FirstToken) {
					t.Errorf("times of request %s: TTFT %v, TPOT %v", out.ID, out.TTFT(), out.TPOT())
				}
			}
		}
		preemptions += e.scheduler.Stats().Preemptions
		hits += e.scheduler.Stats().PrefixHits
		if usage := e.scheduler.KVUsage(); usage != 0 {
			t.Errorf("%+v: %v of the cache is in use afterwards", c, usage)
		}
	}
	if preemptions == 0 || hits == 0 {
		t.Errorf("%d preemptions, %d tokens from the prefix cache: they are not tested", preemptions, hits)
	}
}

// The answers to one prompt differ, and each is what it is whatever n is.
func TestSeveralAnswers(t *testing.T) {
	e := newEngine(t, engine.Config{})
	seed := uint64(3)
	p := sampling.Params{Temperature: 1, TopP: 1, MaxTokens: 12, N: 4, Seed: &seed}
	outs := generate(t, e, engine.Request{ID: "a", Prompt: "The future of AI is", Params: p}, engine.Request{ID: "b", Prompt: "Hello", Params: greedy(2)})
	if len(outs) != 5 || outs[4].ID != "b" {
		t.Fatalf("%d outputs, want 4 and 1: %+v", len(outs), outs)
	}
	for i, out := range outs[:4] {
		one := p
		one.N = 0
		other := seed + uint64(i) // as vLLM seeds them
		one.Seed = &other
		if alone := generate(t, e, engine.Request{Prompt: "The future of AI is", Params: one})[0]; out.ID != "a" || out.Index != i || out.Text != alone.Text {
			t.Errorf("answer %d of %s is %q, asked alone %q", out.Index, out.ID, out.Text, alone.Text)
		}
	}
	if outs[0].Text == outs[1].Text && outs[1].Text == outs[2].Text {
		t.Errorf("three answers say %q", outs[0].Text)
	}
}

// Tokens that end an output, and how long they are kept from it.
func TestStopTokensAndMinTokens(t *testing.T) {
	e := newEngine(t, engine.Config{})
	request := func(change func(*sampling.Params)) engine.Output {
		t.Helper()
		p := greedy(16)
		change(&p)
		return generate(t, e, engine.Request{Prompt: "The capital of France is", Params: p})[0]
	}
	free := request(func(*sampling.Params) {})
	stop := free.TokenIDs[5]
	at := slices.Index(free.TokenIDs, stop)
	got := request(func(p *sampling.Params) { p.StopTokenIDs = []int32{stop} })
	if !slices.Equal(got.TokenIDs, free.TokenIDs[:at+1]) || got.Finish != engine.FinishStop || got.StopToken == nil || *got.StopToken != stop {
		t.Errorf("stopped at %v by %v, free %v", got.TokenIDs, got.StopToken, free.TokenIDs)
	}
	if !strings.HasPrefix(free.Text, got.Text) || len(got.Text) >= len(free.Text) {
		t.Errorf("text %q of %q", got.Text, free.Text)
	}
	whole := request(func(p *sampling.Params) { p.StopTokenIDs, p.IncludeStop = []int32{stop}, true })
	if !strings.HasPrefix(free.Text, whole.Text) || len(whole.Text) <= len(got.Text) {
		t.Errorf("with the stop token %q, without %q", whole.Text, got.Text)
	}
	late := request(func(p *sampling.Params) { p.StopTokenIDs, p.MinTokens = []int32{stop}, 12 })
	if len(late.TokenIDs) < 12 || slices.Contains(late.TokenIDs[:12], stop) {
		t.Errorf("token %d before 12 tokens: %v", stop, late.TokenIDs)
	}
	text := free.Text[5:9]
	include := request(func(p *sampling.Params) { p.Stop, p.IncludeStop = []string{text}, true })
	if want := free.Text[:strings.Index(free.Text, text)+len(text)]; include.Text != want {
		t.Errorf("text %q, want %q", include.Text, want)
	}
}

// Log-probabilities are those of the model: the greedy token's is the largest, all together make 1.
func TestLogprobs(t *testing.T) {
	e := newEngine(t, engine.Config{})
	n := 5
	p := greedy(6)
	p.Logprobs = &n
	out := generate(t, e, engine.Request{Prompt: "The capital of France is", Params: p})[0]
	if len(out.Logprobs) != len(out.TokenIDs) {
		t.Fatalf("%d places of %d", len(out.Logprobs), len(out.TokenIDs))
	}
	for i, place := range out.Logprobs {
		if place.Chosen.ID != out.TokenIDs[i] || place.Chosen.Rank != 1 || len(place.Top) != n || place.Top[0] != place.Chosen {
			t.Errorf("place %d: %+v", i, place)
		}
	}
}

func TestStopStringsEndTheText(t *testing.T) {
	e := newEngine(t, engine.Config{})
	whole := generate(t, e, engine.Request{Prompt: "The capital of France is", Params: greedy(24)})[0]
	if len(whole.Text) < 12 {
		t.Fatalf("the demo model says %q", whole.Text)
	}
	p := greedy(24)
	p.Stop = []string{whole.Text[5:9]}
	got := generate(t, e, engine.Request{Prompt: "The capital of France is", Params: p})[0]
	want := whole.Text[:strings.Index(whole.Text, p.Stop[0])]
	if got.Text != want || got.Finish != engine.FinishStop || got.StopReason != p.Stop[0] {
		t.Errorf("text %q, finish %s, reason %q; want %q, stop, %q", got.Text, got.Finish, got.StopReason, want, p.Stop[0])
	}
}

func TestSeedsReproduce(t *testing.T) {
	p := sampling.Params{Temperature: 1, TopP: 0.95, MaxTokens: 24}
	request := []engine.Request{{Prompt: "The future of AI is", Params: p}, {Prompt: "The future of AI is", Params: p}}
	var texts []string
	for _, seed := range []uint64{1, 1, 2} {
		for _, out := range generate(t, newEngine(t, engine.Config{Seed: seed}), request...) {
			texts = append(texts, out.Text)
		}
	}
	if texts[0] != texts[2] || texts[1] != texts[3] {
		t.Errorf("the same seed says %q and %q", texts[:2], texts[2:4])
	}
	if texts[0] == texts[1] || texts[0] == texts[4] {
		t.Errorf("different requests or seeds say the same: %q", texts)
	}
}

func TestBadRequests(t *testing.T) {
	e := newEngine(t, engine.Config{MaxModelLen: 32})
	for _, test := range []struct {
		name    string
		request engine.Request
		want    string
	}{
		{"empty prompt", engine.Request{Params: greedy(1)}, "the prompt is empty"},
		{"no token ids", engine.Request{PromptTokenIDs: []int32{}, Params: greedy(1)}, "the prompt is empty"},
		{"token outside", engine.Request{PromptTokenIDs: []int32{1 << 30}, Params: greedy(1)}, "outside the model's vocabulary"},
		{"negative token", engine.Request{PromptTokenIDs: []int32{-1}, Params: greedy(1)}, "outside the model's vocabulary"},
		{"too long", engine.Request{PromptTokenIDs: make([]int32, 32), Params: greedy(1)}, "the prompt has 32 tokens, the context holds 32"},
		{"no tokens asked", engine.Request{Prompt: "x", Params: greedy(0)}, "max_tokens 0"},
		{"bad temperature", engine.Request{Prompt: "x", Params: sampling.Params{Temperature: -1, TopP: 1, MaxTokens: 1}}, "temperature -1"},
	} {
		good := engine.Request{Prompt: "The", Params: greedy(2)}
		_, err := e.Generate(context.Background(), []engine.Request{good, test.request})
		var usage *engine.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "request 1: ") {
			t.Errorf("%s: %v, want a usage error with %q", test.name, err, test.want)
		}
		if got := generate(t, e, good)[0]; len(got.TokenIDs) != 2 { // the engine goes on
			t.Errorf("after %s: %+v", test.name, got)
		}
	}
}

// The answer ends where the context does.
func TestTheContextBoundsTheAnswer(t *testing.T) {
	e := newEngine(t, engine.Config{MaxModelLen: 32})
	got := generate(t, e, engine.Request{PromptTokenIDs: make([]int32, 30), Params: greedy(100)})[0]
	if len(got.TokenIDs) != 2 || got.Finish != engine.FinishLength {
		t.Errorf("%d tokens, finish %s; want 2, length", len(got.TokenIDs), got.Finish)
	}
}

func TestBadConfigs(t *testing.T) {
	t.Setenv("HF_HUB_OFFLINE", "1")
	t.Setenv("HF_HOME", t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	noTokenizer, _, _ := goldenFolder(t, "opt")
	if err := os.Remove(filepath.Join(noTokenizer, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		config engine.Config
		want   string
	}{
		{engine.Config{Model: "/nowhere/at/all"}, "no such folder"},
		{engine.Config{Model: file}, "is a file: pass the folder"},
		{engine.Config{Model: t.TempDir()}, "no config.json there"},
		{engine.Config{Model: noTokenizer}, "tokenizer"},
		{engine.Config{Model: "opt-125m"}, "add --load-format dummy"},
		{engine.Config{Model: "facebook/opt-125m"}, "nothing may be downloaded (--offline, HF_HUB_OFFLINE); its shape is built in"},
		{engine.Config{Model: "some-org/some-model"}, "is not in the cache"},
		{engine.Config{Model: "some-org/some-model", LoadFormat: "dummy"}, "is not in the cache"},
		{engine.Config{Model: "./some-org/some-model"}, "no such folder"},
		{engine.Config{Model: "a/b/c"}, "no such folder"},
		{engine.Config{Model: "gpt2"}, "no such folder; a Hugging Face model folder is needed, or a model's name on the hub"},
		{engine.Config{Model: t.TempDir(), Revision: "main"}, "--revision main goes with a model of the hub"},
		{engine.Config{LoadFormat: "gguf"}, "load format \"gguf\""},
		{engine.Config{Dtype: "float8"}, "dtype \"float8\""},
		{engine.Config{Quantization: "fp8"}, "quantization \"fp8\""},
		{engine.Config{Dtype: "int8"}, "dtype \"int8\""},
		{engine.Config{TensorParallelSize: 5}, "does not divide the model's"},
		{engine.Config{TensorParallelSize: -1}, "tensor parallel size -1"},
		{engine.Config{MaxModelLen: 1 << 20}, "the model was made for at most"},
		{engine.Config{Threads: -2}, "threads -2"},
		{engine.Config{KVCacheMemoryBytes: 1000}, "KV cache memory of 1000 bytes: one request of 512 tokens needs"},
		{engine.Config{KVCacheMemoryBytes: -1}, "must be 1 or more"},
		{engine.Config{SlowRank: 1, SlowBy: 1}, "there are ranks 0 to 0"},
		{engine.Config{Profiler: engine.ProfilerConfig{Profiler: "cuda"}}, "profiler \"cuda\""},
	} {
		e, err := Open(context.Background(), test.config)
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want one line with %q", test.config, err, test.want)
		}
	}
}

// A cache that does not fit the memory is refused before it is made.
func TestTooMuchCache(t *testing.T) {
	if _, known := host.AvailableMemory(); !known {
		t.Skip("this system does not tell how much memory is free")
	}
	e, err := Open(context.Background(), engine.Config{KVCacheMemoryBytes: 1 << 60, MaxNumSeqs: 1 << 30, TensorParallelSize: 4})
	if err == nil {
		e.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "allow less, or fewer requests") {
		t.Error(err)
	}
}

// Built-in shapes run without any file; prompts borrow the demo model's tokenizer.
func TestDummyWeights(t *testing.T) {
	if testing.Short() {
		t.Skip("makes half a gigabyte of weights")
	}
	e := newEngine(t, engine.Config{Model: "facebook/opt-125m", LoadFormat: "dummy", MaxModelLen: 64})
	got := generate(t, e, engine.Request{Prompt: "Hello, my name is", Params: greedy(3)})[0]
	if len(got.TokenIDs) != 3 || got.Text != "" {
		t.Errorf("%d tokens, text %q; want 3 and none: there is no tokenizer to read them by", len(got.TokenIDs), got.Text)
	}
	if p := e.Info().Parameters; p != 125239296 {
		t.Errorf("%d parameters, OPT-125M has 125239296", p)
	}
}
