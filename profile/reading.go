package profile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// reading reads files side by side within one memory budget.
type reading struct {
	reader *formats.Reader
	tell   func(Event)
	done   func() // call it when the last has been read

	categories *analyze.CategoryRules // Options.Rules'
}

// newReading prepares for reading files, and tells of those that take more memory than there is.
func (o *Options) newReading(files []string) *reading {
	r := &reading{tell: o.teller(), done: func() {}, categories: o.Rules.Categories}
	if o.BoundGarbage {
		r.done = boundGarbage(files)
	}
	budget, known := o.MemoryBytes, o.MemoryBytes > 0
	if o.MemoryBytes == 0 {
		budget, known = host.AvailableMemory()
	}
	if !known {
		budget = 0
	}
	for _, path := range files {
		if need := formats.MemoryEstimate(path); known && need > budget {
			r.tell(Event{Kind: TooLarge, Path: path, NeedBytes: need, FreeBytes: budget})
		}
	}
	r.reader = formats.NewReader(source.Options{Strict: o.Strict}, budget)
	return r
}

// teller passes events on one at a time.
func (o *Options) teller() func(Event) {
	if o.Progress == nil {
		return func(Event) {}
	}
	var mu sync.Mutex
	return func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		o.Progress(e)
	}
}

// start begins to read files, and returns when the last has begun, one has failed, or ctx has ended. use is called with
// each one's place among the files and its trace, or those of the ranks that were merged into it, in any order and several
// at a time; what it does not keep of them is freed. The function that start returns waits for all that have begun. Its
// error is ctx's, or that of the first file that has one.
func (r *reading) start(ctx context.Context, files []string, use func(i int, traces []*trace.Trace)) (wait func() error) {
	errs := make([]error, len(files))
	var failed atomic.Bool
	var done atomic.Int32
	var all sync.WaitGroup
	for i := range files {
		if failed.Load() || ctx.Err() != nil {
			break
		}
		waitOne := r.reader.Start(ctx, files[i:i+1], func(_ int, traces []*trace.Trace) {
			if ctx.Err() == nil {
				use(i, traces)
				r.tell(Event{Kind: Read, Path: files[i], N: int(done.Add(1)), Of: len(files)})
			}
		})
		all.Go(func() {
			if errs[i] = waitOne(); errs[i] != nil {
				failed.Store(true)
			}
		})
	}
	return func() error {
		all.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, err := range errs {
			if _, damaged := errors.AsType[*source.DamageError](err); damaged {
				return &StrictError{err}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// read reads files of the profile and waits for them.
func (p *Profile) read(ctx context.Context, files []string, use func(i int, traces []*trace.Trace)) error {
	if slices.Contains(files, stdin) {
		p.mu.Lock()
		again := p.used
		p.used = true
		p.mu.Unlock()
		if again {
			return ErrReadOnce
		}
	}
	r := p.options.newReading(files)
	defer r.done()
	r.tell(Event{Kind: Reading, Of: len(files)})
	return r.start(ctx, files, use)()
}
