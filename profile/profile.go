package profile

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
)

// Options say how to open and read. The zero value is the usual.
type Options struct {
	// Strict makes a damaged trace, and a capture that is not complete, a StrictError. Otherwise a damaged trace is read
	// as far as it is good, and the report says so.
	Strict bool

	// Rules say how to analyse: Categories; and CommRule, MemsetIsMemory, LaunchGapNs and GPUEvents, which report.Prepare
	// sets for a format that has rules of its own. What else is in them is Report's to say and not looked at.
	Rules analyze.Options

	// MemoryBytes is what the traces in hand may take together, by formats' estimate; one that is larger is read alone.
	// 0: as much as the machine has free when reading begins, if it tells; negative: no bound.
	MemoryBytes int64

	// BoundGarbage has the process's garbage collector run more often while large traces are read, which saves a third of
	// the peak (garbage.go). It is a setting of the whole process, and put back afterwards. Where the environment has a
	// GOGC, that counts.
	BoundGarbage bool

	// Progress is told what happens, one event of a call at a time, from any goroutine; it may be nil. It should not take
	// long.
	Progress func(Event)
}

// Profile is an opened profile. It holds no file open and no trace in memory. Its methods may be called from several
// goroutines at once: each reads for itself, within Options.MemoryBytes of its own. What is exported is not to be changed.
type Profile struct {
	Captures []*ondisk.Capture // as they were named
	Files    []File            // the traces to read, in the order named, each once
	About    *analyze.Capture  // what is known beside the traces; nil if nothing is

	options Options
	mu      sync.Mutex
	notes   []ondisk.Note
	used    bool // standard input, which can be read once
}

// File is one trace's file. That of several ranks that were merged counts as one.
type File struct {
	Path string
	Rank int // that the manifest or the name tells, -1 if neither does; Report may number ranks differently
}

// stdin is the path that means standard input.
const stdin = "-"

// Open finds the traces at paths, which are taken for one profile: captures, directories of traces (the newest profile in
// each), traces, and "-" (ondisk.Open). It reads no trace. The end of ctx ends it between two paths.
func Open(ctx context.Context, paths []string, o Options) (*Profile, error) {
	if len(paths) == 0 {
		return nil, &engine.UsageError{Text: "nothing to open: name a capture, a directory of traces or a trace"}
	}
	var captures []*ondisk.Capture
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := ondisk.Open(path)
		if err != nil {
			return nil, err
		}
		if m := c.Manifest; o.Strict && m != nil && m.Status != ondisk.Complete {
			return nil, &StrictError{fmt.Errorf("capture %s is %s: %s", c.Dir, m.Status, m.Error)}
		}
		captures = append(captures, c)
	}
	return Of(captures, o), nil
}

// Of is the profile of captures that are open already.
func Of(captures []*ondisk.Capture, o Options) *Profile {
	p := &Profile{Captures: captures, options: o}
	var paths []string
	for _, c := range captures {
		paths = append(paths, c.Traces...)
		p.notes = append(p.notes, c.Notes...)
	}
	paths, twice := ondisk.Distinct(paths)
	p.notes = append(p.notes, twice...)
	ranks := rankByPath(captures)
	for _, path := range paths {
		rank, ok := ranks[path]
		if !ok {
			rank = formats.ParseFileName(path).Rank
		}
		p.Files = append(p.Files, File{path, rank})
	}
	for _, c := range captures {
		if p.About == nil && (len(captures) == 1 || len(c.Traces) == len(paths)) { // the others are of the same traces
			p.About = aboutCapture(c)
		}
	}
	return p
}

// rankByPath is what manifests say of whose their traces are.
func rankByPath(captures []*ondisk.Capture) map[string]int {
	ranks := map[string]int{}
	for _, c := range captures {
		if c.Manifest == nil {
			continue
		}
		for _, f := range c.Manifest.Files {
			ranks[filepath.Join(c.Dir, filepath.FromSlash(f.Path))] = f.Rank
		}
	}
	return ranks
}

// aboutCapture is what a manifest says that traces do not; nil without a manifest.
func aboutCapture(c *ondisk.Capture) *analyze.Capture {
	m := c.Manifest
	if m == nil {
		return nil
	}
	cpus := m.Host.CPUs
	if m.Config.Server != nil { // a server may run anywhere
		cpus = 0
	}
	return &analyze.Capture{
		HostCPUs: cpus,
		Name:     m.ID,
		Engine:   m.Engine.Engine, EngineVersion: m.Engine.Version, Model: m.Engine.Model, Device: m.Engine.Device,
		Quantization:  cmp.Or(m.Config.Quantization, m.Engine.Quantization),
		ExpectedRanks: m.Ranks.Expected, FoundRanks: len(m.Ranks.Found),
	}
}

// Notes are what to know before trusting the profile: what opening found, and then what reading did.
func (p *Profile) Notes() []ondisk.Note {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.notes)
}

func (p *Profile) note(kind ondisk.NoteKind, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := (ondisk.Note{Kind: kind, Text: text}); !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}

// paths are those of the files.
func (p *Profile) paths() []string {
	paths := make([]string, len(p.Files))
	for i, f := range p.Files {
		paths[i] = f.Path
	}
	return paths
}

// Rank is a trace in memory, and which rank of the profile it is.
type Rank struct {
	Number int // -1: of an API server
	Trace  *trace.Trace
}

// Traces reads all traces and keeps them, the ranks that were merged into one file apart, in the files' order. They are
// numbered as in a report.
func (p *Profile) Traces(ctx context.Context) ([]Rank, error) {
	files := make([][]*trace.Trace, len(p.Files))
	if err := p.read(ctx, p.paths(), func(i int, traces []*trace.Trace) { files[i] = traces }); err != nil {
		return nil, err
	}
	traces := slices.Concat(files...)
	ranks := make([]Rank, len(traces))
	for i, number := range analyze.RankNumbers(analyze.Metas(traces)) {
		ranks[i] = Rank{number, traces[i]}
	}
	return ranks, nil
}

// Trace reads the i-th of Files alone: a trace, or those of the ranks that were merged into it.
func (p *Profile) Trace(ctx context.Context, i int) ([]*trace.Trace, error) {
	if i < 0 || i >= len(p.Files) {
		return nil, &engine.UsageError{Text: fmt.Sprintf("trace %d: the profile has %d", i, len(p.Files))}
	}
	var traces []*trace.Trace
	err := p.read(ctx, p.paths()[i:i+1], func(_ int, t []*trace.Trace) { traces = t })
	return traces, err
}
