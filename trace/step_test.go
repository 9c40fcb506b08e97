package trace

import "testing"

func TestParseStep(t *testing.T) {
	type want struct {
		dialect                                    StepDialect
		phase                                      StepPhase
		ctxRequests, ctxTokens, genRequests, genTk int64
	}
	for _, c := range []struct {
		name string
		want want
	}{
		{"execute_new_3_cached_5", want{DialectVLLMOld, StepMixed, 3, Absent, 5, Absent}},
		{"execute_new_0_cached_5", want{DialectVLLMOld, StepDecode, 0, Absent, 5, Absent}},
		{"execute_context_1(888)_generation_0(0)", want{DialectVLLM, StepPrefill, 1, 888, 0, 0}},
		{"execute_context_7(308)_generation_1(1)", want{DialectVLLM, StepMixed, 7, 308, 1, 1}},
		{"execute_context_0(0)_generation_8(24)", want{DialectVLLM, StepDecode, 0, 0, 8, 24}},
		{"execute_context_0(0)_generation_0(0)", want{DialectVLLM, StepEmpty, 0, 0, 0, 0}},
		{"execute_context_1(888_788544)_generation_0(0)", want{DialectVLLM, StepPrefill, 1, 888, 0, 0}},
		{"execute_8192_context_9(sq8155sk8430sqsq7475785sqsk7671310)_generation_37(sq37sk34489sqsq37sqsk34489)",
			want{DialectVLLMDetailed, StepMixed, 9, 8155, 37, 37}},
		{"step[DECODE bs=32]", want{DialectSGLang, StepDecode, 0, 0, 32, 32}},
		{"step[EXTEND bs=15 toks=15360]", want{DialectSGLang, StepPrefill, 15, 15360, 0, 0}},
		{"step[MIXED bs=2 c=1 g=1 c_sq=7 g_sq=1]", want{DialectSGLang, StepMixed, 1, 7, 1, 1}},
		{"step[TARGET_VERIFY bs=8]", want{DialectSGLang, StepDecode, 0, 0, 8, Absent}},
		{"draft step[DECODE bs=2]", want{DialectSGLang, StepDecode, 0, 0, 2, 2}},
		{"step[IDLE bs=0]", want{DialectSGLang, StepEmpty, 0, 0, 0, 0}},
		{"prefill[bs=2 tok=512]", want{DialectATOM, StepPrefill, 2, 512, 0, 0}},
		{"decode[bs=117/128]", want{DialectATOM, StepDecode, 0, 0, 117, 117}},
		{"capture_32_DECODE", want{DialectCapture, StepCapture, Absent, Absent, Absent, Absent}},
		{"capture_32_PIECEWISE", want{DialectCapture, StepCapture, Absent, Absent, Absent, Absent}},
		{"execute_diffusion_1_256x256", want{DialectXDiT, StepUnknown, Absent, Absent, Absent, Absent}},
		{"model_inference", want{DialectXDiT, StepUnknown, Absent, Absent, Absent, Absent}},
		{"ProfilerStep#12", want{DialectProfilerStep, StepUnknown, Absent, Absent, Absent, Absent}},
	} {
		s, ok := ParseStep(c.name)
		got := want{s.Dialect, s.Phase, s.ContextRequests, s.ContextTokens, s.GenerationRequests, s.GenerationTokens}
		if !ok || got != c.want {
			t.Errorf("ParseStep(%q) = %+v, %v; want %+v", c.name, got, ok, c.want)
		}
	}
}

func TestParseStepSums(t *testing.T) {
	s, _ := ParseStep("execute_33_context_1(sq1sk2sqsq3sqsk4)_generation_32(sq5sk6sqsq7sqsk8)")
	if want := (AttentionSums{1, 2, 3, 4}); s.Context != want {
		t.Errorf("context sums = %+v, want %+v", s.Context, want)
	}
	if want := (AttentionSums{5, 6, 7, 8}); s.Generation != want {
		t.Errorf("generation sums = %+v, want %+v", s.Generation, want)
	}
	if s, _ = ParseStep("execute_context_1(888_788544)_generation_0(0)"); s.Context.QuerySq != 788544 {
		t.Errorf("Σtokens² = %d, want 788544", s.Context.QuerySq)
	}
	if s, _ = ParseStep("ProfilerStep#12"); s.Number != 12 {
		t.Errorf("ProfilerStep number = %d, want 12", s.Number)
	}
	if s, _ = ParseStep("draft step[DECODE bs=2]"); !s.Draft {
		t.Error("draft step is not marked as the draft model's")
	}
}

func TestParseStepRefuses(t *testing.T) {
	for _, name := range []string{
		"", "execute_", "execute_model", "execute_context_1(888)", "execute_context_(8)_generation_0(0)",
		"execute_context_1(-8)_generation_0(0)", "execute_context_1(8)_generation_0(0) ", "xexecute_context_1(8)_generation_0(0)",
		"execute_x_context_1(8)_generation_0(0)", "execute_1_context_1(sq1sk1)_generation_0(0)",
		"step[]", "step[decode bs=1]", "step[DECODE bs=x]", "step[DECODE bs=1", "prefill[tok=5]", "decode[", "capture_DECODE",
		"ProfilerStep#", "ProfilerStep#x", "execute_diffusion_", "execute_diffusion_1_256", "execute_diffusion_a_2x2", "model_inference_2", "aten::mm", "execute_context_99999999999999999999(1)_generation_0(0)",
	} {
		if s, ok := ParseStep(name); ok {
			t.Errorf("ParseStep(%q) = %+v, want refusal", name, s)
		}
	}
}

func TestParsePythonStep(t *testing.T) {
	for name, want := range map[string]bool{
		"vllm/v1/worker/gpu_model_runner.py(1002): execute_model":                     true,
		"vllm/v1/worker/gpu/model_runner.py(1100): execute_model":                     true,
		"/sgl/python/sglang/srt/managers/tp_worker.py(447): forward_batch_generation": true,
		"vllm/v1/worker/gpu_worker.py(835): execute_model":                            false,
		"vllm/v1/worker/gpu_model_runner.py(1002): execute_model_state":               false,
		"execute_model": false, "): execute_model": false, "": false,
	} {
		if _, ok := ParsePythonStep(name); ok != want {
			t.Errorf("ParsePythonStep(%q) = %v, want %v", name, ok, want)
		}
	}
}

func FuzzParseStep(f *testing.F) {
	for _, s := range []string{"execute_context_1(888)_generation_0(0)", "step[MIXED bs=2 c=1 g=1]", "decode[bs=117/128]",
		"execute_1_context_0(sq0sk0sqsq0sqsk0)_generation_1(sq1sk1sqsq1sqsk1)", "capture_1_FULL", "a.py(1): execute_model"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, parse := range []func(string) (Step, bool){ParseStep, ParsePythonStep} {
			s, ok := parse(name)
			if !ok {
				continue
			}
			if s.Dialect == "" || s.Phase == "" {
				t.Errorf("%q: accepted without dialect or phase: %+v", name, s)
			}
			for _, n := range []int64{s.ContextRequests, s.ContextTokens, s.GenerationRequests, s.GenerationTokens} {
				if n < Absent {
					t.Errorf("%q: count %d", name, n)
				}
			}
		}
	})
}
