// Package llm is the embedded inference engine's own house. Its rooms (model, tensor, kvcache, schedule, sample,
// parallel, tokenizer) run language models on the CPU; this package is what they share: the Recorder, through which
// they tell what they do, op by op, without knowing who listens.
package llm

import "time"

// Kind says what a Span is, so that a recorder can file it.
type Kind uint8

// The kinds.
const (
	KindOp         Kind = iota // a computation: aten::linear, aten::softmax …
	KindModule                 // a module's forward: the ops inside it are its children
	KindStep                   // one engine iteration
	KindCollective             // a communication with the other ranks
)

// Site is a place where work happens again and again: what all its spans have in common.
type Site struct {
	Kind   Kind
	Name   string    // PyTorch's name of the op, e.g. aten::linear
	Module string    // where in the model, e.g. model.decoder.layers.3.fc1
	Types  [3]string // of the inputs, as PyTorch's profiler names them; "": float
}

// Shape is an input of one or two dimensions, the outer one first; in one of one dimension the second is 0, where there
// is no input both are.
type Shape [2]int32

// Span is one finished piece of work of one rank's main thread. It is one cache line, because a rank of a small model
// finishes hundreds of thousands a second.
type Span struct {
	Site           *Site
	Start, Elapsed time.Duration // Start is a reading of Now
	FLOPs          int64         // 0 if it computes nothing worth counting
	Bytes          int64         // memory read and written
	Inputs         [3]Shape      // of the site's types
}

// Communication is what only collectives have.
type Communication struct {
	Name     string        // allreduce, allgather
	Elements int           // of the message, per rank
	Bytes    int64         // of the message, per rank
	Dtype    string        // Float
	Ranks    int           // in the group
	Wait     time.Duration // part of Elapsed spent waiting for the slowest rank
}

// Allocation is memory that a rank took or gave back.
type Allocation struct {
	At       time.Duration // Now
	Address  uintptr
	Bytes    int64 // negative when given back
	Total    int64 // what the rank holds after this
	Reserved int64 // what the rank has set aside, used or not
}

// Recorder listens to one rank. A nil Recorder listens to nothing: callers test for nil before they gather facts.
// Calls come from one goroutine, in the order of the spans' ends. Implementations copy what they keep: what they are
// given is used again after the call. Sites live as long as the model.
type Recorder interface {
	// Wants tells whether spans of a kind are worth their clock readings; it does not change while recording.
	Wants(Kind) bool
	Span(*Span)
	Collective(*Span, *Communication)
	Allocation(Allocation)
}

var clockStart = time.Now()

// Now is the engine's clock: monotonic, the same for all ranks of the process.
func Now() time.Duration { return time.Since(clockStart) }

// WallClock turns a reading of Now into wall time.
func WallClock(t time.Duration) time.Time { return clockStart.Add(t) }
