package python

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// Tracebacks in a log. Several processes write into it, each line with the process before it, and their lines mix. What
// went wrong in one makes others fail, whose tracebacks come after it and say no more than that: "Engine core initialization
// failed. See root cause above."

var (
	// What vLLM puts before a line: the process, and where the line is logged the level, the time and the place.
	logPrefix     = regexp.MustCompile(`^(\([^()]*\bpid=\d+\) )?(?:[A-Z]{4,} [\d-]+ [\d:.]+ \[[^\]]*\] ?)?`)
	exceptionLine = regexp.MustCompile(`^(?:[A-Za-z_][\w.]*)?(?:Error|Exception|Interrupt|Exit)\b`)
	colours       = regexp.MustCompile("\x1b\\[[0-9;]*m")

	// Exceptions that come of others, or of another process's end.
	consequence = regexp.MustCompile(`root cause|See stack trace|EngineDeadError|Executor failed|died unexpectedly|: cancelled$|` +
		`Connection (?:closed by|reset by) peer|[Bb]roken ?[Pp]ipe|^EOFError|^KeyboardInterrupt|^SystemExit`)
)

// exceptions are the last lines of the tracebacks in a log, in their order.
func exceptions(log []byte) []string {
	var found []string
	inTraceback := map[string]bool{} // by process
	for line := range bytes.Lines(log) {
		text := strings.TrimRight(string(line), "\r\n")
		if strings.Contains(text, "\x1b") {
			text = colours.ReplaceAllString(text, "")
		}
		m := logPrefix.FindStringSubmatch(text)
		process, text := m[1], text[len(m[0]):]
		switch {
		case strings.HasPrefix(text, "Traceback (most recent call last)"):
			inTraceback[process] = true
		case inTraceback[process] && exceptionLine.MatchString(text):
			found, inTraceback[process] = append(found, firstLine(text)), false
		}
	}
	return found
}

// lastException is the exception that a log ends with; where that came of others, the last one before those that did. "" if
// there is none.
func lastException(log []byte) string {
	all := exceptions(log)
	if len(all) == 0 {
		return ""
	}
	before := all
	if i := slices.IndexFunc(all, consequence.MatchString); i > 0 {
		before = all[:i]
	}
	for _, list := range [][]string{before, all} {
		for _, text := range slices.Backward(list) {
			if !consequence.MatchString(text) {
				return text
			}
		}
	}
	return all[len(all)-1]
}

// lastLine is the last line of a log that has words in it, without what is before them.
func lastLine(log []byte) string {
	lines := bytes.FieldsFunc(log, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range slices.Backward(lines) {
		text := colours.ReplaceAllString(string(line), "")
		text = strings.TrimSpace(text[len(logPrefix.FindString(text)):])
		if wordy.MatchString(text) {
			return text
		}
	}
	return ""
}

var wordy = regexp.MustCompile(`\pL{3,}`)
