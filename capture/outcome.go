package capture

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/host"
)

// finish checks what came of a profile, and says so in the manifest.
func (s *session) finish(ctx context.Context, generateErr error) (*ondisk.Capture, error) {
	m := s.manifest
	s.verify()
	c := &ondisk.Capture{Dir: s.dir.path, Manifest: m, Traces: m.WholeTraces(s.dir.path), Requests: records(s.Requests, s.outputs)}
	problem := s.problem(generateErr, ondisk.WriteRequests(s.dir.path, c.Requests))
	var err error
	switch {
	case s.collected.Abandoned:
		m.Status, m.Error = ondisk.Interrupted, sentence("stopped before its traces were written", problem)
		err = fmt.Errorf("%w: %s", ErrInterrupted, sentence("traces that were still being written were not waited for", s.kept(), s.recovery(), problem))
	case generateErr != nil && ctx.Err() != nil:
		m.Status, m.Error = ondisk.Interrupted, sentence("stopped before the workload was done", problem)
		err = fmt.Errorf("%w: the profiler was stopped; %s", ErrInterrupted, sentence(s.kept(), problem))
	case generateErr != nil:
		m.Status, m.Error = ondisk.Failed, sentence(oneLine(generateErr), problem)
		err = fmt.Errorf("generate: %w; %s", generateErr, sentence(s.kept(), problem))
	case problem != "":
		m.Status, m.Error = ondisk.Failed, problem
		err = fmt.Errorf("capture %s: %s", s.dir.path, problem)
	default:
		m.Status, m.Error = ondisk.Complete, ""
	}
	s.dir.release()
	switch writeErr := m.Write(s.dir.path); {
	case writeErr == nil:
		return c, err
	case err == nil:
		return c, directoryError(s.dir.path, writeErr)
	case host.IsFull(writeErr) && host.IsFull(err): // once is enough
		return c, fmt.Errorf("%w; nor could the manifest be written", err)
	default:
		return c, fmt.Errorf("%w; %w", err, directoryError(s.dir.path, writeErr))
	}
}

// sentence joins what is not empty.
func sentence(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// oneLine is an error's text without line breaks, which errors of several ranks have between them.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// kept says in words which traces there are.
func (s *session) kept() string {
	whole := len(s.manifest.Ranks.Found)
	switch {
	case whole == 0 && s.lostRanks() != "" && !s.collected.Abandoned:
		return "" // the problem says of which ranks
	case whole == 0:
		return "no trace is whole"
	}
	return fmt.Sprintf("%d of %d traces are whole and kept in %s", whole, max(whole, s.manifest.Ranks.Expected), s.dir.path)
}

// problem says what keeps a capture from being complete, "" if nothing does, beyond what ended the workload.
func (s *session) problem(generateErr, requestsErr error) string {
	var problems []string
	if stopErr := s.collected.Err; stopErr != nil && (generateErr == nil || stopErr.Error() != generateErr.Error()) {
		problems = append(problems, "stop the profile: "+oneLine(s.stopError()))
	}
	if requestsErr != nil && !(host.IsFull(requestsErr) && host.IsFull(s.collected.Err)) {
		problems = append(problems, directoryError(s.dir.path, requestsErr).Error())
	}
	for _, f := range s.manifest.Files {
		if f.Verdict != ondisk.Whole {
			problems = append(problems, fmt.Sprintf("%s is %s: %s", filepath.Base(f.Path), f.Verdict, f.Problem))
		}
	}
	if lost := s.lostRanks(); len(lost) > 0 && !s.collected.Abandoned && !s.collected.NoRoom {
		problems = append(problems, fmt.Sprintf("no trace of rank %s was written", lost))
	}
	if len(problems) > 0 { // else whatever a log says harmed nothing; what is to be known all the same is a warning already
		for _, d := range s.diagnoses {
			if !host.IsFull(errors.New(d)) || !host.IsFull(s.collected.Err) && !host.IsFull(requestsErr) {
				problems = append(problems, d)
			}
		}
	}
	return strings.Join(problems, "; ")
}

// stopError says what to do about a disk that the traces could not be written to, and leaves other errors as they are.
func (s *session) stopError() error {
	if _, ok := errors.AsType[syscall.Errno](s.collected.Err); ok && s.Config.Server == nil {
		return directoryError(s.dir.traces, s.collected.Err)
	}
	return s.collected.Err
}

// lostRanks lists the ranks that have no trace at all, not even a damaged one.
func (s *session) lostRanks() string {
	var lost []string
	for _, rank := range s.manifest.Ranks.Missing {
		if !slices.ContainsFunc(s.manifest.Files, func(f ondisk.File) bool { return f.Rank == rank }) {
			lost = append(lost, strconv.Itoa(rank))
		}
	}
	return strings.Join(lost, ", ")
}
