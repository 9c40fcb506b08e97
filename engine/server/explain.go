package server

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
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

// explain says why not every trace is there, from what was seen. The capture itself says which ranks have none, and
// which files are damaged.
func (v *vigil) explain(all []*candidate) error {
	var said []string
	add := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	for _, err := range v.stopErrs {
		if errors.Is(err, errRefused) && len(v.gone) == len(v.endpoints) {
			continue // as the next one says
		}
		add("%v", err)
	}
	for _, err := range v.doubts {
		add("%v (as after a profile that ended by itself)", err)
	}
	if len(v.gone) > 0 {
		add("%s no longer listens: the server has died, its log says why", strings.Join(v.gone, ", "))
	}
	for _, p := range v.places {
		if p.err != nil {
			add("%v", p.err)
			continue
		}
		if empty := emptyOnes(p); len(empty) > 0 {
			add("%s in %s %s empty: a writer opens the file early, and died or failed before its first byte", strings.Join(empty, ", "), p, isOrAre(len(empty)))
		}
		for _, c := range p.files {
			if !c.whole && !c.foreign && c.size > 0 && c.path == "" {
				add("%s: %s", c.name, c.problem)
			}
		}
		if !slices.ContainsFunc(all, func(c *candidate) bool { return c.place == p }) && len(emptyOnes(p)) == 0 && len(v.gone) == 0 && len(v.stopErrs)+len(v.doubts) == 0 {
			add("%s", v.nothingIn(p))
		}
	}
	if temporary := v.leftovers(); len(temporary) > 0 {
		add("unfinished trace %s: its writer died, was killed, or the disk was full (a trace is written there uncompressed, before it is compressed into its directory); delete it", strings.Join(temporary, ", "))
	}
	if len(said) == 0 {
		add("the stop was answered, and nothing more came within %v: the missing ranks' profilers failed without saying so, the servers' logs may (Failed to stop profiler)", v.server.Patience)
	}
	return errors.New(strings.Join(said, "; "))
}

// nothingIn says why a directory got no trace although the servers answered that all went well.
func (v *vigil) nothingIn(p *place) string {
	text := fmt.Sprintf("start and stop were answered as if all went well, but no new trace appeared in %s within %v", p, v.server.Patience)
	if l, ok := p.source.(*local); ok {
		if _, err := os.Stat(l.path); err != nil {
			return text + "; that directory does not exist: is it the one that the server was given, and on this machine?"
		}
	}
	hints := []string{"the server writes somewhere else (a path in its configuration is one on its own machine, and a relative one starts where the server was started)",
		"its profiler failed without saying so, which its log does (Failed to start profiler, Failed to stop profiler)"}
	for _, q := range v.endpoints {
		if q.place == p && q.dialect.Engine == "vllm" && !q.dialect.bounded {
			hints = append(hints, "a second profile of one server with wait, warmup or active iterations configured writes nothing in this vLLM")
		}
		if q.place == p && v.config.Profiler.DelayIterations > 0 {
			hints = append(hints, "fewer steps ran than delay_iterations")
		}
	}
	return text + ": " + strings.Join(hints, "; or ")
}

func emptyOnes(p *place) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if c := p.files[name]; c.size == 0 {
			names = append(names, name)
		}
	}
	return names
}

func isOrAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// scratchPatterns are the names of what PyTorch writes before a compressed trace, in the server's TMPDIR, and before a
// plain one, beside it.
var scratchPatterns = []string{"tmp*.json", "tmp*.json.tmp"}

// lookAtScratch sees whether temporary files of a writer on this machine grow: that is why there is no trace yet.
func (v *vigil) lookAtScratch() {
	for _, p := range v.places {
		l, ok := p.source.(*local)
		if !ok {
			continue
		}
		var paths []string
		for _, pattern := range scratchPatterns {
			found, _ := filepath.Glob(filepath.Join(os.TempDir(), pattern)) // the pattern is fine
			paths = append(paths, found...)
		}
		beside, _ := filepath.Glob(filepath.Join(l.path, "*.json.tmp"))
		for _, path := range append(paths, beside...) {
			info, err := os.Stat(path)
			if err != nil || info.ModTime().Before(v.firstStart().Add(-time.Second)) {
				continue
			}
			if was, seen := v.scratch[path]; !seen || was != info.Size() {
				v.scratch[path], v.moved = info.Size(), time.Now()
			}
		}
	}
}

// leftovers lists the temporary files of this profile that are still there.
func (v *vigil) leftovers() []string {
	var left []string
	for _, path := range slices.Sorted(maps.Keys(v.scratch)) {
		if info, err := os.Stat(path); err == nil {
			left = append(left, fmt.Sprintf("%s (%s)", path, bytesText(info.Size())))
		}
	}
	return left
}

// tellProgress says how far every trace is.
func (v *vigil) tellProgress() {
	if time.Now().Before(v.nextText) {
		return
	}
	v.nextText = time.Now().Add(100 * time.Millisecond)
	var parts []string
	whole, expected := 0, 0
	for _, p := range v.places {
		n, _ := v.expectedAt(p)
		expected += n
		for _, c := range p.ranks() {
			if c.whole {
				whole++
				continue
			}
			part := fmt.Sprintf("rank %d: %s", c.own(), bytesText(c.size))
			if c.rate > 0 && time.Since(c.changed) < 2*time.Second {
				part += fmt.Sprintf(", %s/s", bytesText(int64(c.rate)))
			}
			parts = append(parts, part)
		}
	}
	for path, size := range v.scratch {
		if _, err := os.Stat(path); err == nil {
			parts = append(parts, fmt.Sprintf("%s: %s", filepath.Base(path), bytesText(size)))
		}
	}
	const most = 4
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	text := fmt.Sprintf("%d of %d traces whole", whole, max(expected, whole))
	if v.open > 0 {
		text += ", the stop is not answered yet"
	}
	v.say(strings.Join(append([]string{text}, parts...), "; "))
}

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}
