package kineto

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// Chrome's trace events are what many profilers write. A list of them of which no analysis knows a single one is read by no one's
// rules: to say of it that it is damaged, or that nothing ran, would be false. It is refused in words that say whose it is, by what it
// says of itself: keys beside the events, names of processes, categories.

// foreign is how another profiler's trace is told.
type foreign struct {
	what     string
	key      string   // beside the events
	process  []string // parts of a process's name, any
	category []string // any
}

// foreigners are the profilers that are known by name, the surest first.
var foreigners = []foreign{
	{what: "VizTracer's trace of Python functions", key: "viztracer_metadata", category: []string{"FEE"}},
	{what: "TensorFlow's timeline", process: []string{"/job:", "Op execution threads", " Compute"}},
	{what: "XLA's profile, of JAX or TensorFlow", process: []string{"/device:TPU", "/device:GPU", "/host:CPU", "/host:metadata"}},
	{what: "a trace of Ascend's msprof", process: []string{"Ascend Hardware", "CANN", "AI Core Freq"}},
	{what: "a trace of rocprof", process: []string{"CPU HIP API", "CPU HSA API", "CPU MARKERS API", "CPU roctx"}},
	{what: "a report of Nsight Systems that nsys2json made", category: []string{"cuda_api", "nvtx-kernel"}},
	{what: "ONNX Runtime's profile", category: []string{"Session", "Node"}},
	{what: "a trace of Chrome or Perfetto", key: "systemTraceEvents",
		category: []string{"toplevel", "blink", "v8", "devtools.timeline", "__metadata", "track_event", "sched", "ftrace"}},
}

// torchKeys are keys that Kineto alone writes beside the events.
var torchKeys = []string{"schemaVersion", "deviceProperties", "distributedInfo", "baseTimeNanoseconds"}

// known tells categories of which analyses make something, and that only PyTorch's profilers write.
func known(c trace.Category) bool {
	return c != trace.CategoryNone && c != trace.CategoryFlow && c < trace.CategoryOther
}

var (
	spanInHead     = regexp.MustCompile(`"ph"\s*:\s*"X"`)
	categoryInHead = regexp.MustCompile(`"cat"\s*:\s*"([^"]*)"`)
)

// looksForeign tells by its beginning that a file is such a trace: there are spans, none of a category that is known, and none of
// the keys that Kineto alone writes.
func looksForeign(head []byte) bool {
	if !spanInHead.Match(head) || slices.ContainsFunc(torchKeys, func(k string) bool { return bytes.Contains(head, []byte(`"`+k+`"`)) }) {
		return false
	}
	var e trace.Events
	for _, m := range categoryInHead.FindAllSubmatch(head, -1) {
		c, ok := acceleratorCategory(m[1], nil)
		if !ok {
			c = e.CategoryOf(m[1])
		}
		if known(c.Folded()) {
			return false
		}
	}
	return true
}

// refuseForeign is the refusal of a trace of which no event is known; nil of any other, and of one without events.
func (s *scanner) refuseForeign() error {
	torch := slices.ContainsFunc(torchKeys, func(k string) bool { _, ok := s.meta[k]; return ok })
	if len(s.seen) == 0 || torch || slices.ContainsFunc(s.seen, known) {
		return nil
	}
	processes := s.processNames()
	what := "a trace of another profiler"
	for _, f := range foreigners {
		_, keyed := s.meta[f.key]
		named := slices.ContainsFunc(processes, func(p string) bool {
			return slices.ContainsFunc(f.process, func(part string) bool { return strings.Contains(p, part) })
		})
		if keyed || named || slices.ContainsFunc(f.category, func(c string) bool { return slices.Contains(s.unknown, c) }) {
			what = f.what
			break
		}
	}
	has := "its events have no categories"
	if len(s.unknown) > 0 {
		has = "the categories of its events are " + keyList(s.unknown)
	}
	if len(processes) > 0 {
		has += ", its processes " + keyList(processes)
	}
	return &source.NotTraceError{Profiler: true, Other: true, What: fmt.Sprintf("%s (%s), and no analysis knows any of it", what, has),
		Hint: "look at it in ui.perfetto.dev, or pass a trace that torch.profiler wrote (*.pt.trace.json.gz)"}
}

// processNames are the names that processes have, or that stand in place of their numbers, in no order of meaning.
func (s *scanner) processNames() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i := range s.t.Tracks {
		if t := &s.t.Tracks[i]; t.PID < 0 {
			add(s.t.Strings.At(t.Process))
		}
	}
	for _, p := range s.tracks.processes {
		add(p.name)
	}
	slices.Sort(names)
	return names
}
