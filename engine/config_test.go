package engine

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProfilerConfig(t *testing.T) {
	base := DefaultProfilerConfig()
	for _, test := range []struct {
		text string
		want func(*ProfilerConfig)
	}{
		{`{}`, func(*ProfilerConfig) {}},
		{`{"profiler":"torch","torch_profiler_dir":"./vllm_profile"}`, func(c *ProfilerConfig) { c.Dir = "./vllm_profile" }},
		{`{"torch_profiler_with_stack":true,"torch_profiler_use_gzip":false,"torch_profiler_record_shapes":false}`, func(c *ProfilerConfig) {
			c.WithStack, c.UseGzip, c.RecordShapes = true, false, false
		}},
		{`{"delay_iterations":2,"max_iterations":3,"ignore_frontend":true,"torch_profiler_dump_cuda_time_total":false}`, func(c *ProfilerConfig) {
			c.DelayIterations, c.MaxIterations = 2, 3
		}},
		{`{"wait_iterations":1,"warmup_iterations":2}`, func(c *ProfilerConfig) { c.DelayIterations, c.MaxIterations = 3, 5 }},
		{`{"wait_iterations":1,"active_iterations":9,"max_iterations":4}`, func(c *ProfilerConfig) { c.DelayIterations, c.MaxIterations = 1, 4 }},
	} {
		want := base
		test.want(&want)
		got, err := ParseProfilerConfig(test.text, base)
		got.Extra = nil
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", test.text, err, diff)
		}
	}
}

func TestBadProfilerConfigs(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  "it takes JSON such as",
		`{"torch_profiler_dir":`:            "it takes JSON such as",
		`{} {}`:                             "text after the JSON object",
		`{"torch_profiler_dir":3}`:          "it takes JSON such as",
		`{"profiler":"cuda"}`:               `profiler "cuda"`,
		`{"torch_profiler_dir":"s3://b/x"}`: "a local directory is needed",
		`{"max_iterations":-1}`:             "max_iterations -1",
		`{"delay_iterations":-1}`:           "delay_iterations -1",
		`{"wait_iterations":-1}`:            "must be 0 or more",
		`{"active_iterations":0}`:           "active_iterations 1 or more",

		`{"wait_iterations":9223372036854775807,"warmup_iterations":1}`: "all at most",
		`{"delay_iterations":9223372036854775807,"wait_iterations":1}`:  "delay_iterations 9223372036854775807",
	} {
		_, err := ParseProfilerConfig(text, DefaultProfilerConfig())
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want a usage error of one line with %q", text, err, want)
		}
	}
}

// What not every engine has is kept as it was said, and refused by an engine that has not.
func TestExtraProfilerConfig(t *testing.T) {
	for text, want := range map[string]string{
		`{"torch_profiler_dir":"d","max_iterations":2,"wait_iterations":1}`:    "",
		`{"torch_profiler_dump_cuda_time_total":true,"ignore_frontend":false}`: "",
		`{"capture_torch_profiler":false,"detailed_trace_annotation":false}`:   "",
		`{"torch_profile_dir":"x"}`:                       `unknown field "torch_profile_dir"`,
		`{"torch_profiler_dump_cuda_time_total":3}`:       "must be true or false",
		`{"capture_torch_profiler":true}`:                 "capture_torch_profiler is not supported",
		`{"detailed_trace_annotation":true}`:              "detailed_trace_annotation is not supported",
		`{"torch_profiler_activities":["CUDA"]}`:          `unknown field "torch_profiler_activities"`,
		`{"ignore_frontend":true,"proton_hook":"triton"}`: `unknown field "proton_hook"`,
	} {
		c, err := ParseProfilerConfig(text, DefaultProfilerConfig())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		err = c.CheckExtra()
		var usage *UsageError
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want a usage error with %q", text, err, want)
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &keys); err != nil {
			t.Fatal(err)
		}
		for key, value := range c.Extra {
			if string(keys[key]) != string(value) {
				t.Errorf("%s: %s became %s", text, key, value)
			}
		}
	}
}

func FuzzParseProfilerConfig(f *testing.F) {
	f.Add(`{"profiler":"torch","torch_profiler_dir":"./vllm_profile"}`)
	f.Add(`{"wait_iterations":1,"max_iterations":4}`)
	f.Add(`{"wait_iterations":9223372036854775807,"warmup_iterations":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseProfilerConfig(text, DefaultProfilerConfig())
		if err == nil && c.Validate() != nil {
			t.Errorf("%q was accepted as %+v, which is not valid", text, c)
		}
		var given struct {
			Wait int `json:"wait_iterations"`
		}
		if err == nil && json.Unmarshal([]byte(text), &given) == nil && c.DelayIterations < given.Wait {
			t.Errorf("%q waits for %d iterations", text, c.DelayIterations)
		}
	})
}
