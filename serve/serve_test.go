package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// newServer serves the demo model for a test.
func newServer(t *testing.T, c engine.Config, o Options) (url string) {
	t.Helper()
	s, err := New(context.Background(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h.URL
}

func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

// complete asks for completions and returns the answer.
func complete(t *testing.T, url, body string) completion {
	t.Helper()
	code, text := call(t, http.MethodPost, url+"/v1/completions", body)
	var c completion
	if err := json.Unmarshal([]byte(text), &c); code != http.StatusOK || err != nil {
		t.Fatalf("%s: %d %s", body, code, text)
	}
	return c
}

// streamed asks for a stream and returns its events, after checking that they end with [DONE].
func streamed(t *testing.T, url, body string) []completion {
	t.Helper()
	code, text := call(t, http.MethodPost, url+"/v1/completions", body)
	if code != http.StatusOK {
		t.Fatalf("%s: %d %s", body, code, text)
	}
	var events []completion
	pieces := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n")
	for i, piece := range pieces {
		data, ok := strings.CutPrefix(piece, "data: ")
		if last := i == len(pieces)-1; !ok || last != (data == "[DONE]") {
			t.Fatalf("%s: piece %d is %q", body, i, piece)
		} else if last {
			break
		}
		var c completion
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			t.Fatal(err)
		}
		events = append(events, c)
	}
	return events
}

func TestAnswersAreWholeAndCounted(t *testing.T) {
	url := newServer(t, engine.Config{}, Options{})
	c := complete(t, url, `{"model":"demo","prompt":"The capital of France is","max_tokens":8,"temperature":0}`)
	if len(c.Choices) != 1 || !strings.Contains(c.Choices[0].Text, "Paris") || *c.Choices[0].FinishReason != "length" {
		t.Errorf("got %+v", c)
	}
	if c.Object != "text_completion" || !strings.HasPrefix(c.ID, "cmpl-") || c.Model != "demo" || c.Created == 0 {
		t.Errorf("got %+v", c)
	}
	if u := c.Usage; u == nil || u.CompletionTokens != 8 || u.PromptTokens < 4 || u.TotalTokens != u.PromptTokens+8 {
		t.Errorf("usage %+v", c.Usage)
	}
	if c := complete(t, url, `{"prompt":"x","ignore_eos":true}`); c.Usage.CompletionTokens != 16 {
		t.Errorf("%d tokens where max_tokens is absent", c.Usage.CompletionTokens)
	}
	if c := complete(t, url, `{"prompt":[5,6,7],"max_tokens":null,"ignore_eos":true}`); c.Usage.TotalTokens != 512 {
		t.Errorf("%d tokens where max_tokens is null: the context holds 512", c.Usage.TotalTokens)
	}
}

// The four forms of a prompt: a text and its token ids say the same.
func TestFormsOfAPrompt(t *testing.T) {
	url := newServer(t, engine.Config{}, Options{})
	one := complete(t, url, `{"prompt":"The future of AI is","temperature":0,"return_token_ids":true}`)
	ids, err := json.Marshal(one.Choices[0].PromptTokenIDs)
	if err != nil || len(one.Choices[0].TokenIDs) != one.Usage.CompletionTokens {
		t.Fatalf("%v, token ids %v", err, one.Choices[0])
	}
	for _, prompt := range []string{
		`["The future of AI is"]`, string(ids), "[" + string(ids) + "]", `["Hello, my name is","The future of AI is"]`,
		"[[7,8,9]," + string(ids) + "]",
	} {
		c := complete(t, url, `{"prompt":`+prompt+`,"temperature":0}`)
		if last := c.Choices[len(c.Choices)-1]; last.Text != one.Choices[0].Text || last.Index != len(c.Choices)-1 {
			t.Errorf("%s: %q, want %q", prompt, last.Text, one.Choices[0].Text)
		}
	}
	c := complete(t, url, `{"prompt":`+string(ids)+`,"temperature":0,"echo":true}`)
	if want := "The future of AI is" + one.Choices[0].Text; !strings.HasSuffix(c.Choices[0].Text, want) {
		t.Errorf("echo %q, want %q", c.Choices[0].Text, want)
	}
}

// A stream, put together, is the answer that is not streamed, choice by choice.
func TestStreamsAddUp(t *testing.T) {
	url := newServer(t, engine.Config{}, Options{})
	const body = `"prompt":["The capital of France is","Once upon a time"],"n":3,"seed":5,"max_tokens":12,"logprobs":2,"stop":[" the"]`
	whole := complete(t, url, "{"+body+"}")
	events := streamed(t, url, "{"+body+`,"stream":true,"stream_options":{"include_usage":true}}`)
	last := events[len(events)-1]
	if len(last.Choices) != 0 || last.Usage == nil || *last.Usage != *whole.Usage {
		t.Errorf("the last event is %+v, want the usage %+v", last, whole.Usage)
	}
	texts, tokens, ends := make([]string, 6), make([]int, 6), make([]int, 6)
	for _, e := range events[:len(events)-1] {
		if e.ID != last.ID || e.Usage != nil || len(e.Choices) != 1 {
			t.Errorf("event %+v", e)
		}
		for _, c := range e.Choices {
			texts[c.Index] += c.Text
			if c.Logprobs != nil {
				tokens[c.Index] += len(c.Logprobs.Tokens)
			}
			if c.FinishReason != nil {
				ends[c.Index]++
				if *c.FinishReason != *whole.Choices[c.Index].FinishReason || c.StopReason != whole.Choices[c.Index].StopReason {
					t.Errorf("choice %d ended by %s, not streamed by %s", c.Index, *c.FinishReason, *whole.Choices[c.Index].FinishReason)
				}
			}
		}
	}
	different := map[string]bool{}
	for i, c := range whole.Choices {
		if texts[i] != c.Text || tokens[i] != len(c.Logprobs.Tokens) || ends[i] != 1 {
			t.Errorf("choice %d streamed: %q, %d tokens, %d ends; not streamed: %q, %d tokens", i, texts[i], tokens[i], ends[i], c.Text, len(c.Logprobs.Tokens))
		}
		different[c.Text] = true
	}
	if len(different) < 4 {
		t.Errorf("six choices say %v", slices.Collect(maps.Keys(different)))
	}
}

// Many clients at once, coming and going, each get what they would get alone.
func TestClientsDoNotDisturbEachOther(t *testing.T) {
	url := newServer(t, engine.Config{MaxNumSeqs: 4, MaxNumBatchedTokens: 16}, Options{})
	body := func(i int) string {
		return fmt.Sprintf(`{"prompt":[%d,%d,%d],"seed":%d,"max_tokens":%d,"ignore_eos":true}`, 10+i, 20+i, 30+i, i, 3+5*(i%4))
	}
	var alone [12]string
	for i := range alone {
		alone[i] = complete(t, url, body(i)).Choices[0].Text
	}
	var clients sync.WaitGroup
	for i := range alone {
		clients.Go(func() {
			r, err := http.Post(url+"/v1/completions", "application/json", strings.NewReader(body(i)))
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			var c completion
			if err := json.NewDecoder(r.Body).Decode(&c); err != nil || len(c.Choices) != 1 || c.Choices[0].Text != alone[i] {
				t.Errorf("client %d got %+v (%v), alone %q", i, c, err, alone[i])
			}
		})
	}
	clients.Wait()
}

// A client that goes away takes its request along; the others get theirs.
func TestDisconnectAborts(t *testing.T) {
	url := newServer(t, engine.Config{}, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/completions",
		strings.NewReader(`{"prompt":[5],"n":100,"max_tokens":500,"ignore_eos":true,"stream":true}`)) // takes seconds
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if line, err := bufio.NewReader(r.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: {") {
		t.Fatalf("%q, %v", line, err)
	}
	cancel()
	waitFor(t, url, `vllm:request_success_total{engine="0",model_name="demo",finished_reason="abort"} 100`, `vllm:num_requests_running{engine="0",model_name="demo"} 0`,
		`vllm:kv_cache_usage_perc{engine="0",model_name="demo"} 0`)
	if c := complete(t, url, `{"prompt":[5],"max_tokens":3,"ignore_eos":true}`); c.Usage.CompletionTokens != 3 {
		t.Errorf("afterwards: %+v", c)
	}
}

// waitFor reads the metrics until all lines are there, and returns them.
func waitFor(t *testing.T, url string, lines ...string) (text string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		_, text = call(t, http.MethodGet, url+"/metrics", "")
		if !slices.ContainsFunc(lines, func(l string) bool { return !strings.Contains(text, l+"\n") }) {
			return text
		}
	}
	t.Fatalf("no %q in\n%s", lines, text)
	return ""
}

func TestRefusals(t *testing.T) {
	url := newServer(t, engine.Config{MaxModelLen: 32}, Options{ModelName: "m"})
	for _, test := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"POST", "/v1/completions", ``, 400, "the body is empty"},
		{"POST", "/v1/completions", `{"prompt":"x"`, 400, "unexpected end of JSON"},
		{"POST", "/v1/completions", `[]`, 400, "no JSON object"},
		{"POST", "/v1/completions", `{}`, 400, "prompt is missing"},
		{"POST", "/v1/completions", `{"prompt":""}`, 400, "the prompt is empty"},
		{"POST", "/v1/completions", `{"prompt":[]}`, 400, "prompt: must be a text"},
		{"POST", "/v1/completions", `{"prompt":[[]]}`, 400, "the prompt is empty"},
		{"POST", "/v1/completions", `{"prompt":{"a":1}}`, 400, "prompt: must be a text"},
		{"POST", "/v1/completions", `{"prompt":[1.5]}`, 400, "prompt: must be a text"},
		{"POST", "/v1/completions", `{"prompt":[1,-1]}`, 400, "token id -1 is outside"},
		{"POST", "/v1/completions", `{"prompt":[1000000]}`, 400, "token id 1000000 is outside"},
		{"POST", "/v1/completions", `{"prompt":"x","model":"other"}`, 404, "the model `other` does not exist"},
		{"POST", "/v1/completions", `{"prompt":"x","max_tokens":0}`, 400, "max_tokens 0"},
		{"POST", "/v1/completions", `{"prompt":"x","max_tokens":"3"}`, 400, "max_tokens: a JSON string"},
		{"POST", "/v1/completions", `{"prompt":[1,2,3],"max_tokens":30}`, 400, "maximum context length is 32 tokens"},
		{"POST", "/v1/completions", `{"prompt":[1,2,3],"max_tokens":300}`, 400, "maximum context length is 32 tokens"},
		{"POST", "/v1/completions", `{"prompt":"x","temperature":-1}`, 400, "temperature -1"},
		{"POST", "/v1/completions", `{"prompt":"x","top_p":0}`, 400, "top_p 0"},
		{"POST", "/v1/completions", `{"prompt":"x","min_p":2}`, 400, "min_p 2"},
		{"POST", "/v1/completions", `{"prompt":"x","n":0}`, 400, "n 0"},
		{"POST", "/v1/completions", `{"prompt":"x","n":1000000}`, 400, "n 1000000"},
		{"POST", "/v1/completions", `{"prompt":"x","repetition_penalty":0}`, 400, "repetition_penalty 0"},
		{"POST", "/v1/completions", `{"prompt":"x","repetition_penalty":1e-39}`, 400, "repetition_penalty 1e-39"},
		{"POST", "/v1/completions", `{"prompt":"x","presence_penalty":3}`, 400, "presence_penalty 3"},
		{"POST", "/v1/completions", `{"prompt":"x","logprobs":21}`, 400, "logprobs 21"},
		{"POST", "/v1/completions", `{"prompt":"x","stop":[1]}`, 400, "stop: must be"},
		{"POST", "/v1/completions", `{"prompt":"x","min_tokens":20}`, 400, "min_tokens 20"},
		{"POST", "/v1/completions", `{"prompt":"x","suffix":"y"}`, 400, "suffix is not supported"},
		{"POST", "/v1/completions", `{"prompt":"x","logit_bias":{"1":2}}`, 400, "logit_bias is not supported"},
		{"POST", "/v1/completions", `{"prompt":"x","stream_options":{"include_usage":true}}`, 400, "stream_options goes with stream"},
		{"POST", "/v1/completions", `{"prompt":["x",""]}`, 400, "the prompt is empty"},
		{"GET", "/v1/completions", ``, 405, "takes POST"},
		{"POST", "/health", ``, 405, "takes GET"},
		{"GET", "/nowhere", ``, 404, "there is no /nowhere"},
		{"POST", "/start_profile", ``, 404, "--profiler-config"},
		{"POST", "/v1/completions", `{"prompt":"` + strings.Repeat("x", maxBodyBytes) + `"}`, 413, "longer than"},
	} {
		code, text := call(t, test.method, url+test.path, test.body)
		var e struct{ Error apiError }
		err := json.Unmarshal([]byte(text), &e)
		if code != test.code || err != nil || e.Error.Code != test.code || e.Error.Type == "" || !strings.Contains(e.Error.Message, test.want) || strings.Contains(e.Error.Message, "\n") {
			t.Errorf("%s %s %.60s: %d %s, want %d with %q", test.method, test.path, test.body, code, text, test.code, test.want)
		}
	}
	// What other clients send besides, and null, is passed over.
	complete(t, url, `{"prompt":"x","model":"m","best_of":1,"user":"me","suffix":null,"logit_bias":{},"stop":null,"seed":null,"temperature":null,"spaces":1}`)
}

func TestAPIKey(t *testing.T) {
	url := newServer(t, engine.Config{}, Options{APIKey: "secret"})
	if code, _ := call(t, http.MethodPost, url+"/v1/completions", `{"prompt":"x"}`); code != http.StatusUnauthorized {
		t.Errorf("without a key: %d", code)
	}
	if code, _ := call(t, http.MethodGet, url+"/health", ""); code != http.StatusOK {
		t.Errorf("health: %d", code)
	}
	q, err := http.NewRequest(http.MethodGet, url+"/v1/models", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer secret")
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Errorf("with the key: %d", r.StatusCode)
	}
}

// The profiler's routes behave as vLLM 0.32's were measured to.
func TestProfilerRoutes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "traces")
	c := engine.Config{TensorParallelSize: 2, Profiler: engine.DefaultProfilerConfig()}
	c.Profiler.Dir = dir
	url := newServer(t, c, Options{})
	expect := func(method, path, body string, want int) {
		t.Helper()
		code, text := call(t, method, url+path, body)
		if code != want || want == http.StatusOK && text != "" || want != http.StatusOK && !strings.Contains(text, `"error"`) {
			t.Errorf("%s %s %s: %d %q, want %d", method, path, body, code, text, want)
		}
	}
	traces := func(want int) []string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(dir, "*.pt.trace.json.gz"))
		if err != nil || len(files) != want {
			t.Errorf("%d traces, want %d: %v", len(files), want, files)
		}
		return files
	}
	const work = `{"prompt":[5,6,7],"max_tokens":6,"ignore_eos":true}`

	expect("POST", "/stop_profile", "", 200)
	expect("GET", "/start_profile", "", 405)
	expect("POST", "/start_profile", `{"max_iterations":"3"}`, 400)
	expect("POST", "/start_profile", `{"max_iterations":-3}`, 400)
	expect("POST", "/start_profile", `{"delay_iterations":1.5}`, 400)
	expect("POST", "/start_profile", `{"profile_prefix":"../x"}`, 400)
	expect("POST", "/start_profile", `nonsense`, 400)
	traces(0)

	expect("POST", "/start_profile", "", 200)
	expect("POST", "/start_profile", "", 409)
	complete(t, url, work)
	expect("POST", "/stop_profile", "", 200)
	files := traces(2)
	expect("POST", "/stop_profile", "", 200)
	traces(2)
	for _, f := range files {
		if n := steps(t, f); n != 6 {
			t.Errorf("%s has %d steps of 6", f, n)
		}
	}

	// Written without a stop, while the answer goes on; what was asked for and unknown is passed over.
	expect("POST", "/start_profile", `{"profile_prefix":"mine","delay_iterations":1,"max_iterations":3,"later":true}`, 200)
	complete(t, url, work)
	expect("POST", "/stop_profile", "", 200)
	traces(4)
	mine, err := filepath.Glob(filepath.Join(dir, "mine_*rank[01].*"))
	if err != nil || len(mine) != 2 {
		t.Fatalf("%v %v", mine, err)
	}
	for _, f := range mine {
		if n := steps(t, f); n != 3 {
			t.Errorf("%s has %d steps of 3", f, n)
		}
	}
	expect("POST", "/start_profile", "", 200) // still open when the server closes
}

// A stop that cannot write says so; the server goes on, and the next profile is written.
func TestTracesThatCannotBeWritten(t *testing.T) {
	c := engine.Config{Profiler: engine.DefaultProfilerConfig()}
	c.Profiler.Dir = filepath.Join(t.TempDir(), "traces")
	url := newServer(t, c, Options{})
	profile := func(disturb func()) (start, stop int, text string) {
		start, text = call(t, http.MethodPost, url+"/start_profile", "")
		complete(t, url, `{"prompt":"x","max_tokens":2}`)
		disturb()
		stop, stopText := call(t, http.MethodPost, url+"/stop_profile", "")
		return start, stop, text + stopText
	}
	if err := os.WriteFile(c.Profiler.Dir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if start, _, text := profile(func() {}); start != http.StatusInternalServerError || !strings.Contains(text, "profile directory") {
		t.Errorf("a file where the directory should be: %d %s", start, text)
	}
	if err := os.Remove(c.Profiler.Dir); err != nil {
		t.Fatal(err)
	}
	start, stop, text := profile(func() {
		if err := os.Remove(c.Profiler.Dir); err != nil {
			t.Fatal(err)
		}
	})
	if start != http.StatusOK || stop != http.StatusInternalServerError || !strings.Contains(text, "write the trace of rank 0") {
		t.Errorf("a directory that went away: %d %d %s", start, stop, text)
	}
	if start, stop, text := profile(func() {}); start != http.StatusOK || stop != http.StatusOK || text != "" {
		t.Errorf("afterwards: %d %d %s", start, stop, text)
	}
}

// A profile that is still being recorded when the server closes is written.
func TestCloseWritesTheProfile(t *testing.T) {
	c := engine.Config{Profiler: engine.DefaultProfilerConfig()}
	c.Profiler.Dir = t.TempDir()
	s, err := New(context.Background(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	if code, text := call(t, http.MethodPost, h.URL+"/start_profile", ""); code != http.StatusOK {
		t.Fatal(text)
	}
	complete(t, h.URL, `{"prompt":"x"}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(c.Profiler.Dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}
	for _, path := range []string{"/v1/completions", "/start_profile", "/stop_profile"} {
		if code, text := call(t, http.MethodPost, h.URL+path, `{"prompt":"x"}`); code != http.StatusServiceUnavailable {
			t.Errorf("%s of a closed server: %d %s", path, code, text)
		}
	}
}

func steps(t *testing.T, file string) (n int) {
	t.Helper()
	x, err := formats.ReadFile(file, source.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range x.Events.Len() {
		if x.Events.Category(i) == trace.CategoryUserAnnotation {
			n++
		}
	}
	return n
}

var metricLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\} (\S+)$`)

// Metrics are in Prometheus' format, their numbers agree with what was asked, and histograms add up.
func TestMetrics(t *testing.T) {
	url := newServer(t, engine.Config{}, Options{ModelName: `a "b"\`})
	complete(t, url, `{"prompt":[5,6,7],"max_tokens":6,"ignore_eos":true}`)
	complete(t, url, `{"prompt":[[5,6],[7]],"max_tokens":4,"n":2,"ignore_eos":true}`)
	text := waitFor(t, url, `vllm:e2e_request_latency_seconds_count{engine="0",model_name="a \"b\"\\"} 5`) // an answer is out before its step is counted
	values := map[string]float64{}
	typed := map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			typed[name] = true
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		m := metricLine.FindStringSubmatch(line)
		if m == nil || !strings.Contains(m[2], `model_name="a \"b\"\\"`) {
			t.Fatalf("line %q", line)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		name := m[1]
		if le := strings.Index(m[2], "le="); le >= 0 {
			if before := values[name]; v < before {
				t.Errorf("%s goes down from %v", line, before)
			}
		}
		values[name] = v // of buckets, the last stays: +Inf
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if !typed[name] && !typed[base] {
			t.Errorf("%s has no type", name)
		}
	}
	for name, want := range map[string]float64{
		"vllm:prompt_tokens_total": 9, "vllm:generation_tokens_total": 22, "vllm:num_requests_running": 0, "vllm:kv_cache_usage_perc": 0,
		"vllm:time_to_first_token_seconds_count": 5, "vllm:inter_token_latency_seconds_count": 17,
		"vllm:e2e_request_latency_seconds_count": 5, "vllm:request_generation_tokens_sum": 22, "vllm:request_prompt_tokens_sum": 9,
		"vllm:iteration_tokens_total_sum": 9 + 17,
	} {
		if values[name] != want {
			t.Errorf("%s is %v, want %v", name, values[name], want)
		}
	}
	for name, v := range values {
		if base, ok := strings.CutSuffix(name, "_bucket"); ok && v != values[base+"_count"] {
			t.Errorf("%s: %v in buckets, %v counted", base, v, values[base+"_count"])
		}
	}
}

func TestWhatIsServed(t *testing.T) {
	c := engine.Config{Profiler: engine.DefaultProfilerConfig()}
	c.Profiler.Dir = t.TempDir()
	url := newServer(t, c, Options{Version: "1.2.3"})
	for path, want := range map[string]string{
		"/version": `{"version":"1.2.3"}`, "/v1/models": `"max_model_len":512`, "/load": `{"server_load":0}`, "/health": "", "/ping": "",
		"/openapi.json": `"/start_profile":{"post"`,
	} {
		if code, text := call(t, http.MethodGet, url+path, ""); code != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %s", path, code, text, want)
		}
	}
}

func FuzzCompletions(f *testing.F) {
	for _, body := range []string{
		`{"prompt":"x","max_tokens":2}`, `{"prompt":[[1,2],[3]],"n":2,"stream":true}`, `{"prompt":["a","b"],"stop":"x","logprobs":3}`,
		`{"prompt":[1],"seed":-1,"min_p":0.1,"repetition_penalty":1.1,"presence_penalty":-1,"min_tokens":1,"max_tokens":2}`, `{"prompt":[1],"stop_token_ids":[-5]}`,
	} {
		f.Add([]byte(body))
	}
	s, err := New(context.Background(), engine.Config{MaxModelLen: 16}, Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		var q completionRequest
		if json.Unmarshal(body, &q) == nil {
			answers, _ := prompts(q.Prompt)
			if q.N != nil && *q.N > 8 || len(answers) > 64 {
				t.Skip("takes long")
			}
		}
		s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/completions", bytes.NewReader(body)))
		switch {
		case w.Code != http.StatusOK:
			if w.Code < 400 || w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
				t.Errorf("%q: %d %s", body, w.Code, w.Body)
			}
		case q.Stream:
			events, ended := strings.CutSuffix(w.Body.String(), "data: [DONE]\n\n")
			if !ended {
				t.Errorf("%q: the stream does not end: %s", body, w.Body)
			}
			for event := range strings.SplitSeq(strings.TrimSuffix(events, "\n\n"), "\n\n") {
				if text, ok := strings.CutPrefix(event, "data: "); !ok || !json.Valid([]byte(text)) {
					t.Errorf("%q: the stream has %q", body, event)
				}
			}
		default:
			var c completion
			if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || len(c.Choices) == 0 {
				t.Errorf("%q: %s, %v", body, w.Body, err)
			}
			for _, choice := range c.Choices {
				if choice.FinishReason == nil {
					t.Errorf("%q: an answer without an end: %s", body, w.Body)
				}
			}
		}
	})
}
