package formats

import (
	"github.com/inferprof/inferprof/trace/autograd"
	"github.com/inferprof/inferprof/trace/kineto"
)

// The formats, a line each. Of two that are equally sure of a file the first reads it, and the first of all what none of
// them claims: its refusal is the answer to what is no trace.
var list = List{
	kineto.Format(),
	autograd.Format(kineto.Events()),
}
