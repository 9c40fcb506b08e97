package trace

import (
	"strconv"
	"strings"
)

// Engines mark each of their iterations with an annotation whose name says what the iteration works on. Every engine
// and version has its own grammar:
//
//	vLLM ≤ 0.13      execute_new_3_cached_5
//	vLLM ≥ 0.14      execute_context_1(888)_generation_4(4)          requests(tokens); also the embedded engine's
//	vLLM, one build  execute_context_1(888_788544)_generation_0(0)   tokens_Σtokens²
//	vLLM, detailed   execute_40_context_8(sq8sk9sqsq7sqsk6)_generation_32(sq32sk900sqsq32sqsk900)
//	SGLang           step[EXTEND bs=15 toks=15360]   draft step[DECODE bs=2]   step[MIXED bs=4 c=1 g=3 c_sq=… g_sk=…]
//	ATOM             prefill[bs=2 tok=512]   decode[bs=117/128]
//	graph capture    capture_32_DECODE
//	xDiT             execute_diffusion_1_256x256   model_inference
//	torch            ProfilerStep#12
//
// Traces without annotations but with Python stacks still show the function that runs an iteration. ParseStep knows
// all of these from the name alone; which of several nested names counts as the step is the analysis' choice.

// StepPhase is what an engine iteration does.
type StepPhase string

// The phases of inference.
const (
	StepPrefill StepPhase = "prefill" // only prompts
	StepDecode  StepPhase = "decode"  // only requests that already have an output token
	StepMixed   StepPhase = "mixed"   // both
	StepEmpty   StepPhase = "empty"   // the engine ran without work
	StepCapture StepPhase = "capture" // a graph is being recorded: calls are made, nothing runs
	StepUnknown StepPhase = "unknown" // the name does not say
)

// StepDialect is the grammar in which a step's name is written.
type StepDialect string

// The dialects.
const (
	DialectSGLang       StepDialect = "sglang"
	DialectVLLMDetailed StepDialect = "vllm_detailed"
	DialectVLLM         StepDialect = "vllm"
	DialectVLLMOld      StepDialect = "vllm_new_cached"
	DialectATOM         StepDialect = "atom"
	DialectCapture      StepDialect = "graph_capture"
	DialectXDiT         StepDialect = "xdit" // of images: neither prefill nor decode
	DialectProfilerStep StepDialect = "profiler_step"
	DialectPython       StepDialect = "python"
	DialectGraphLaunch  StepDialect = "graph_launch" // no name at all: concluded from launches, by package analyze
)

// Step is what the name of one engine iteration says. Counts are Absent where it does not.
type Step struct {
	Dialect StepDialect
	Phase   StepPhase
	Mode    string // SGLang's and graph capture's own word: EXTEND, DECODE, TARGET_VERIFY, PIECEWISE …; "" elsewhere
	Draft   bool   // an iteration of the draft model of speculative decoding
	Number  int64  // of a ProfilerStep

	ContextRequests    int64 // requests without an output token yet
	ContextTokens      int64 // prompt tokens computed in this step
	GenerationRequests int64
	GenerationTokens   int64

	Context, Generation AttentionSums
}

// AttentionSums are what attention's cost is made of, summed over requests; Absent where the name does not say.
type AttentionSums struct {
	Query    int64 // Σ query tokens
	Key      int64 // Σ sequence length
	QuerySq  int64 // Σ query²
	QueryKey int64 // Σ query · sequence length
}

var absentSums = AttentionSums{Absent, Absent, Absent, Absent}

// ParseStep reads the name of a user annotation. It reports false if the name is no step's.
func ParseStep(name string) (Step, bool) {
	s := Step{
		Phase: StepUnknown, Number: Absent,
		ContextRequests: Absent, ContextTokens: Absent, GenerationRequests: Absent, GenerationTokens: Absent,
		Context: absentSums, Generation: absentSums,
	}
	var ok bool
	switch {
	case strings.HasPrefix(name, "execute_diffusion_"):
		ok = s.parseXDiT(name[len("execute_diffusion_"):])
	case name == "model_inference":
		s.Dialect, ok = DialectXDiT, true
	case strings.HasPrefix(name, "execute_"):
		ok = s.parseVLLM(name[len("execute_"):])
	case strings.HasPrefix(name, "step["):
		ok = s.parseSGLang(name[len("step["):])
	case strings.HasPrefix(name, "draft step["):
		s.Draft = true
		ok = s.parseSGLang(name[len("draft step["):])
	case strings.HasPrefix(name, "prefill["):
		ok = s.parseATOM(StepPrefill, name[len("prefill["):])
	case strings.HasPrefix(name, "decode["):
		ok = s.parseATOM(StepDecode, name[len("decode["):])
	case strings.HasPrefix(name, "capture_"):
		ok = s.parseCapture(name[len("capture_"):])
	case strings.HasPrefix(name, "ProfilerStep#"):
		s.Dialect = DialectProfilerStep
		s.Number, ok = count(name[len("ProfilerStep#"):])
	}
	return s, ok
}

// pythonSteps are functions of which one call is one iteration: the end of the file's path, and the function.
var pythonSteps = []struct{ file, function string }{
	{"gpu_model_runner.py", "execute_model"},
	{"gpu/model_runner.py", "execute_model"},
	{"cpu_model_runner.py", "execute_model"},
	{"tp_worker.py", "forward_batch_generation"},
}

// ParsePythonStep reads the name of a python_function event, "file.py(line): function". It reports false unless a call
// of that function is an engine iteration.
func ParsePythonStep(name string) (Step, bool) {
	path, function, ok := strings.Cut(name, "): ")
	if !ok {
		return Step{}, false
	}
	open := strings.LastIndexByte(path, '(')
	if open < 0 {
		return Step{}, false
	}
	for _, p := range pythonSteps {
		if function == p.function && strings.HasSuffix(path[:open], p.file) {
			return Step{
				Dialect: DialectPython, Phase: StepUnknown, Number: Absent,
				ContextRequests: Absent, ContextTokens: Absent, GenerationRequests: Absent, GenerationTokens: Absent,
				Context: absentSums, Generation: absentSums,
			}, true
		}
	}
	return Step{}, false
}

// parseVLLM reads what follows execute_.
func (s *Step) parseVLLM(rest string) bool {
	if body, ok := strings.CutPrefix(rest, "new_"); ok {
		fresh, cached, ok := strings.Cut(body, "_cached_")
		var okNew, okCached bool
		s.Dialect = DialectVLLMOld
		s.ContextRequests, okNew = count(fresh)
		s.GenerationRequests, okCached = count(cached)
		s.Phase = phaseOf(s.ContextRequests, s.GenerationRequests)
		return ok && okNew && okCached
	}
	s.Dialect = DialectVLLM
	context, ok := strings.CutPrefix(rest, "context_")
	if !ok {
		total, body, found := strings.Cut(rest, "_context_")
		if _, isCount := count(total); !found || !isCount {
			return false
		}
		s.Dialect, context = DialectVLLMDetailed, body
	}
	context, generation, ok := strings.Cut(context, ")_generation_")
	if !ok || !strings.HasSuffix(generation, ")") {
		return false
	}
	if s.ContextRequests, s.ContextTokens, s.Context, ok = requests(context); !ok {
		return false
	}
	s.GenerationRequests, s.GenerationTokens, s.Generation, ok = requests(strings.TrimSuffix(generation, ")"))
	s.Phase = phaseOf(s.ContextTokens, s.GenerationRequests)
	return ok
}

// requests reads "8(1024", "8(1024_1048576" or "8(sq8sk9sqsq7sqsk6".
func requests(text string) (n, tokens int64, sums AttentionSums, ok bool) {
	sums = absentSums
	head, inner, found := strings.Cut(text, "(")
	if n, ok = count(head); !ok || !found {
		return 0, 0, sums, false
	}
	if strings.HasPrefix(inner, "sq") {
		sums, ok = attentionSums(inner)
		return n, sums.Query, sums, ok
	}
	inner, square, hasSquare := strings.Cut(inner, "_")
	if tokens, ok = count(inner); ok && hasSquare {
		sums.QuerySq, ok = count(square)
	}
	return n, tokens, sums, ok
}

// attentionSums reads sq8sk9sqsq7sqsk6.
func attentionSums(text string) (a AttentionSums, ok bool) {
	rest := text
	for _, f := range []struct {
		name string
		to   *int64
	}{{"sq", &a.Query}, {"sk", &a.Key}, {"sqsq", &a.QuerySq}, {"sqsk", &a.QueryKey}} {
		if rest, ok = strings.CutPrefix(rest, f.name); !ok {
			return absentSums, false
		}
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		if *f.to, ok = count(rest[:end]); !ok {
			return absentSums, false
		}
		rest = rest[end:]
	}
	return a, rest == ""
}

// parseSGLang reads what follows step[.
func (s *Step) parseSGLang(rest string) bool {
	body, ok := strings.CutSuffix(rest, "]")
	fields := strings.Fields(body)
	if !ok || len(fields) == 0 || !isMode(fields[0]) {
		return false
	}
	s.Dialect, s.Mode = DialectSGLang, fields[0]
	batch, tokens := Absent, Absent
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		n, ok := count(value)
		if !ok {
			return false
		}
		switch key {
		case "bs":
			batch = n
		case "toks":
			tokens = n
		case "c":
			s.ContextRequests = n
		case "g":
			s.GenerationRequests = n
		case "c_sq":
			s.Context.Query = n
		case "c_sk":
			s.Context.Key = n
		case "c_sqsq":
			s.Context.QuerySq = n
		case "c_sqsk":
			s.Context.QueryKey = n
		case "g_sq":
			s.Generation.Query = n
		case "g_sk":
			s.Generation.Key = n
		case "g_sqsq":
			s.Generation.QuerySq = n
		case "g_sqsk":
			s.Generation.QueryKey = n
		}
	}
	switch {
	case s.Mode == "IDLE":
		s.Phase = StepEmpty
		s.ContextRequests, s.ContextTokens, s.GenerationRequests, s.GenerationTokens = 0, 0, 0, 0
	case s.Mode == "MIXED":
		s.Phase = StepMixed
		s.ContextTokens, s.GenerationTokens = s.Context.Query, s.Generation.Query
	case s.Mode == "DECODE" || s.Mode == "TARGET_VERIFY" || strings.HasPrefix(s.Mode, "DRAFT"):
		s.Phase = StepDecode
		s.ContextRequests, s.ContextTokens, s.GenerationRequests = 0, 0, batch
		s.GenerationTokens = first(s.Generation.Query, tokens)
		if s.GenerationTokens == Absent && s.Mode == "DECODE" {
			s.GenerationTokens = batch // one token per request
		}
	case s.Mode == "EXTEND":
		s.Phase = StepPrefill
		s.ContextRequests, s.ContextTokens = batch, first(tokens, s.Context.Query)
		s.GenerationRequests, s.GenerationTokens = 0, 0
	}
	return true
}

// parseATOM reads what follows prefill[ or decode[: bs=2 tok=512, bs=117/128.
func (s *Step) parseATOM(phase StepPhase, rest string) bool {
	body, ok := strings.CutSuffix(rest, "]")
	if !ok {
		return false
	}
	batch, tokens := Absent, Absent
	for f := range strings.FieldsSeq(body) {
		key, value, _ := strings.Cut(f, "=")
		value, _, _ = strings.Cut(value, "/") // running of the graph's batch size
		n, isCount := count(value)
		switch {
		case key == "bs" && isCount:
			batch = n
		case key == "tok" && isCount:
			tokens = n
		}
	}
	if batch == Absent {
		return false
	}
	s.Dialect, s.Phase = DialectATOM, phase
	if phase == StepPrefill {
		s.ContextRequests, s.ContextTokens, s.GenerationRequests, s.GenerationTokens = batch, tokens, 0, 0
	} else {
		s.ContextRequests, s.ContextTokens, s.GenerationRequests, s.GenerationTokens = 0, 0, batch, first(tokens, batch)
	}
	return true
}

// parseCapture reads what follows capture_: 32_DECODE.
func (s *Step) parseCapture(rest string) bool {
	size, mode, ok := strings.Cut(rest, "_") // batch size
	_, isCount := count(size)
	if !ok || !isCount || !isMode(mode) {
		return false
	}
	s.Dialect, s.Phase, s.Mode = DialectCapture, StepCapture, mode
	return true
}

// parseXDiT reads what follows execute_diffusion_: 1_256x256, requests and the image's size.
func (s *Step) parseXDiT(rest string) bool {
	n, image, ok := strings.Cut(rest, "_")
	width, height, isSize := strings.Cut(image, "x")
	_, isCount := count(n)
	_, isWidth := count(width)
	_, isHeight := count(height)
	s.Dialect = DialectXDiT
	return ok && isSize && isCount && isWidth && isHeight
}

func phaseOf(context, generation int64) StepPhase {
	switch {
	case context > 0 && generation > 0:
		return StepMixed
	case context > 0:
		return StepPrefill
	case generation > 0:
		return StepDecode
	}
	return StepEmpty
}

func isMode(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func first(values ...int64) int64 {
	for _, v := range values {
		if v != Absent {
			return v
		}
	}
	return Absent
}

// count reads a decimal number without sign.
func count(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
