package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/doctor"
	"github.com/inferprof/inferprof/engine/server"
	"github.com/inferprof/inferprof/internal/words"
)

func newDoctor(s *settings) *cobra.Command {
	d := &doctorFlags{settings: s}
	cmd := &cobra.Command{
		Use:   "doctor [URL]",
		Short: "What is here, what will work, and what would go wrong",
		Long: `Looks at this machine: processor, memory, room on the disks that traces need, GPUs and their driver, other programs that
hold the GPUs' profiling counters, Python and the engines in it. With the address of a server it asks that what it is,
whether its profiler is on, where that writes and whether it can, and what would go wrong in profiling it; no profile is
started.

A problem makes a capture fail, or its numbers wrong; a note is worth knowing before one. Exits with 0 if there is no
problem and with 1 if there is one.`,
		Example: `  inferprof doctor
  inferprof doctor http://localhost:8000
  inferprof doctor --python ./venv --format json`,
		Args: atMostOne("address", "inferprof doctor http://localhost:8000"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&d.python, "python", "", "this `interpreter` or virtual environment (default: VIRTUAL_ENV, CONDA_PREFIX, else python3 on the PATH)")
	cmd.Flags().StringVar(&d.dir, "profile-dir", capture.DefaultDir, "the `directory` that captures would go to")
	cmd.Flags().StringVar(&d.key, "api-key", "", "`key` of the server (default: INFERPROF_API_KEY, else VLLM_API_KEY)")
	s.formatFlag(cmd, "text", "json")
	return cmd
}

type doctorFlags struct {
	*settings
	python, dir, key string
}

func (d *doctorFlags) run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := doctor.Options{Python: d.python, ProfileDir: d.dir}
	if len(args) > 0 && args[0] == "" {
		return usagef("doctor: the address is empty: name one such as http://localhost:8000, or none")
	}
	if len(args) > 0 {
		f := serverFlags{}
		f.APIKey = d.key
		o.URL, o.APIKey = args[0], f.key()
	}
	line := d.newProgress(stderr)
	line.say(strings.Join(nonEmpty("looking at this machine", word("and at", o.URL)), " "))
	x, err := doctor.Examine(ctx, o)
	line.close()
	if err != nil {
		return err
	}
	if d.format == "json" {
		if err := writeJSON(stdout, x); err != nil {
			return err
		}
	} else {
		d.write(stdout, x)
	}
	if len(x.Problems) > 0 {
		return fmt.Errorf("doctor: %s", words.Counted(len(x.Problems), "problem"))
	}
	return nil
}

// write prints what was found, a line each, and then what is wrong.
func (d *doctorFlags) write(w io.Writer, x *doctor.Examination) {
	if !d.quiet {
		line := func(name, format string, args ...any) {
			fmt.Fprintf(w, "%-14s  %s\n", name, fmt.Sprintf(format, args...))
		}
		m := &x.Machine
		line("processor", "%s, %s, %s kernels", m.CPU, words.Counted(m.CPUs, "processor"), m.Kernels)
		if m.MemoryBytes > 0 {
			line("memory", "%s free", words.Size(m.MemoryBytes))
		}
		for _, disk := range m.Disks {
			line("disk", "%s free in %s (%s)", words.Size(disk.FreeBytes), disk.Directory, disk.For)
		}
		if len(x.GPUs.Devices) == 0 {
			line("GPUs", "none found (nvidia-smi, rocm-smi)")
		}
		for _, g := range x.GPUs.Devices {
			line("GPU", "%s", strings.Join(nonEmpty(g.Name, g.Memory, word("driver", g.Driver)), ", "))
		}
		if x.Python.Path == "" {
			line("python", "none found")
		} else {
			line("python", "%s (%s)", x.Python.Version, x.Python.Path)
			for _, name := range doctor.Packages {
				version := x.Python.Packages[name]
				if version == "" {
					version = "not installed"
				}
				line("  "+name, "%s", version)
			}
		}
		line("engines", "%s", strings.Join(x.Python.Engines(), ", "))
		if x.Server != nil {
			writeServer(line, x.Server)
		}
	}
	for _, p := range x.Problems {
		fmt.Fprintf(w, "problem: %s\n", p)
	}
	for _, n := range x.Notes {
		if !d.quiet {
			fmt.Fprintf(w, "note: %s\n", n)
		}
	}
	if len(x.Problems) == 0 && !d.quiet {
		fmt.Fprintln(w, "nothing is wrong")
	}
}

// recordingText says whether a profile is being recorded, as Description has it.
var recordingText = map[string]string{
	"yes": "a profile is being recorded", "no": "nothing is being recorded", "unknown": "whether a profile is being recorded can't be asked",
}

func writeServer(line func(name, format string, args ...any), v *server.Description) {
	line("server", "%s: %s", v.URL, strings.Join(nonEmpty(v.Title, v.Version), ", version "))
	if v.Model != "" {
		context := ""
		if v.MaxModelLen > 0 {
			context = fmt.Sprintf(", contexts of up to %s", words.Counted(v.MaxModelLen, "token"))
		}
		line("  model", "%s%s", v.Model, context)
	}
	bounded := "the request can't bound its steps"
	switch {
	case !v.DialectKnown:
		bounded = "whether the request can bound its steps is not known"
	case v.Bounded:
		bounded = "the request can bound its steps (--max-iterations)"
	}
	line("  profiler", "%s", strings.Join(nonEmpty(v.Profiling, recordingText[v.Recording], bounded), "; "))
	for _, dir := range v.Directories {
		line("  writes", "%s (%s): %s", dir.Path, dir.For, strings.Join(nonEmpty(freeText(dir.FreeBytes), writableText[dir.Writable]), ", "))
	}
	if v.Metrics {
		line("  load", "%s running, %d waiting", words.Counted(v.Running, "request"), v.Waiting)
	}
	if v.Ranks > 0 {
		line("  ranks", "%d", v.Ranks)
	} else if v.Engines > 1 {
		line("  engines", "%d, data parallel", v.Engines)
	}
}

// writableText is what there is to say of a directory that a server writes to.
var writableText = map[string]string{
	"yes": "it may write there", "no": "it may not write there", "unknown": "whether it may write there is not known",
}

func freeText(bytes int64) string {
	if bytes < 0 {
		return ""
	}
	return words.Size(bytes) + " free"
}

// word puts a word before a value, if there is one.
func word(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

func nonEmpty(list ...string) []string {
	var kept []string
	for _, s := range list {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}

// atMostOne is the Args of a verb that takes one thing or none.
func atMostOne(what, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("%s takes one %s, such as: %s", cmd.CommandPath(), what, example)
		}
		return nil
	}
}
