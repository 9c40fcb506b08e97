package profile

import (
	"context"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/trace"
)

// Verification says whether traces are whole, and what makes their numbers doubtful.
type Verification struct {
	Whole    bool              `json:"whole"` // all Files are
	Files    []ondisk.File     `json:"files"`
	Problems []analyze.Problem `json:"problems"` // of whole traces; the worst first, path by path
	Notes    []string          `json:"notes"`
}

// Doubts are the problems that are more than notes.
func (v *Verification) Doubts() []analyze.Problem {
	return slices.DeleteFunc(slices.Clone(v.Problems), func(p analyze.Problem) bool { return p.Severity == analyze.SeverityNote })
}

// VerifyFiles reads every trace at paths to its last byte (of a directory of captures, those of all of them) and says which
// are whole. Problems are left out.
func VerifyFiles(ctx context.Context, paths []string, o Options) (*Verification, error) {
	if len(paths) == 0 {
		return nil, &engine.UsageError{Text: "nothing to verify: name a capture, a directory of traces or a trace"}
	}
	v := &Verification{Whole: true, Files: []ondisk.File{}, Problems: []analyze.Problem{}, Notes: []string{}}
	tell := o.teller()
	for _, path := range paths {
		captures, err := ondisk.OpenAll(path)
		if err != nil {
			return nil, err
		}
		for _, c := range captures {
			files, err := c.Verify(ctx, func(n, of int, path string) { tell(Event{Kind: Verifying, Path: path, N: n, Of: of}) })
			if err != nil {
				return nil, err
			}
			v.Notes = append(v.Notes, ondisk.Texts(c.Notes)...)
			v.Files = append(v.Files, files...)
		}
	}
	for _, f := range v.Files {
		v.Whole = v.Whole && f.Verdict == ondisk.Whole
	}
	return v, nil
}

// Verify is VerifyFiles, and then looks for what makes the numbers of a report on each path doubtful, standard input
// aside, which has been read by then. Options.Rules are not looked at, and Options.Strict fails nothing.
func Verify(ctx context.Context, paths []string, o Options) (*Verification, error) {
	v, err := VerifyFiles(ctx, paths, o)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if path == stdin {
			continue
		}
		problems, err := problemsOf(ctx, path, o)
		if err != nil {
			return nil, err
		}
		v.Problems = append(v.Problems, problems...)
	}
	return v, nil
}

// problemsOf are the reasons not to believe a report on path. A file that is damaged is known already; one that cannot be
// read leaves the others to themselves.
func problemsOf(ctx context.Context, path string, o Options) ([]analyze.Problem, error) {
	c, err := ondisk.Open(path)
	if err != nil {
		return nil, nil // verifying the files has told what is wrong
	}
	o.Strict = false
	r := o.newReading(c.Traces)
	defer r.done()
	r.tell(Event{Kind: Checking, Of: len(c.Traces)})
	rules := analyze.Options{Capture: aboutCapture(c)}
	parts, waits := make([][]*analyze.Part, len(c.Traces)), make([]func() error, len(c.Traces))
	for k := range c.Traces {
		waits[k] = r.start(ctx, c.Traces[k:k+1], func(_ int, traces []*trace.Trace) {
			for _, t := range traces {
				parts[k] = append(parts[k], analyze.NewPart(analyze.File(t, rules), analyze.ClaimedRank(&t.Meta), rules))
			}
		})
	}
	var whole []*analyze.Part
	for k, wait := range waits {
		if wait() == nil {
			whole = append(whole, parts[k]...)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(whole) == 0 {
		return nil, nil
	}
	problems := analyze.Join(whole, rules).Problems
	return slices.DeleteFunc(problems, func(p analyze.Problem) bool { return p.ID == "damaged" }), nil
}
