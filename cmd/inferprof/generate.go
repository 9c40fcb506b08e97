package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	fastgzip "github.com/klauspost/compress/gzip"
	"github.com/spf13/cobra"

	"github.com/inferprof/inferprof/internal/atomicfile"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto/gen"
)

// generatedFile is what inferprof generate prints of each trace.
type generatedFile struct {
	Path string `json:"path"`
	Rank int    `json:"rank"`
	gen.Totals
}

// newGenerate is for those who work on inferprof, or try a viewer: it is not in the help.
func newGenerate(s *settings) *cobra.Command {
	var o gen.Options
	var bytes byteSize = 100e6
	output := ""
	cmd := &cobra.Command{
		Use:    "generate -o OUTPUT",
		Short:  "Make a trace of any size with known totals",
		Hidden: true,
		Long: `Writes a trace that looks like a serving engine's, in Kineto's layout and order, of any size, and prints the totals that a
reader must find. Nothing is drawn at random. One rank goes into a file (*.json or *.json.gz), several go into a new
directory.`,
		Example: "  inferprof generate --bytes 1.05GB -o big.json.gz\n" +
			"  inferprof generate --ranks 4 --steps 20 -o four",
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case output == "":
				return usagef("say where to write with -o: a file that ends in .json or .json.gz, or a directory")
			case o.WorldSize < 1:
				return usagef("--ranks %d: must be 1 or more", o.WorldSize)
			case o.Steps < 0 || o.Layers < 1:
				return usagef("--steps and --layers: must be 1 or more")
			}
			o.Bytes = int64(bytes)
			line := s.newProgress(cmd.ErrOrStderr())
			line.say("writing " + words.Counted(o.WorldSize, "trace"))
			files, err := generate(output, o)
			line.close()
			if err != nil || s.quiet {
				return err
			}
			return writeJSON(cmd.OutOrStdout(), files)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", "the `file` (*.json, *.json.gz) or directory to write")
	flags.Var(&bytes, "bytes", "how much JSON per rank, roughly: 300MB, 1.05GB")
	flags.IntVar(&o.Steps, "steps", 0, "how many steps, rather than how many bytes")
	flags.IntVar(&o.Layers, "layers", 32, "how many layers a step has")
	flags.IntVar(&o.WorldSize, "ranks", 1, "how many ranks")
	flags.BoolVar(&o.NoStacks, "no-stacks", false, "leave Python frames out")
	return cmd
}

func generate(output string, o gen.Options) ([]generatedFile, error) {
	if formats.NamesFile(output) {
		if o.WorldSize > 1 {
			return nil, usagef("-o %s is one file, and these are %d ranks: name a directory", output, o.WorldSize)
		}
		f, err := generateFile(output, o)
		return []generatedFile{f}, err
	}
	if _, err := os.Lstat(output); err == nil {
		return nil, fmt.Errorf("-o %s is there already: name a directory that is not", output)
	}
	var files []generatedFile
	err := atomicfile.WriteDir(output, func(dir string) error {
		for o.Rank = range o.WorldSize {
			name := fmt.Sprintf("rank%d.%d.pt.trace.json.gz", o.Rank, gen.BaseTimeNanoseconds)
			f, err := generateFile(filepath.Join(dir, name), o)
			if err != nil {
				return err
			}
			f.Path = filepath.Join(output, name)
			files = append(files, f)
		}
		return nil
	})
	return files, err
}

func generateFile(path string, o gen.Options) (f generatedFile, err error) {
	f.Path, f.Rank = path, o.Rank
	err = atomicfile.Write(path, func(w io.Writer) error {
		if !strings.HasSuffix(path, ".gz") {
			f.Totals, err = gen.Write(w, o)
			return err
		}
		z := fastgzip.NewWriter(w)
		if f.Totals, err = gen.Write(z, o); err != nil {
			return err
		}
		return z.Close()
	})
	return f, err
}

// byteSize is a number of bytes, as a flag: 300MB, 64MiB, 1.05e9, and as vLLM spells it: 1k is 1000, 1K is 1024. 0 is none
// given.
type byteSize int64

var byteUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
	{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"", 1},
}

func (b *byteSize) Type() string { return "size" }

func (b *byteSize) String() string {
	if *b == 0 {
		return ""
	}
	return words.Size(int64(*b))
}

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v*u.bytes >= 1 && v*u.bytes < 1e15) {
			break
		}
		*b = byteSize(v * u.bytes)
		return nil
	}
	return fmt.Errorf("must be a size such as 300MB or 1.05GB")
}
