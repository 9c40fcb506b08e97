//go:build unix

// Llamacpp measures the embedded engine against llama.cpp on this machine, in one sitting: the same shape (GPT-2's of 124 M
// parameters, which is OPT-125M's), the same precision, random weights, one sequence, prefill of 128 tokens and decode of
// 32. run.sh beside it gets llama.cpp and makes its models; then
//
//	go run ./bench/llamacpp -peer DIRECTORY
//
// The two take turns, round by round, because the speed of a machine that others use too wanders by more than they
// differ. A round's cost is counted twice: in elapsed time, and in the processors' time of the whole process. The first is
// what a user waits for; the second hardly depends on what else runs. Of both the table gives each one's best round, and the ratio
// of the medians.
//
// llama.cpp rounds activations to 8 bits for 4-bit weights, and so does the engine; its q4_0 has groups of 32, --quantization
// of the engine has 128. In both the output layer is in float16 next to weights of 4 bits. llama.cpp is called from
// JavaScript (node-llama-cpp), which costs it some 0.1 ms a token.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/native"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/sampling"
)

// precisions are pairs of the engine's settings and llama.cpp's model.
var precisions = []struct {
	name, gguf string
	config     engine.Config
}{
	{"float32", "f32.gguf", engine.Config{Dtype: "float32"}},
	{"bfloat16", "bf16.gguf", engine.Config{Dtype: "bfloat16"}},
	{"float16", "f16.gguf", engine.Config{Dtype: "float16"}},
	{"4 bits (awq, q4_0)", "q4_0.gguf", engine.Config{Quantization: "awq"}},
}

const (
	prefillTokens = 128
	decodeTokens  = 32
)

// cost is what a round took.
type cost struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

func main() {
	log.SetFlags(0)
	dir := flag.String("peer", "", "`directory` that run.sh filled")
	rounds := flag.Int("rounds", 9, "rounds of each")
	most := flag.Int("threads", 2, "up to so many threads")
	only := flag.String("precision", "", "only those whose `name` contains this")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := compare(*dir, *only, *rounds, *most); err != nil {
		log.Fatal(err)
	}
}

func compare(dir, only string, rounds, most int) error {
	fmt.Printf("%s. Tokens/s of the best round, ours and llama.cpp's; ratios of the medians (above 1 we are faster).\n\n", host.CPU())
	fmt.Println("| | threads | ours | llama.cpp | ratio | ratio in CPU time |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, p := range precisions {
		if !strings.Contains(p.name, only) {
			continue
		}
		their, err := startPeer(dir, p.gguf)
		if err != nil {
			return err
		}
		for threads := 1; threads <= most; threads *= 2 {
			p.config.Model, p.config.LoadFormat, p.config.Threads = "opt-125m", "dummy", threads
			our, err := native.Open(context.Background(), p.config)
			if err != nil {
				return err
			}
			for _, phase := range []string{"prefill", "decode"} {
				if err := comparePhase(p.name, phase, threads, rounds, our, their); err != nil {
					return err
				}
			}
			if err := our.Close(); err != nil {
				return err
			}
		}
		if err := their.close(); err != nil {
			return err
		}
	}
	return nil
}

func comparePhase(name, phase string, threads, rounds int, our *native.Engine, their *peer) error {
	tokens := map[string]int{"prefill": prefillTokens, "decode": decodeTokens}[phase]
	var ours, theirs []cost
	for i := range rounds + 1 {
		a, err := run(our, phase)
		if err != nil {
			return err
		}
		b, err := their.run(phase, threads)
		if err != nil {
			return err
		}
		if i > 0 { // the first warms up
			ours, theirs = append(ours, a), append(theirs, b)
		}
	}
	elapsed := func(c cost) float64 { return c.Seconds }
	processor := func(c cost) float64 { return c.CPUSeconds }
	best := func(list []cost) float64 { return float64(tokens) / sorted(list, elapsed)[0] }
	ratio := func(of func(cost) float64) float64 { return sorted(theirs, of)[rounds/2] / sorted(ours, of)[rounds/2] }
	fmt.Printf("| %s, %s | %d | %.1f | %.1f | %.2f | %.2f |\n", name, phase, threads, best(ours), best(theirs), ratio(elapsed), ratio(processor))
	return nil
}

func sorted(list []cost, of func(cost) float64) []float64 {
	var x []float64
	for _, c := range list {
		x = append(x, of(c))
	}
	slices.Sort(x)
	return x
}

// run is a round of the engine's.
func run(e *native.Engine, phase string) (cost, error) {
	r := engine.Request{PromptTokenIDs: make([]int32, prefillTokens), Params: sampling.Params{TopP: 1, MaxTokens: 1, IgnoreEOS: true}}
	if phase == "decode" { // the first token comes of a prompt of one
		r.PromptTokenIDs, r.Params.MaxTokens = r.PromptTokenIDs[:1], decodeTokens
	}
	start, cpu := time.Now(), cpuSeconds()
	_, err := e.Generate(context.Background(), []engine.Request{r})
	return cost{time.Since(start).Seconds(), cpuSeconds() - cpu}, err
}

// cpuSeconds is the processors' time of this process so far.
func cpuSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peer is llama.cpp in a process of its own, which answers a line with a line.
type peer struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
}

func startPeer(dir, model string) (*peer, error) {
	p := &peer{command: exec.Command("node", "peer.mjs", filepath.Join("models", model))}
	p.command.Dir, p.command.Stderr = dir, os.Stderr
	var err error
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	return p, p.command.Start()
}

func (p *peer) run(phase string, threads int) (c cost, err error) {
	tokens := map[string]int{"prefill": prefillTokens, "decode": decodeTokens}[phase]
	if _, err := fmt.Fprintln(p.in, phase, threads, tokens); err != nil {
		return c, err
	}
	if !p.out.Scan() {
		return c, fmt.Errorf("llama.cpp ended: %w", p.out.Err())
	}
	if err := json.Unmarshal(p.out.Bytes(), &c); err != nil {
		return c, fmt.Errorf("llama.cpp says %q: %w", p.out.Text(), err)
	}
	return c, nil
}

func (p *peer) close() error {
	if err := p.in.Close(); err != nil {
		return err
	}
	return p.command.Wait()
}
