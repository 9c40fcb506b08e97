package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/inferprof/inferprof/internal/words"
)

// Description is what a server tells of itself, and what would go wrong in profiling it.
type Description struct {
	URL          string `json:"url"`
	Dialect      string `json:"dialect"`       // as --dialect takes it
	DialectKnown bool   `json:"dialect_known"` // false: nothing tells which one of its engine's it is, and this one asks the least
	Title        string `json:"title"`         // the same for people
	Version      string `json:"version"`       // "" if it does not tell
	Model        string `json:"model" redact:"model"`
	MaxModelLen  int    `json:"max_model_len"` // 0 if it does not tell
	Ranks        int    `json:"ranks"`         // 0 if it does not tell
	Engines      int    `json:"engines"`       // data-parallel engines; 0 if it does not tell
	Healthy      bool   `json:"healthy"`
	Profiling    string `json:"profiling"` // on, off, or unknown
	Recording    string `json:"recording"` // a profile is being recorded just now: yes, no, or unknown
	Bounded      bool   `json:"bounded"`   // the start can say how many steps to record
	Stacks       string `json:"stacks"`    // its profiles hold Python's stacks unless the start says otherwise: yes, no, or unknown
	Metrics      bool   `json:"metrics"`
	Running      int    `json:"running"` // requests in a step just now
	Waiting      int    `json:"waiting"`

	ProcessID   int         `json:"process_id,omitempty"` // of the server, if it is on this machine and can be seen
	Directories []Directory `json:"directories"`          // that its profiler writes to, as far as they are known

	Problems []string `json:"problems"` // what makes a capture fail or its numbers wrong; one sentence each, with what to do
	Notes    []string `json:"notes"`    // what else is worth knowing before one
}

// Directory is one that a server's profiler writes to.
type Directory struct {
	Path      string `json:"path"`       // as the server knows it
	For       string `json:"for"`        // traces, or traces before they are compressed
	Writable  string `json:"writable"`   // by the server: yes, no, or unknown
	FreeBytes int64  `json:"free_bytes"` // -1 if nobody tells
}

// Describe asks a server what it is, and looks at its process if that is on this machine. No profile is started, and nothing
// written: all but one of the requests are GET, and that one is a start that is refused, or has no effect (recording.go). apiKey may
// be empty.
func Describe(ctx context.Context, url, apiKey string) (*Description, error) {
	c, err := newClient(url, apiKey)
	if err != nil {
		return nil, err
	}
	f, err := probe(ctx, c)
	if err != nil {
		return nil, err
	}
	p := &endpoint{client: c, facts: f, dialect: f.recognise()}
	p.find()
	p.engines = f.engines(p.dialect)
	if p.process != nil {
		p.vitals.family = familyOf(p.process.pid)
	}
	d := p.dialect
	r := &Description{
		URL: c.base, Dialect: d.Name, DialectKnown: p.dialectKnown(), Title: d.Title, Version: f.version, Model: f.model,
		MaxModelLen: f.maxModelLen, Ranks: f.ranks(), Engines: f.engines(d), Healthy: f.healthy, Profiling: "unknown",
		Recording: unknown.String(), Bounded: d.bounded, Stacks: p.recordsStacks().String(),
		Directories: []Directory{}, Problems: []string{}, Notes: []string{},
	}
	if !r.DialectKnown {
		r.Title = "vLLM of a version that is not known"
	}
	if on, known := f.profiling(d); known {
		r.Profiling = map[bool]string{true: "on", false: "off"}[on]
	}
	if r.Profiling == "on" {
		if on, known := p.safelyRecording(ctx); known {
			r.Recording = map[bool]string{true: yes.String(), false: no.String()}[on]
		}
	}
	if f.metrics != nil {
		running, ok := f.metrics.sum(d.running)
		waiting, _ := f.metrics.sum(d.waiting)
		r.Metrics, r.Running, r.Waiting = ok, int(running), int(waiting)
	}
	r.judge(p)
	r.judgeDirectories(p)
	return r, nil
}

// dialectKnown tells whether it was seen, not only not ruled out, which of vLLM's dialects a server speaks.
func (p *endpoint) dialectKnown() bool {
	return p.dialect.Engine != "vllm" || p.facts.before(0, 13) || p.facts.vllmTakesBody() != unknown
}

func (r *Description) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Description) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// judge says what would go wrong by what the server tells.
func (r *Description) judge(p *endpoint) {
	d, f := p.dialect, p.facts
	switch r.Profiling {
	case "off":
		enable := d.enable
		if !r.DialectKnown {
			enable += "; before 0.13: with VLLM_TORCH_PROFILER_DIR=/abs/dir in its environment"
		}
		r.problem("it has no %s: %s", d.startPath, enable)
	case "unknown":
		r.note("it does not list its routes (/openapi.json): whether its profiler is on shows only when it is started; "+
			"if it is not: %s", d.enable)
	}
	if why := p.diesOfStart(); why != "" {
		r.problem("%s", why)
	}
	if r.Recording == yes.String() {
		r.problem("a profile is being recorded: a capture would be refused; %s", p.howToEnd())
	}
	if !f.healthy {
		r.problem("/health is not answered 200: it may still be loading, or its engine has died")
	}
	if f.model == "" {
		r.problem("it lists no model (/v1/models): name one with --model, or profile its traffic with --no-load")
	}
	if d.Name == "vllm-env" && f.atLeast(0, 12) {
		const dies = "vLLM 0.12 on CPUs dies at its first profiled step (annotate_context_manager): use 0.13 or newer there"
		if strings.Contains(f.version, "cpu") {
			r.problem(dies)
		} else {
			r.note(dies)
		}
	}
	switch {
	case r.Metrics:
	case d.Name == "sglang" || d.Name == "sglang-old":
		r.note("it tells nothing of its load: with --enable-metrics a quiet server and a steady state can be waited for; " +
			"without, our own streams show them")
	case len(d.running) > 0:
		r.note("it tells nothing of its load (/metrics): a steady state is told by our own streams alone")
	}
	switch {
	case !r.DialectKnown:
		r.note("its version (%s) does not tell what its profiler can be asked: from vLLM 0.32 on a start can bound its steps, "+
			"which shows once the profiler is on; --dialect says which it is", orNone(f.version))
	case !d.bounded:
		r.note("the number of steps can't be bounded by the request, that takes %s: keep the load short, "+
			"traces grow by megabytes a second", d.bodySince)
	}
	if d.stopFirst && r.DialectKnown {
		r.note("it answers 200 to a second start and ignores it: see that nobody else is profiling it")
	}
	if r.Stacks == yes.String() && d.Engine == "vllm" {
		r.note("it %s", p.stacksText())
	}
}

// judgeDirectories says where the server's profiler writes, and whether it can.
func (r *Description) judgeDirectories(p *endpoint) {
	if p.process == nil {
		if p.dialect.Engine != "native" {
			r.note("its process can't be seen from here: where its traces go, what room there is, " +
				"and whether they hold Python's stacks is not known")
		}
		return
	}
	r.ProcessID = p.process.pid
	if traces := p.tracesAt(); traces.dir != "" {
		r.judgeDirectory(traces, "traces", "start it with another torch_profiler_dir", leastBytes)
	} else if p.dialect.clientDir {
		r.note("it writes where it is told: name a directory that it may write to with --trace-dir or --collect")
	}
	if p.dialect.Engine != "native" {
		r.judgeDirectory(p.process.temp(), "traces before they are compressed", "start it with TMPDIR=DIR on a larger disk", manySteps)
	}
}

// manySteps is what a rank's trace takes, uncompressed, of as many steps as are recorded unless somebody says otherwise.
const manySteps = maxSteps * stepBytes

func (r *Description) judgeDirectory(s site, use, remedy string, comfortable int64) {
	r.Directories = append(r.Directories, Directory{Path: s.dir, For: use, Writable: s.writable.String(), FreeBytes: s.free})
	switch {
	case s.writable == no:
		r.problem("it can't write to %s (%s), and may die of that: %s; give it the rights, or %s", s.dir, use, s.why, remedy)
	case s.free >= 0 && s.free < leastBytes:
		r.problem("only %s are free in %s (%s), and it may die of a full disk: free some, or %s", words.Size(s.free), s.dir, use, remedy)
	case s.free >= 0 && s.free < comfortable:
		r.note("%s are free in %s (%s); %s of a rank take about %s: record fewer, free some, or %s",
			words.Size(s.free), s.dir, use, words.Counted(maxSteps, "step"), words.Size(comfortable), remedy)
	}
}

func orNone(version string) string {
	if version == "" {
		return "none is told"
	}
	return version
}
