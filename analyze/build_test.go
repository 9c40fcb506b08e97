package analyze

import (
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// builder makes a trace by hand, and analyses it.
type builder struct{ *tracetest.Builder }

func newBuilder() *builder { return &builder{tracetest.New()} }

func (b *builder) analyze(o Options) *Result { return Analyze([]*trace.Trace{b.Trace}, o) }
