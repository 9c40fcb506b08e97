//go:build unix

package native

import (
	"fmt"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/llm/tensor"
)

// BenchmarkBatch is decode of 16 sequences beside that of one, on the OPT-125M shape: the whole step, from the plan to the chosen
// tokens. batch-x is how many times one sequence's tokens a second 16 sequences get together.
//
// ceiling-x is how many there could be at most: one sequence at the speed at which memory gives the weights, 16 at
// the speed of the multiply-adds that they need, in float32. Those of 4-bit weights are of integers, and bfloat16's are of
// pairs on some CPUs: the peaks of these nobody measures.
// Where a core's arithmetic is slow next to its memory the ceiling is low, and lower the fewer bytes a weight has.
//
// Steps are timed in processor time, divided by the threads, and the best counts: both because others use the machine.
func BenchmarkBatch(b *testing.B) {
	for _, c := range precisions {
		for _, threads := range []int{1, 2} {
			c.Model, c.LoadFormat, c.Threads = "opt-125m", "dummy", threads
			b.Run(fmt.Sprintf("%s%s/threads=%d", c.Dtype, c.Quantization, threads), func(b *testing.B) { benchBatch(b, c) })
		}
	}
}

func benchBatch(b *testing.B, c engine.Config) {
	const sequences = 16
	e := newEngine(b, c)
	pool := tensor.NewPool(c.Threads)
	defer pool.Close()
	peaks := tensor.MeasurePeaks(pool)
	one, many := math.Inf(1), math.Inf(1)
	for b.Loop() {
		one = min(one, bestStep(b, e, 1, c.Threads))
		many = min(many, bestStep(b, e, sequences, c.Threads))
		again := tensor.MeasurePeaks(pool)
		peaks.FLOPs, peaks.Bytes = max(peaks.FLOPs, again.FLOPs), max(peaks.Bytes, again.Bytes)
	}
	b.Log(host.CPU())
	read := float64(e.info.WeightBytes) / peaks.Bytes
	multiply := 2 * float64(e.info.Parameters) / peaks.FLOPs
	b.ReportMetric(1/one, "tokens/s-of-1")
	b.ReportMetric(sequences/many, "tokens/s-of-16")
	b.ReportMetric(sequences*one/many, "batch-x")
	if c.Quantization == "" && !(c.Dtype == "bfloat16" && tensor.CanRoundActivations(tensor.BFloat16)) {
		b.ReportMetric(sequences*max(read, multiply)/max(read, sequences*multiply), "ceiling-x")
	}
	b.ReportMetric(peaks.FLOPs/1e9, "GFLOP/s-peak")
	b.ReportMetric(peaks.Bytes/1e9, "GB/s-peak")
}

// bestStep is the least time, in seconds, of a decode step of so many sequences.
func bestStep(b *testing.B, e *Engine, sequences, threads int) float64 {
	b.Helper()
	const steps = 24
	for range sequences {
		list, err := e.newGenerations(0, engine.Request{PromptTokenIDs: make([]int32, 8), Params: greedy(steps)})
		if err != nil {
			b.Fatal(err)
		}
		e.add(list[0])
	}
	e.step() // the prompts
	least := time.Duration(math.MaxInt64)
	for len(e.live) == sequences {
		start := processorTime(b)
		e.step()
		least = min(least, processorTime(b)-start)
	}
	e.abortAll()
	return least.Seconds() / float64(threads)
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
