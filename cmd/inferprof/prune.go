package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/internal/words"
)

func newPrune(s *settings) *cobra.Command {
	f := &pruneFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "prune [DIR]",
		Short: "Delete old captures safely",
		Long: `Deletes captures in a directory by number, age and total size. Only what is provably a capture goes: a directory with a
manifest, of which only the capture's own files, or a directory with nothing but traces. Links are not followed, and a
capture that is being made is left alone. What is kept is listed, and so is what lies beside a capture and stays.`,
		Example: `  inferprof prune --keep 10
  inferprof prune --older-than 7d --max-total 20GB --dry-run
  inferprof prune --max-total 5GB ./my_profiles`,
		Args: atMostOne("directory", "inferprof prune --keep 10 ./inferprof_profile"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			dir := capture.DefaultDir
			if len(args) > 0 {
				dir = args[0]
			}
			return f.run(dir, o, cmd.OutOrStdout())
		},
	}
	cmd.Flags().IntVar(&f.keep, "keep", -1, "keep only the newest so many `captures`")
	cmd.Flags().Lookup("keep").DefValue = "all"
	cmd.Flags().StringVar(&f.olderThan, "older-than", "", "delete those that began longer ago than this `time`: 7d, 12h, 2w")
	cmd.Flags().StringVar(&f.maxTotal, "max-total", "", "delete the oldest until the rest takes no more than this `size`: 20GB, 500MB, 2GiB")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be deleted, and delete nothing")
	s.formatFlag(cmd, "text", "json")
	return cmd
}

type pruneFlags struct {
	*settings
	keep                int
	olderThan, maxTotal string
	dryRun              bool
}

func (f *pruneFlags) options() (capture.PruneOptions, error) {
	o := capture.PruneOptions{Keep: f.keep, MaxTotalBytes: -1, DryRun: f.dryRun, Now: time.Now()}
	var err error
	if f.olderThan != "" {
		if o.OlderThan, err = parseAge(f.olderThan); err != nil {
			return o, usagef("--older-than %q: %v", f.olderThan, err)
		}
	}
	if f.maxTotal != "" {
		if o.MaxTotalBytes, err = parseSize(f.maxTotal); err != nil {
			return o, usagef("--max-total %q: %v", f.maxTotal, err)
		}
	}
	if o.Keep < 0 && o.OlderThan == 0 && o.MaxTotalBytes < 0 {
		return o, usagef("prune needs a rule: --keep 10, --older-than 7d or --max-total 20GB")
	}
	return o, nil
}

// pruneResult is what inferprof prune prints as JSON.
type pruneResult struct {
	Directory  string            `json:"directory"`
	DryRun     bool              `json:"dry_run"`
	FreedBytes int64             `json:"freed_bytes"`
	KeptBytes  int64             `json:"kept_bytes"`
	Captures   []*capture.Pruned `json:"captures"`
}

func (f *pruneFlags) run(dir string, o capture.PruneOptions, w io.Writer) error {
	all, failed := capture.Prune(dir, o)
	if all == nil && failed != nil {
		return failed
	}
	r := pruneResult{Directory: dir, DryRun: o.DryRun, Captures: all}
	removed := 0
	for _, p := range all {
		if p.Removed {
			removed++
			r.FreedBytes += p.SizeBytes
		} else {
			r.KeptBytes += p.SizeBytes
		}
	}
	if f.format == "json" {
		if r.Captures == nil {
			r.Captures = []*capture.Pruned{}
		}
		if err := writeJSON(w, r); err != nil {
			return err
		}
		return failed
	}
	did, freed := "deleted", "freed"
	if o.DryRun {
		did, freed = "would delete", "would free"
	}
	for _, p := range all {
		f.tell(w, did, p)
	}
	if !f.quiet {
		fmt.Fprintf(w, "%s %s: %s of %d, %s left\n", freed, words.Size(r.FreedBytes), words.Counted(removed, "capture"), len(all), words.Size(r.KeptBytes))
	}
	return failed
}

// tell says what became of a capture, and what stays of it.
func (f *pruneFlags) tell(w io.Writer, did string, p *capture.Pruned) {
	if !p.Removed {
		if f.quiet && p.Reason == "" {
			return
		}
		did = "kept"
	}
	fmt.Fprintf(w, "%s %s (%s, %s)", did, p.Directory, p.StartedAt.Local().Format(time.DateTime), words.Size(p.SizeBytes))
	if p.Reason != "" {
		fmt.Fprintf(w, ": %s", p.Reason)
	}
	fmt.Fprintln(w)
	if !p.Removed {
		return
	}
	if len(p.Stays) > 0 {
		fmt.Fprintf(w, "  the directory stays, since there is something else in it: %s\n", words.List(p.Stays[:min(len(p.Stays), mostStays)], len(p.Stays)))
	}
	if len(p.StaysAbove) > 0 {
		fmt.Fprintf(w, "  in %s stays what has changed since it was captured: %s\n", filepath.Dir(p.Directory),
			words.List(p.StaysAbove[:min(len(p.StaysAbove), mostStays)], len(p.StaysAbove)))
	}
}

// mostStays is how many names of what stays are told; JSON has them all.
const mostStays = 8

var quantityPattern = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$`)

// quantity is a number and a unit.
func quantity(text string, units map[string]float64, example string) (float64, error) {
	m := quantityPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, fmt.Errorf("must be a number and a unit, such as %s", example)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	unit, ok := units[m[2]]
	if err != nil || !ok {
		return 0, fmt.Errorf("unknown unit %s: write it as %s", m[2], example)
	}
	if n*unit > math.MaxInt64/2 {
		return 0, fmt.Errorf("too large")
	}
	return n * unit, nil
}

// parseAge reads 90m, 12h, 7d, 2w.
func parseAge(text string) (time.Duration, error) {
	n, err := quantity(text, map[string]float64{
		"m": float64(time.Minute), "h": float64(time.Hour), "d": 24 * float64(time.Hour), "w": 7 * 24 * float64(time.Hour),
	}, "12h, 7d or 2w")
	if err == nil && n < 1 {
		return 0, fmt.Errorf("must be above 0")
	}
	return time.Duration(n), err
}

// parseSize reads 500MB, 20GB, 2GiB.
func parseSize(text string) (int64, error) {
	n, err := quantity(text, map[string]float64{
		"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}, "500MB, 20GB or 2GiB")
	return int64(n), err
}
