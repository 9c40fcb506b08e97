package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/inferprof/inferprof/analyze"
)

// JSON writes the whole result. docs/report-schema.md describes the fields.
func JSON(w io.Writer, r *analyze.Result) error {
	out := *r
	out.Problems, out.Findings = list(r.Problems), list(r.Findings)
	out.Verdict, out.Figures, out.Remarks = list(r.Verdict), list(r.Figures), list(r.Remarks)
	out.Kernels, out.Categories = list(r.Kernels), list(r.Categories)
	out.MemoryOps, out.Ops, out.Collectives = list(r.MemoryOps), list(r.Ops), list(r.Collectives)
	out.Steps, out.Phases, out.Ranks = list(r.Steps), list(r.Phases), list(r.Ranks)
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}

// list makes an empty table [] rather than null.
func list[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}
