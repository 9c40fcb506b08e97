package server

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/engine"
)

func TestMetrics(t *testing.T) {
	m := parseMetrics([]byte(`# HELP vllm:num_requests_running Number of requests
vllm:num_requests_running{engine="0",model_name="a}b"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 4.0 1795535430
bare 2
nonsense{
vllm:num_requests_waiting{engine="0"} NaN-ish
`))
	if sum, ok := m.sum([]string{"vllm:num_requests_running"}); sum != 7 || !ok {
		t.Errorf("running %v, %t", sum, ok)
	}
	if sum, ok := m.sum([]string{"bare", "none"}); sum != 2 || !ok {
		t.Errorf("bare %v, %t", sum, ok)
	}
	if _, ok := m.sum(vllmWaiting); ok {
		t.Error("a line that is no sample counts")
	}
	if n := m.labelValues("vllm:num_requests_running", "engine"); n != 2 {
		t.Errorf("%d engines", n)
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add([]byte("a{b=\"c\"} 1\nd 2 3\n# x\n}{ 1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := parseMetrics(text)
		for name := range m.values {
			m.labelValues(name, "engine")
		}
	})
}

func TestRecognise(t *testing.T) {
	body, plain, off := `{"paths":{"/start_profile":{"post":{"requestBody":{}}}}}`, `{"paths":{"/start_profile":{"post":{}}}}`, `{"paths":{"/x":{}}}`
	for _, c := range []struct {
		owner, version, api string
		want                string
	}{
		{"vllm", "0.32.0", body, "vllm-body"},
		{"vllm", "0.32.1", "", "vllm-body"},
		{"vllm", "0.13.0rc1", plain, "vllm"},
		{"vllm", "0.12.0+cpu", plain, "vllm-env"},
		{"vllm", "v0.9.2", "", "vllm-env"},
		{"vllm", "0.32.0", off, "vllm-body"}, // the version is known, whatever is missing
		{"vllm", "0.32.0rc2+cpu", off, "vllm-body"},
		{"vllm", "0.31.0", off, "vllm"},
		{"vllm", "0.31.0", body, "vllm"}, // a release is what its number says
		{"vllm", "0.11.0", off, "vllm-env"},
		{"vllm", "0.1.dev9999+gabcdef", plain, "vllm"}, // a build of some commit: by its route
		{"vllm", "0.1.dev9999+gabcdef", body, "vllm-body"},
		{"vllm", "0.31.1.dev3+gabcdef", body, "vllm-body"},
		{"vllm", "0.32.0.dev3+gabcdef", plain, "vllm"},
		{"vllm", "0.40.0.dev3+gabcdef", off, "vllm-body"},
		{"vllm", "", plain, "vllm"},
		{"sglang", "0.5.9", plain, "sglang"},
		{"sglang", "", plain, "sglang"},
		{"sglang", "0.4.7", plain, "sglang"},
		{"sglang", "0.4.6.post5", plain, "sglang-old"},
		{"sglang", "0.3.9", plain, "sglang-old"},
		{"tensorrt_llm", "1.2.0", plain, "tensorrt-llm"},
		{"inferprof", "devel", plain, "inferprof"},
		{"llamacpp", "", "", "generic"},
	} {
		f := &facts{}
		f.take("/v1/models", []byte(`{"data":[{"id":"m","owned_by":"`+c.owner+`"}]}`))
		f.take("/version", []byte(`{"version":"`+c.version+`"}`))
		f.take("/openapi.json", []byte(c.api))
		if got := f.recognise().Name; got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// Answers that are not what they should be are passed over.
func TestFactsFromNonsense(t *testing.T) {
	f := &facts{}
	for _, path := range []string{"/v1/models", "/version", "/openapi.json", "/metrics", "/server_info", "/get_server_info"} {
		for _, text := range []string{"", "null", "[]", `"x"`, `{"data":null}`, `{"data":[{}]}`, `{"paths":[]}`, "<html>", `{"version":7}`} {
			f.take(path, []byte(text))
		}
	}
	if f.version != "" || f.routes != nil || f.recognise().Name != "generic" || f.ranks() != 0 {
		t.Errorf("%+v", f)
	}
}

const answerStream = `data: {"choices":[{"index":0,"text":" one","finish_reason":null}]}

: a comment
event: message
data: {"choices":[{"index":0,"text":"","finish_reason":null}]}
data: {"choices":[{"index":0,"text":" two","finish_reason":"stop","stop_reason":"."}]}
data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":3}}

data: [DONE]
`

func readStream(text string) (*engine.Output, error) {
	o := &engine.Output{Finish: engine.FinishAborted}
	s := stream{o: o}
	return o, s.read(iotest.OneByteReader(strings.NewReader(text)))
}

func TestStream(t *testing.T) {
	o, err := readStream(answerStream)
	if err != nil || o.Text != " one two" || o.Finish != engine.FinishStop || o.StopReason != "." || o.PromptCount != 3 || o.OutputCount != 3 || len(o.Gaps) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	// The end on a line of its own is no token.
	o, err = readStream(`data: {"choices":[{"text":"a","finish_reason":null}]}
data: {"choices":[{"text":"","finish_reason":"length"}]}
data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}
data: [DONE]`)
	if err != nil || o.OutputCount != 1 || len(o.Gaps) != 0 || !o.LastToken.Equal(o.FirstToken) {
		t.Errorf("%+v, %v", o, err)
	}
	// A token without text is one: the server counts it.
	o, err = readStream(`data: {"choices":[{"text":"a","finish_reason":null}]}
data: {"choices":[{"text":"","finish_reason":"length"}]}
data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}
data: [DONE]`)
	if err != nil || o.OutputCount != 2 || len(o.Gaps) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	long := `data: {"choices":[{"text":"` + strings.Repeat("x", 100_000) + `","finish_reason":"stop"}]}` + "\ndata: [DONE]\n"
	if o, err = readStream(long); err != nil || len(o.Text) != 100_000 || o.OutputCount != 1 {
		t.Errorf("a long line: %d bytes, %v", len(o.Text), err)
	}
	for text, want := range map[string]string{
		`data: {"choices":[{"text":"a"}]}` + "\n":                                  "ended the stream before",
		"data: {\"choices\"\n":                                                     "not JSON",
		`data: {"error":{"message":"EngineCore encountered an issue","code":500}}`: "EngineCore encountered",
		"": "ended the stream before",
	} {
		if _, err := readStream(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(answerStream))
	f.Add([]byte("data:{\"choices\":[{\"finish_reason\":\"\"}],\"usage\":{\"completion_tokens\":-1}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o := &engine.Output{}
		s := stream{o: o}
		if err := s.read(bytes.NewReader(text)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error of more than one line: %q", err)
		}
		if o.TTFT() < 0 && !o.Arrival.IsZero() || slices.Min(append(o.Gaps, 0)) < 0 {
			t.Errorf("%+v", o)
		}
	})
}

func TestCollectFlag(t *testing.T) {
	for text, want := range map[string]place{
		"ssh node1:/data/x/":                 &ssh{"node1", "/data/x"},
		"ssh me@10.0.0.1:/":                  &ssh{"me@10.0.0.1", "/"},
		"ssh node1:/with space/it's":         &ssh{"node1", "/with space/it's"},
		"kubectl vllm-0:/data":               &kubectl{"", "vllm-0", "", "/data"},
		"kubectl inference/vllm-0:/data":     &kubectl{"inference", "vllm-0", "", "/data"},
		"kubectl  inference/vllm-0/srv:/a:b": &kubectl{"inference", "vllm-0", "srv", "/a:b"},
	} {
		got, err := parseCollect(text)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(ssh{}, kubectl{})); err != nil || diff != "" {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	for _, text := range []string{"", "ssh", "ssh host", "ssh host:dir", "ssh :/dir", "scp host:/dir", "ssh -oProxyCommand=x:/dir", "ssh a b:/dir",
		"ssh $(x):/dir", "kubectl -n/x:/dir", "kubectl a/-b:/dir", "kubectl a/b/c/d:/dir", "kubectl /:/dir", "ssh host:/a\nb"} {
		_, err := parseCollect(text)
		if _, usage := errors.AsType[*engine.UsageError](err); !usage {
			t.Errorf("%q: error %v, want a usage error", text, err)
		}
	}
}

func TestListing(t *testing.T) {
	got := parseListing([]byte("12 1795535430 /data/x/rank0.1.pt.trace.json.gz\n0 1795535431 /data/x/with space.json\nnonsense\n1 2\n3 4 /\n"))
	want := map[string]engine.Entry{"rank0.1.pt.trace.json.gz": {SizeBytes: 12, ModifiedNs: 1795535430e9}, "with space.json": {ModifiedNs: 1795535431e9}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzListing(f *testing.F) {
	f.Add([]byte("12 1795535430 /data/x/rank0.json\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for name := range parseListing(text) {
			if filepath.Base(name) != name || name == ".." || name == "." {
				t.Errorf("a listing names %q", name)
			}
		}
	})
}

// The user's own programs are called with arguments as they are. The fake ssh does what sshd does: it gives what it got to a
// shell.
func TestRemote(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the fake programs are shell scripts")
	}
	bin, remote := t.TempDir(), filepath.Join(t.TempDir(), "it's; touch pwned $(touch pwned)")
	if err := os.Mkdir(remote, 0o755); err != nil {
		t.Fatal(err)
	}
	name := `rank0 '"$x.1795535430.pt.trace.json`
	if err := os.WriteFile(filepath.Join(remote, name), []byte("trace"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := func(program, text string) {
		if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("ssh", `[ "$1 $2 $3 $4" = "-o BatchMode=yes -- node1" ] || { echo "asked: $*" >&2; exit 9; }; shift 4; exec sh -c "$*"`)
	script("kubectl", `[ "$1 $2 $3 $4 $5" = "exec --namespace=ns --container=c pod-0 --" ] || { echo "asked: $*" >&2; exit 9; }; shift 5; exec "$@"`)
	script("rsync", `echo "rsync: not there" >&2; exit 127`)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Chdir(t.TempDir())
	ctx := context.Background()
	for _, s := range []place{&ssh{"node1", remote}, &kubectl{"ns", "pod-0", "c", remote}} {
		files, err := s.List(ctx)
		if err != nil || len(files) != 1 || files[name].SizeBytes != 5 {
			t.Errorf("%v: %v, %v", s, files, err)
			continue
		}
		if got := s.try(ctx); got.at != remote || got.err != nil || got.free <= 0 || got.temp == "" {
			t.Errorf("%v: a trial: %+v", s, got)
		}
		if files, err := s.List(ctx); err != nil || len(files) != 1 {
			t.Errorf("%v: a trial left something: %v, %v", s, files, err)
		}
		into := filepath.Join(t.TempDir(), "here")
		if err := s.Fetch(ctx, name, into); err != nil {
			t.Errorf("%v: %v", s, err)
		}
		if text, err := os.ReadFile(into); string(text) != "trace" {
			t.Errorf("%v: fetched %q, %v", s, text, err)
		}
		if err := s.Fetch(ctx, "none", into); err == nil || !strings.Contains(err.Error(), "No such file") {
			t.Errorf("%v: a missing file: %v", s, err)
		}
	}
	for _, s := range []place{&ssh{"node1", "/none"}, &kubectl{"ns", "pod-0", "c", "/none"}} {
		if files, err := s.List(ctx); err != nil || len(files) > 0 {
			t.Errorf("%v: %v, %v; a directory may come later", s, files, err)
		}
	}
	if got := (&ssh{"node2", "/x"}).try(ctx); got.err == nil || !strings.Contains(got.err.Error(), "try node2:/x: ssh: ") {
		t.Errorf("a trial on a host that does not answer: %+v", got)
	}
	if _, err := (&ssh{"node2", "/x"}).List(ctx); err == nil || !strings.Contains(err.Error(), "list node2:/x: ssh: asked:") {
		t.Errorf("a host that does not answer: %v", err)
	}
	script("rsync", `for last; do :; done; printf 'trace by rsync' > "$last"`)
	into := filepath.Join(t.TempDir(), "here")
	if err := (&ssh{"node1", remote}).Fetch(ctx, name, into); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(into); string(text) != "trace by rsync" {
		t.Errorf("fetched %q", text)
	}
	if found, _ := filepath.Glob("pwned*"); len(found) > 0 {
		t.Error("a shell ran what was an argument")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := (&kubectl{"", "p", "", "/x"}).List(ctx); err == nil || !strings.Contains(err.Error(), "kubectl is not installed") {
		t.Errorf("without kubectl: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"http://h:8000": "http://h:8000", "h:8000": "http://h:8000", "https://h/": "https://h", "http://h:1/v1/": "http://h:1", "http://h/gw/v1": "http://h/gw",
	} {
		c, err := newClient(text, "")
		if err != nil || c.base != want {
			t.Errorf("%s: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{"", "http://", "ftp://h", "http://h?x=1", "http://u:p@h", "http://[::1"} {
		_, err := newClient(text, "")
		if _, usage := errors.AsType[*engine.UsageError](err); !usage {
			t.Errorf("%q: error %v, want a usage error", text, err)
		}
	}
}
