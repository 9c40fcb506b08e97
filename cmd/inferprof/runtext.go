package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/report"
)

// shownOutputs is how many prompts and outputs are printed; requests.jsonl has them all.
const shownOutputs = 8

// writeRunText prints what was asked and answered, the capture's files and the report.
func (s *settings) writeRunText(w io.Writer, c *ondisk.Capture, result *analyze.Result) error {
	if !s.quiet {
		writeOutputs(w, c)
		writeOverhead(w, c.Manifest.Overhead)
		if err := writeFiles(w, c); err != nil {
			return err
		}
	}
	switch {
	case result != nil && !s.quiet:
		fmt.Fprintln(w)
		fallthrough
	case result != nil:
		return s.writeReport(w, result, report.Options{Quiet: s.quiet})
	case s.quiet:
		fmt.Fprintln(w, c.Dir)
	}
	return nil
}

func writeOutputs(w io.Writer, c *ondisk.Capture) {
	writeEngine(w, c.Manifest.Engine)
	for i, r := range c.Requests {
		if i == shownOutputs {
			fmt.Fprintf(w, "… and %d more in %s\n\n", len(c.Requests)-i, filepath.Join(c.Dir, ondisk.RequestsName))
			break
		}
		fmt.Fprintf(w, "Prompt: %s\nOutput: %s\n\n", promptText(r), outputText(r))
	}
	t := c.Manifest.Throughput
	if len(c.Requests) == 0 {
		return // nothing was asked
	}
	fmt.Fprintf(w, "%s, %s prompt and %s output tokens in %s: %s output tokens/s",
		requestCount(c.Requests), words.Grouped(int64(t.PromptTokens)), words.Grouped(int64(t.OutputTokens)),
		words.Duration(time.Duration(t.ElapsedNs)), words.Digits(t.OutputTokensPerSecond))
	if t.TTFT.MedianNs > 0 {
		fmt.Fprintf(w, ", TTFT %s", words.Duration(time.Duration(t.TTFT.MedianNs)))
	}
	if t.TPOT.MedianNs > 0 {
		fmt.Fprintf(w, ", TPOT %s", words.Duration(time.Duration(t.TPOT.MedianNs)))
	}
	if t.ITL.MedianNs > 0 {
		fmt.Fprintf(w, ", ITL %s", words.Duration(time.Duration(t.ITL.MedianNs)))
	}
	if t.FailedRequests > 0 {
		fmt.Fprintf(w, "; %s failed", words.Counted(t.FailedRequests, "request"))
	}
	fmt.Fprintf(w, "\n\n")
}

// requestCount says how many requests there were, and how many answers if some have several.
func requestCount(answers []ondisk.RequestRecord) string {
	requests := 0
	for _, r := range answers {
		if r.Index == 0 {
			requests++
		}
	}
	text := words.Counted(requests, "request")
	if len(answers) > requests {
		text += ", " + words.Counted(len(answers), "answer")
	}
	return text
}

// writeOverhead says what the profiler costs, if that was measured.
func writeOverhead(w io.Writer, o *ondisk.Overhead) {
	if o == nil || o.Ratio.Median == 0 {
		return
	}
	fmt.Fprintf(w, "Profiled rounds took %s times as long as others (median of %s, %s to %s)",
		words.Digits(o.Ratio.Median), words.Counted(len(o.UnprofiledNs), "pair"), words.Digits(o.Ratio.Min), words.Digits(o.Ratio.Max))
	if o.Ratio.Min <= 1 {
		fmt.Fprint(w, ": what the profiler costs does not show above the noise")
	}
	fmt.Fprintf(w, "\n\n")
}

func writeEngine(w io.Writer, e engine.Info) {
	if len(e.Endpoints) > 0 {
		writeEndpoints(w, e)
		return
	}
	parameters := ""
	if e.Parameters > 0 { // vLLM does not tell
		parameters = words.Count(e.Parameters) + " parameters in "
	}
	fmt.Fprintf(w, "%s: %s, %s%s", e.Model, e.Architecture, parameters, e.Dtype)
	if e.Quantization != "" {
		fmt.Fprintf(w, ", %s weights", e.Quantization)
		if e.Engine == "native" {
			fmt.Fprint(w, " of 4 bits")
		}
		if e.QuantizedOnLoad {
			fmt.Fprint(w, " (rounded on load)")
		}
		if e.Activations != "" {
			fmt.Fprintf(w, " with %s activations", e.Activations)
		}
	}
	fmt.Fprintf(w, ", %s", words.Counted(e.Ranks, "rank"))
	if e.ThreadsPerRank > 0 {
		fmt.Fprintf(w, " of %s", words.Counted(e.ThreadsPerRank, "thread"))
	}
	if e.Kernels != "" {
		fmt.Fprintf(w, ", %s kernels", e.Kernels)
	}
	fmt.Fprintf(w, "\n\n")
}

// writeEndpoints says which servers were profiled.
func writeEndpoints(w io.Writer, e engine.Info) {
	fmt.Fprintf(w, "%s, %s:", e.Model, words.Counted(e.Ranks, "rank"))
	for i, p := range e.Endpoints {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, " %s", p.URL)
		if p.Version != "" {
			fmt.Fprintf(w, " (%s %s)", e.Engine, p.Version)
		}
	}
	fmt.Fprintf(w, "\n\n")
}

func promptText(r ondisk.RequestRecord) string {
	if r.Prompt == "" {
		return fmt.Sprintf("(%s)", words.Counted(r.PromptTokens, "token"))
	}
	return strconv.Quote(shortened(r.Prompt))
}

func outputText(r ondisk.RequestRecord) string {
	if r.Output == "" {
		return fmt.Sprintf("(%s)", words.Counted(r.OutputTokens, "token"))
	}
	return strconv.Quote(shortened(r.Output))
}

// shortened keeps the beginning of a long text.
func shortened(text string) string {
	const longest = 400
	r := []rune(text)
	if len(r) <= longest {
		return text
	}
	return string(r[:longest]) + "…"
}

func writeFiles(w io.Writer, c *ondisk.Capture) error {
	status := string(c.Manifest.Status)
	if c.Manifest.Stepless() {
		status += ", and without a step"
	}
	fmt.Fprintf(w, "Capture %s: %s\n", c.Dir, status)
	if err := fileTable(w, c.Manifest.Files); err != nil {
		return err
	}
	for _, warning := range c.Manifest.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", warning)
	}
	return nil
}

// runResult is what inferprof run prints as JSON.
type runResult struct {
	Directory string                 `json:"directory" redact:"path"`
	Capture   *ondisk.Manifest       `json:"capture"`
	Requests  []ondisk.RequestRecord `json:"requests"`
	Report    *analyze.Result        `json:"report,omitempty"`
}

func writeRunJSON(w io.Writer, c *ondisk.Capture, result *analyze.Result) error {
	return writeJSON(w, runResult{c.Dir, c.Manifest, c.Requests, result})
}
