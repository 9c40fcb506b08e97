package server

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		args, environ []string
		want          settings
	}{
		{args: []string{"python", "-m", "x", "--profiler-config", `{"profiler":"torch","torch_profiler_dir":"/a b"}`}, want: settings{Dir: "/a b", known: true}},
		{args: []string{"vllm", "serve", `--profiler_config={"torch_profiler_dir":"rel"}`}, want: settings{Dir: "rel", known: true}},
		{args: []string{"vllm", "--profiler-config.torch_profiler_dir=/a"}, want: settings{Dir: "/a", known: true}},
		{args: []string{"vllm", "--profiler-config.profiler", "torch", "--profiler-config.torch_profiler_dir", "/b"}, want: settings{Dir: "/b", known: true}},
		{args: []string{"vllm", "--profiler-config.torch-profiler-dir", "7", "--profiler_config.torch_profiler_with_stack=False"},
			want: settings{WithStack: new(false), known: true}}, // a number is no directory
		{args: []string{"vllm", "--profiler-config", `{"torch_profiler_dir":"/a","torch_profiler_with_stack":false,"torch_profiler_record_shapes":true,` +
			`"torch_profiler_with_memory":true,"torch_profiler_use_gzip":false,"ignore_frontend":true,"max_iterations":7,"torch_profiler_with_flops":1}`},
			want: settings{"/a", new(false), new(true), new(true), new(false), new(true), new(7), 0, true}},
		{args: []string{"vllm", "--profiler-config", `{"torch_profiler_dir":"/a","max_iterations":"many"}`}, want: settings{Dir: "/a", known: true}},
		{args: []string{"vllm", "--profiler-config"}, environ: []string{"HOME=/", "VLLM_TORCH_PROFILER_DIR=/env"}, want: settings{Dir: "/env", known: true}},
		{environ: []string{"SGLANG_TORCH_PROFILER_DIR=/env"}, want: settings{Dir: "/env", known: true}},
		{environ: []string{"VLLM_TORCH_PROFILER_DIR=/env", "VLLM_TORCH_PROFILER_WITH_STACK=0", "VLLM_TORCH_PROFILER_RECORD_SHAPES=1", "VLLM_PROFILER_MAX_ITERS=3"},
			want: settings{Dir: "/env", WithStack: new(false), RecordShapes: new(true), MaxIterations: new(3), known: true}},
		{args: []string{"vllm", "--profiler-config", `{"torch_profiler_dir":"/a"}`}, environ: []string{"VLLM_TORCH_PROFILER_DIR=/env", "VLLM_TORCH_PROFILER_WITH_STACK=0"},
			want: settings{Dir: "/a", WithStack: new(false), known: true}},
		{args: []string{"vllm", "--profiler-config", "nonsense"}, environ: []string{"VLLM_TORCH_PROFILER_DIR="}},
		{args: []string{"vllm", "--config", "server.yaml"}},
		{args: []string{"vllm", "-tp", "2", "--tensor_parallel_size=4", "--pipeline-parallel-size", "2", "-dp", "many"}, want: settings{ranks: 8}},
	} {
		if diff := cmp.Diff(c.want, settingsOf(c.args, c.environ), cmp.AllowUnexported(settings{})); diff != "" {
			t.Errorf("%q %q: %s", c.args, c.environ, diff)
		}
	}
}

// What a vLLM in development mode says is in effect has the last word; one that tells nothing leaves all unknown.
func TestSettingsOfInfo(t *testing.T) {
	for text, want := range map[string]settings{
		`{"vllm_config":{"profiler_config":{"profiler":"torch","torch_profiler_dir":"/a","torch_profiler_with_stack":true,"max_iterations":0,"torch_profiler_activities":null}},
		  "vllm_env":{"VLLM_TORCH_PROFILER_DIR":"/env","VLLM_TORCH_PROFILER_WITH_STACK":false}}`: {Dir: "/a", WithStack: new(true), MaxIterations: new(0), known: true},
		`{"vllm_config":"model='x'","vllm_env":{"VLLM_TORCH_PROFILER_DIR":"/env","VLLM_PROFILER_MAX_ITERS":4}}`: {Dir: "/env", MaxIterations: new(4), known: true},
		`{"version":"0.5.23","tp_size":2}`: {},
		`{}`:                               {},
	} {
		var info map[string]any
		if err := json.Unmarshal([]byte(text), &info); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, settingsOfInfo(info), cmp.AllowUnexported(settings{})); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add("--profiler-config", `{"torch_profiler_dir":"/a","max_iterations":-1}`, "VLLM_TORCH_PROFILER_DIR=/x")
	f.Add("--profiler-config.torch_profiler_dir", "[", "TMPDIR=rel")
	f.Fuzz(func(t *testing.T, flag, value, environ string) {
		s := settingsOf([]string{flag, value, flag + "=" + value}, []string{environ})
		if !s.known && (s.Dir != "") {
			t.Errorf("%q %q %q: a directory out of nowhere: %+v", flag, value, environ, s)
		}
		p := serverProcess{cwd: "/work", settings: s}
		if dir := p.traceDir(); dir != "" && dir[0] != '/' {
			t.Errorf("a trace directory that nobody finds: %q", dir)
		}
		for _, dir := range tempsOf([]string{environ}) {
			if dir[0] != '/' {
				t.Errorf("a temporary directory that nobody finds: %q", dir)
			}
		}
	})
}

func TestTemps(t *testing.T) {
	if diff := cmp.Diff([]string{"/a", "/b", "/tmp", "/var/tmp", "/usr/tmp"}, tempsOf([]string{"TMP=/b", "TMPDIR=/a/", "TEMP=relative"})); diff != "" {
		t.Error(diff)
	}
}

// Who only passes on is not taken for the server.
func TestRelays(t *testing.T) {
	for _, c := range []struct {
		args []string
		want bool
	}{
		{[]string{"ssh", "-L", "8000:node1:8000", "node1"}, true},
		{[]string{"sshd: me@notty"}, true},
		{[]string{"/usr/bin/docker-proxy", "-proto", "tcp"}, true},
		{[]string{"nginx: master process /usr/sbin/nginx"}, true},
		{[]string{"/venv/bin/python", "-m", "vllm.entrypoints.openai.api_server"}, false},
		{[]string{""}, false},
		{nil, false},
	} {
		if got := relay(c.args); got != c.want {
			t.Errorf("%q: %t", c.args, got)
		}
	}
}
