package profile

import (
	"context"
	"os"
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
	Problems []analyze.Problem `json:"problems"` // as a report has them; the worst first, profile by profile
	Checks   []analyze.Check   `json:"checks"`   // what was looked for; nil if nothing was
	Notes    []string          `json:"notes"`
}

// Doubts are the problems that are more than notes.
func (v *Verification) Doubts() []analyze.Problem {
	return slices.DeleteFunc(slices.Clone(v.Problems), func(p analyze.Problem) bool { return p.Severity == analyze.SeverityNote })
}

// Wrong are the problems that are errors, those aside that Files tell: text that is damaged.
func (v *Verification) Wrong() []analyze.Problem {
	return slices.DeleteFunc(slices.Clone(v.Problems), func(p analyze.Problem) bool {
		return p.Severity != analyze.SeverityError || p.ID == analyze.ProblemDamaged
	})
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

// Verify is VerifyFiles, and then looks for what makes the numbers of a report doubtful, as a report does: of files that are named
// together, which a report takes for one profile, together, and of each directory by itself. Standard input is left out, which has
// been read by then. Options.Rules are not looked at, and Options.Strict fails nothing.
func Verify(ctx context.Context, paths []string, o Options) (*Verification, error) {
	v, err := VerifyFiles(ctx, paths, o)
	if err != nil {
		return nil, err
	}
	v.Checks = []analyze.Check{}
	for _, profile := range profilesOf(paths) {
		if err := v.check(ctx, profile, o); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// profilesOf are the paths of each profile.
func profilesOf(paths []string) [][]string {
	var files []string
	var profiles [][]string
	for _, path := range paths {
		switch {
		case path == stdin:
		case isFile(path):
			files = append(files, path)
		default:
			profiles = append(profiles, []string{path})
		}
	}
	if files != nil {
		profiles = append([][]string{files}, profiles...)
	}
	return profiles
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// check adds the reasons not to believe a report on paths, and what was looked for. A file that can't be read leaves the others to
// themselves.
func (v *Verification) check(ctx context.Context, paths []string, o Options) error {
	var captures []*ondisk.Capture
	for _, path := range paths {
		if c, err := ondisk.Open(path); err == nil { // else verifying the files has told what is wrong
			captures = append(captures, c)
		}
	}
	o.Strict = false
	p := Of(captures, o)
	for _, n := range p.notes { // the others have been told with the files
		if n.Kind == ondisk.NoteTwice {
			v.Notes = append(v.Notes, n.Text)
		}
	}
	files := p.paths()
	if len(files) == 0 {
		return nil
	}
	r := o.newReading(files)
	defer r.done()
	r.tell(Event{Kind: Checking, Of: len(files)})
	rules := analyze.Options{Capture: p.About}
	parts, waits := make([][]*analyze.Part, len(files)), make([]func() error, len(files))
	for k := range files {
		waits[k] = r.start(ctx, files[k:k+1], func(_ int, traces []*trace.Trace) {
			for _, t := range traces {
				parts[k] = append(parts[k], analyze.NewPart(analyze.File(t, rules), analyze.ClaimedRank(&t.Meta), rules))
			}
		})
	}
	var read []*analyze.Part
	for k, wait := range waits {
		if wait() == nil {
			read = append(read, parts[k]...)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(read) > 0 {
		result := analyze.Join(read, rules)
		v.Problems, v.Checks = append(v.Problems, result.Problems...), append(v.Checks, result.Checks...)
	}
	return nil
}
