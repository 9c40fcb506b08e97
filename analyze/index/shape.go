package index

import (
	"fmt"

	"github.com/inferprof/inferprof/trace"
)

// Shape is what a step worked on. Counts are -1 where the step does not say, or where they do not matter.
type Shape struct {
	Phase              trace.StepPhase `json:"phase"`
	ContextRequests    int64           `json:"context_requests"`
	ContextTokens      int64           `json:"context_tokens"`
	GenerationRequests int64           `json:"generation_requests"`
	GenerationTokens   int64           `json:"generation_tokens"`
}

// Shape is what the step worked on. Steps of one shape do the same work.
func (s *Step) Shape() Shape {
	phase := s.Phase
	if s.Dialect == trace.DialectProfilerStep {
		phase = trace.StepUnknown
	}
	shape := Shape{phase, s.ContextRequests, s.ContextTokens, s.GenerationRequests, s.GenerationTokens}
	switch phase {
	case trace.StepDecode:
		shape.ContextRequests, shape.ContextTokens = -1, -1
	case trace.StepPrefill:
		shape.GenerationRequests, shape.GenerationTokens = -1, -1
	case trace.StepUnknown:
		shape = Shape{phase, -1, -1, -1, -1}
	}
	return shape
}

// Text is a shape in words.
func (s Shape) Text() string {
	count := func(n int64, what string) string {
		if n == 1 {
			return "1 " + what
		}
		return fmt.Sprintf("%d %ss", n, what)
	}
	prompts := func() string {
		switch {
		case s.ContextRequests < 0:
			return ""
		case s.ContextTokens < 0:
			return count(s.ContextRequests, "prompt")
		}
		return fmt.Sprintf("%s of %s", count(s.ContextTokens, "token"), count(s.ContextRequests, "prompt"))
	}
	switch s.Phase {
	case trace.StepDecode:
		switch {
		case s.GenerationRequests < 0:
			return "decode"
		case s.GenerationTokens > s.GenerationRequests:
			return fmt.Sprintf("decode, batch %d, %d tokens", s.GenerationRequests, s.GenerationTokens)
		}
		return fmt.Sprintf("decode, batch %d", s.GenerationRequests)
	case trace.StepPrefill:
		if p := prompts(); p != "" {
			return "prefill, " + p
		}
		return "prefill"
	case trace.StepMixed:
		if p := prompts(); p != "" {
			return fmt.Sprintf("mixed, %s and %d in decode", p, s.GenerationRequests)
		}
		return "mixed"
	case trace.StepUnknown:
		return "step of unknown phase"
	}
	return string(s.Phase)
}
