package index

import (
	"slices"
	"sort"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/trace"
)

// A compiler that runs inside a profile. torch.compile takes a model in when it is first called, and again for shapes that
// what it has does not fit: seconds of Dynamo, AOTAutograd, Inductor, a C++ compiler, Triton and its tuning, in the middle of
// a step.
//
// The data: each part of the compiler is an event "NAME (dynamo_timed)" (an annotation in older PyTorch, an op in newer), in
// each other. Around the outermost, in newer ones, lie ops with plain names. Inside lie ops like any model's: they run on tensors
// that have shapes and no data, or measure which kernel is the fastest. An aten::addmm in there multiplies nothing for
// anybody.
//
// The idea: the outermost such spans of each thread are its times of compiling, and whatever begins in one is the
// compiler's. They are few, so that who asks about a moment searches them.
//
// Not done: kernels that the compiler tries out on a device are kernels. Triton's own compiler, called without torch.compile,
// leaves no events; Python frames might tell.

// compileWrappers are what Dynamo calls itself around its timed parts. Others may use the names: they count around a part alone.
var compileWrappers = []string{"dynamo", "entire_frame_compile", "entire_backward_compile"}

// Compiles are the times in which CPU threads were compiling, by (track, start), disjoint on a thread. Where a selection of
// steps left out the beginning of one, it begins with the first part that is left.
func (x *Index) Compiles() []Span {
	if !x.compilesFiled {
		x.fileCompiles()
	}
	return x.compiles
}

// Compiling reports whether a thread was compiling at a moment.
func (x *Index) Compiling(track trace.TrackID, ns int64) bool {
	spans := x.Compiles()
	if len(spans) == 0 {
		return false
	}
	i := sort.Search(len(spans), func(i int) bool {
		s := &spans[i]
		return s.Track > track || s.Track == track && s.StartNs > ns
	}) - 1
	return i >= 0 && spans[i].Track == track && ns < spans[i].EndNs
}

// OpCategory is the category of an op or annotation: by its name, unless it is the compiler's.
func (x *Index) OpCategory(s *Span) string {
	if x.Compiling(s.Track, s.StartNs) {
		return categories.Compile
	}
	return x.OpCategories.Of(x.Name(x.Trace.Events.Name(int(s.Row))))
}

func (x *Index) fileCompiles() {
	x.compilesFiled = true
	t := x.Trace
	part, wrapper := make([]bool, t.Strings.Len()), make([]bool, t.Strings.Len())
	found := false
	for id := range part {
		name := t.Strings.At(trace.StringID(id))
		part[id] = categories.IsCompiler(name)
		wrapper[id] = slices.Contains(compileWrappers, name)
		found = found || part[id]
	}
	if !found {
		return
	}
	var around []Span // wrappers that may be open, outermost first
	for _, h := range x.Host() {
		c, name := x.CategoryOf(&h), t.Events.Name(int(h.Row))
		switch {
		case c != trace.CategoryCPUOp && c != trace.CategoryUserAnnotation:
		case part[name]:
			for _, w := range around {
				if w.Track == h.Track && w.StartNs <= h.StartNs && h.EndNs <= w.EndNs {
					h = w
					break
				}
			}
			around = around[:0]
			x.addCompile(h)
		case wrapper[name] && c == trace.CategoryCPUOp:
			around = slices.DeleteFunc(around, func(w Span) bool { return w.Track != h.Track || w.EndNs <= h.StartNs })
			around = append(around, h)
		}
	}
}

// addCompile adds a part, which begins no earlier than those before it on its thread, or what is around it. One that lies in
// another is none of its own; one that outlives another lengthens it.
func (x *Index) addCompile(s Span) {
	if n := len(x.compiles); n > 0 && x.compiles[n-1].Track == s.Track && s.StartNs < x.compiles[n-1].EndNs {
		x.compiles[n-1].EndNs = max(x.compiles[n-1].EndNs, s.EndNs)
		return
	}
	x.compiles = append(x.compiles, s)
}
