package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/llm/tensor"
)

// build is what inferprof version prints.
type build struct {
	ondisk.Tool
	OS         string   `json:"os"`
	Arch       string   `json:"arch"`
	CPU        string   `json:"cpu"`
	CPUs       int      `json:"cpus"`
	KernelSet  string   `json:"kernel_set"`  // in use
	KernelSets []string `json:"kernel_sets"` // that this CPU can run, the best last
	Engines    []string `json:"engines"`
}

func newVersion(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Version, commit, Go, CPU and the kernel set in use",
		Example: "  inferprof version\n  inferprof version --format json",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := build{
				Tool: capture.ThisTool(), OS: runtime.GOOS, Arch: runtime.GOARCH,
				CPU: host.CPU(), CPUs: runtime.GOMAXPROCS(0),
				KernelSet: tensor.KernelSet(), KernelSets: tensor.KernelSets(),
				Engines: engine.Names(),
			}
			if s.format == "json" {
				return writeJSON(cmd.OutOrStdout(), b)
			}
			b.text(cmd.OutOrStdout())
			return nil
		},
	}
	s.formatFlag(cmd, "text", "json")
	return cmd
}

func (b *build) text(w io.Writer) {
	fmt.Fprintf(w, "inferprof  %s", b.Version)
	if b.Commit != "" {
		fmt.Fprintf(w, " (%s)", b.Commit)
	}
	fmt.Fprintf(w, "\ngo         %s %s/%s\n", b.Go, b.OS, b.Arch)
	fmt.Fprintf(w, "cpu        %s, %d CPUs\n", b.CPU, b.CPUs)
	fmt.Fprintf(w, "kernels    %s (this CPU can run %s)\n", b.KernelSet, strings.Join(b.KernelSets, ", "))
	fmt.Fprintf(w, "engines    %s\n", strings.Join(b.Engines, ", "))
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
