package formats

import "github.com/inferprof/inferprof/trace/kineto"

// The formats, a line each. The first reads what none of them claims, and its refusal is the answer to what is no trace.
var list = List{
	kineto.Format(),
}
