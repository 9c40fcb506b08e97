package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/internal/redact"
)

// redactFlag takes out of what is printed or written what should not leave the machine with it.
type redactFlag struct{ on bool }

func (f *redactFlag) define(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "redact", false, "replace prompts, outputs, host names, user names and paths by words, for what is passed on")
}

// apply redacts what pointers point to, if that is asked for: what is secret in one is taken out of all.
func (f redactFlag) apply(pointers ...any) {
	if f.on {
		redact.New().Values(pointers...)
	}
}

// ofCapture is a capture to be redacted: a copy, as far as redaction goes. The tokens that were likely, of which outputs can be put
// together again, are left out.
func (f redactFlag) ofCapture(c *ondisk.Capture) *ondisk.Capture {
	if !f.on {
		return c
	}
	copied, manifest := *c, *c.Manifest
	manifest.Files, manifest.Warnings = slices.Clone(manifest.Files), slices.Clone(manifest.Warnings)
	copied.Manifest, copied.Requests = &manifest, slices.Clone(c.Requests)
	for i := range copied.Requests {
		copied.Requests[i].Logprobs = nil
	}
	return &copied
}
