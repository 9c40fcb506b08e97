package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/processes"
	"github.com/inferprof/inferprof/internal/stats"
	"github.com/inferprof/inferprof/internal/words"
)

// explainStatus says what an error status of a start or a stop means, and what to do.
func (p *endpoint) explainStatus(a *answer, path string) string {
	switch a.status {
	case http.StatusNotFound:
		return fmt.Sprintf("it has no %s (404): %s", path, p.dialect.enable)
	case http.StatusMethodNotAllowed:
		return fmt.Sprintf("%s is answered 405 (method not allowed): something in between is not passing POST on", path)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("%s is answered %d (%s): give the server's key with --api-key", path, a.status, a.words())
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fmt.Sprintf("%s is answered %d: %s", path, a.status, a.words())
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Sprintf("%s is answered %d (%s): that is a proxy, whose time limit is shorter than the work takes, or whose server is down: speak to the server itself", path, a.status, a.words())
	}
	if hint := knownMessage(a.words()); hint != "" {
		return fmt.Sprintf("%s is answered %d: %s: %s", path, a.status, a.words(), hint)
	}
	return fmt.Sprintf("%s is answered %d: %s; the server's log says more", path, a.status, a.words())
}

// knownMessages are what servers say when a profile fails, and what to do about it.
var knownMessages = []struct{ part, hint string }{
	{"annotate_context_manager", "vLLM 0.12 on CPUs can't profile: use 0.13 or newer"},
	{"Python replay stack is empty", "PyTorch's profiler fails so with stacks: start the server with torch_profiler_with_stack false"},
	{"MULTIPLE_SUBSCRIBERS", "another profiler (nsys, DCGM) holds the GPU's counters: end it first"},
	{"No space left on device", "the disk of the trace directory or of the server's TMPDIR is full: the trace is written there uncompressed first"},
	{"Profiling is not enabled", "start the server with a profiler configured"},
	{"EngineDead", "the engine behind the server has died: its log says why"},
	{"EngineCore encountered", "the engine behind the server has died: its log says why"},
	{"timed out", "the engine's own time limit was shorter than the writing: start the server with VLLM_RPC_TIMEOUT=1800000"},
	{"TimeoutError", "the engine's own time limit was shorter than the writing: start the server with VLLM_RPC_TIMEOUT=1800000"},
}

func knownMessage(words string) string {
	for _, m := range knownMessages {
		if strings.Contains(words, m.part) {
			return m.hint
		}
	}
	return ""
}

// Conclude takes over what the traces told: how many ranks there are, and what is odd about them. Its error says why not
// every trace is there.
func (e *Engine) Conclude(ctx context.Context, all engine.Collected) error {
	for i, p := range e.endpoints {
		p.ranks = max(p.ranks, all.Ranks[i])
	}
	most := 0 // steps of a trace
	for _, at := range all.Places {
		for _, f := range at.Files {
			if f.Earlier {
				e.warnEarlier(at.Place, f.Name)
			}
			if f.Whole {
				most = max(most, f.Steps)
			}
		}
	}
	if bound := e.config.Profiler.MaxIterations; bound > 0 && most >= bound && e.endpoints[0].dialect.bounded {
		e.warnOfBound(bound)
	}
	if !all.Complete {
		return e.explain(ctx, all)
	}
	died := false
	for _, p := range e.endpoints {
		for _, end := range processes.Ended(p.vitals.family) {
			died = true
			e.warn("server %s: during the capture %s; all traces are there all the same", p.base, end)
		}
	}
	for _, err := range e.stops.errs {
		if _, is := errors.AsType[*deadError](err); !is || !died {
			e.warn("stop the profile: %v; all traces are there all the same", err)
		}
	}
	return nil
}

// warnOfBound says what it means for the times of requests that a profile ended by itself: whatever ran then stood still while
// the traces were written.
func (e *Engine) warnOfBound(bound int) {
	text := fmt.Sprintf("the profile ended by itself after %s, and the engine stands still while it writes the traces", words.Counted(bound, "step"))
	var gaps []int64 // ns
	for i := range e.outputs {
		for _, gap := range e.outputs[i].Gaps {
			gaps = append(gaps, gap.Nanoseconds())
		}
	}
	if len(gaps) > 0 {
		s := stats.Of(gaps)
		text += fmt.Sprintf(": TTFT, TPOT and ITL of requests that ran then have that in them (longest gap between tokens %s, median %s)",
			words.Duration(time.Duration(s.Max)), words.Duration(time.Duration(s.Median)))
	} else {
		text += ": requests that ran then waited for it"
	}
	if bound == maxSteps {
		text += "; --max-iterations says how many steps, 0 for all"
	}
	e.warn("%s", text)
}

// warnEarlier tells of a trace of an earlier profile.
func (e *Engine) warnEarlier(at engine.Place, name string) {
	text := name + ": left out, it is of a profile that ended before this one began"
	if slices.ContainsFunc(e.endpoints, func(p *endpoint) bool { return p.place == at && p.dialect.stopFirst }) {
		text += "; if somebody was recording it, the stop that is sent before a start has ended it, since this server ignores a second start"
	}
	e.warn("%s", text)
}

// explain says why not every trace is there, from what was seen. The capture itself says which ranks have none, and
// which files are damaged.
func (e *Engine) explain(ctx context.Context, all engine.Collected) error {
	var said []string
	add := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	gone := e.stops.gone
	for _, err := range e.stops.errs {
		if _, died := errors.AsType[*deadError](err); len(gone) > 0 && (died || errors.Is(err, errRefused)) {
			continue // as is said below
		}
		add("%v", err)
	}
	for _, err := range e.stops.doubts {
		add("%v (as after a profile that ended by itself)", err)
	}
	for _, d := range gone {
		add("server %s: %v", d.base, d)
	}
	answered := len(gone)+len(e.stops.errs)+len(e.stops.doubts) == 0
	for _, at := range all.Places {
		said = append(said, e.explainPlace(ctx, at, answered)...)
	}
	if left := unfinished(all.Temporary); len(left) > 0 {
		add("unfinished trace %s: its writer died, was killed, or the disk was full "+
			"(a trace is written there uncompressed, before it is compressed into its directory); delete it", strings.Join(left, ", "))
	}
	if len(said) == 0 {
		add("the stop was answered, and nothing more came within %v: the missing ranks' profilers failed without saying so, "+
			"the servers' logs may (Failed to stop profiler)", e.server.Patience)
	}
	return errors.New(strings.Join(said, "; "))
}

// explainPlace says what is odd about a place. answered: all servers said that all went well.
func (e *Engine) explainPlace(ctx context.Context, at engine.Found, answered bool) (said []string) {
	if at.Err != nil {
		return []string{at.Err.Error()}
	}
	var empty []string
	kept := false
	for _, f := range at.Files {
		kept = kept || f.Kept || !f.Earlier && f.Problem != "" // which is told
		if f.SizeBytes == 0 {
			empty = append(empty, f.Name)
		}
	}
	full := e.fullDisks(ctx, at.Place)
	if len(empty) > 0 {
		why := "a writer opens the file early, and died or failed before its first byte"
		if len(full) > 0 {
			why = "a writer opens the file early, and a full disk takes no byte of it"
		}
		said = append(said, fmt.Sprintf("%s in %s %s empty: %s", strings.Join(empty, ", "), at.Place, isOrAre(len(empty)), why))
	}
	said = append(said, full...)
	for _, f := range at.Files {
		if !f.Kept && !f.Earlier && f.SizeBytes > 0 && f.Problem != "" {
			said = append(said, f.Name+": "+f.Problem)
		}
	}
	if !kept && len(empty)+len(full) == 0 && answered {
		said = append(said, e.nothingIn(at.Place))
	}
	return said
}

// fullDisks says which disks that the traces of a place go to are full, or so nearly that no trace can have had room.
func (e *Engine) fullDisks(ctx context.Context, where engine.Place) (said []string) {
	at, ok := where.(place)
	if !ok {
		return nil
	}
	t := at.try(ctx)
	if host.IsFull(t.err) || t.free >= 0 && t.free < leastBytes {
		said = append(said, fmt.Sprintf("the disk of %s is full: %s", t.at, freeNow(t.free)))
	}
	temps := map[string]int64{} // by directory, what is free
	if t.temp != "" {
		temps[t.temp] = t.tempFree
	}
	for _, p := range e.endpoints {
		if p.place == at && p.process != nil && p.dialect.Engine != "native" {
			temp := p.process.temp()
			temps[temp.at] = temp.free
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(temps)) {
		if free := temps[dir]; free >= 0 && free < leastBytes {
			said = append(said, fmt.Sprintf("the disk of %s, to which a server writes each trace uncompressed first, is full: %s",
				dir, freeNow(free)))
		}
	}
	return said
}

// freeNow says what is left of a full disk, and what to do.
func freeNow(bytes int64) string {
	if bytes < 0 {
		return "free some"
	}
	return words.Size(bytes) + " are free: free some"
}

// nothingIn says why a directory got no trace although the servers answered that all went well.
func (e *Engine) nothingIn(at engine.Place) string {
	text := fmt.Sprintf("start and stop were answered as if all went well, but no new trace appeared in %s within %v", at, e.server.Patience)
	if l, ok := at.(local); ok {
		if _, err := os.Stat(string(l.Directory)); err != nil {
			return text + "; that directory does not exist: is it the one that the server was given, and on this machine?"
		}
	}
	for _, q := range e.endpoints {
		if dir, ok := q.writesElsewhere(); ok && q.place == at {
			return fmt.Sprintf("%s: %s was told to write to %s: leave --trace-dir out, or give that", text, q.base, dir)
		}
	}
	hints := []string{"the server writes somewhere else (a path in its configuration is one on its own machine, and a relative one starts where the server was started)",
		"its profiler failed without saying so, which its log does (Failed to start profiler, Failed to stop profiler)"}
	for _, q := range e.endpoints {
		if q.place == at && q.dialect.Engine == "vllm" && !q.dialect.bounded {
			hints = append(hints, "a second profile of one server with wait, warmup or active iterations configured writes nothing in this vLLM")
		}
		if q.place == at && e.config.Profiler.DelayIterations > 0 {
			hints = append(hints, "fewer steps ran than delay_iterations")
		}
	}
	return text + ": " + strings.Join(hints, "; or ")
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// unfinished lists the temporary files that are still there.
func unfinished(paths []string) []string {
	var left []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			left = append(left, fmt.Sprintf("%s (%s)", path, words.Size(info.Size())))
		}
	}
	return left
}
