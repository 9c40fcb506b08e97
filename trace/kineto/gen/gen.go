// Package gen makes Kineto traces of any size whose totals are known: for benchmarks, for tests, and for trying a
// viewer on a file larger than any at hand. What it writes looks like a serving engine's trace: engine steps of many
// layers, Python frames around ops around launches around kernels, in Kineto's own layout, and in Kineto's order: the
// whole CPU side first, and the device's work after it, so that in a large file a kernel comes hundreds of megabytes
// after the op that launched it.
//
// Nothing is drawn at random. Step n is the same for each n and each call, up to its times and ids, so that the totals
// follow from the options; Totals are summed up all the same while writing, event by event.
package gen

import (
	"bufio"
	"io"
	"strconv"
)

// Options say what to write.
type Options struct {
	Steps     int // engine iterations; 0: as many as Bytes asks for
	Bytes     int64
	Layers    int // per step, 0: 32
	Rank      int
	WorldSize int  // 0: 1
	NoStacks  bool // leave python_function events out
}

// Totals are what a reader must find.
type Totals struct {
	Bytes     int64 `json:"bytes"`  // of text
	Events    int   `json:"events"` // rows: without metadata events
	Kernels   int   `json:"kernels"`
	KernelNs  int64 `json:"kernel_ns"` // Σ of the kernels' durations
	BusyNs    int64 `json:"busy_ns"`   // union of the kernels' intervals
	Steps     int   `json:"steps"`
	CPUOps    int   `json:"cpu_ops"`
	Frames    int   `json:"frames"`
	Launches  int   `json:"launches"`
	FirstNs   int64 `json:"first_ns"`    // start of the first kernel, since BaseTimeNanoseconds
	LastEndNs int64 `json:"last_end_ns"` // end of the last kernel
}

// BaseTimeNanoseconds is that of all generated traces.
const BaseTimeNanoseconds int64 = 1790857026000000000

const (
	startNs   = 4565046131617245 // of the first step
	stepNs    = 20_000_000       // from one step's start to the next one's
	rankNs    = 317              // from one rank's start to the next one's
	pid       = 745
	stream    = 7
	framesPer = 14 // python_function events per layer
	opsPer    = 3
	kernels   = 2
)

// Write writes a trace.
func Write(w io.Writer, o Options) (Totals, error) {
	if o.Layers == 0 {
		o.Layers = 32
	}
	if o.WorldSize == 0 {
		o.WorldSize = 1
	}
	if o.Steps == 0 {
		probe := o
		probe.Steps = 4
		t, err := Write(io.Discard, probe)
		if err != nil {
			return t, err
		}
		o.Steps = max(1, int(o.Bytes*4/t.Bytes))
	}
	g := &generator{b: bufio.NewWriterSize(w, 256<<10), o: o}
	g.head()
	for step := range o.Steps {
		g.cpu(step)
	}
	for step := range o.Steps {
		g.device(step)
	}
	g.tail()
	g.totals.Steps = o.Steps
	return g.totals, g.b.Flush()
}

type generator struct {
	b      *bufio.Writer
	o      Options
	line   []byte
	begun  bool
	ev     int // Ev Idx
	totals Totals
	busyTo int64
}

// startNs is when a step begins: on each rank a little later, as no two are at the same nanosecond.
func (g *generator) startNs(step int) int64 {
	return startNs + int64(step)*stepNs + int64(g.o.Rank)*rankNs
}

func (g *generator) flush() {
	g.totals.Bytes += int64(len(g.line))
	_, _ = g.b.Write(g.line) // a bufio.Writer keeps its error for Flush
	g.line = g.line[:0]
}

func (g *generator) text(s string) { g.line = append(g.line, s...) }

func (g *generator) int(v int64) { g.line = strconv.AppendInt(g.line, v, 10) }

// micros appends nanoseconds as microseconds with three decimals.
func (g *generator) micros(ns int64) {
	g.int(ns / 1000)
	f := ns % 1000
	g.line = append(g.line, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}

func (g *generator) head() {
	g.text("\n  {\n    \"schemaVersion\": 1,\n    \"deviceProperties\": [\n    {\n      \"id\": 0, \"name\": \"NVIDIA H200\", \"totalGlobalMem\": 150109880320,\n" +
		"      \"computeMajor\": 9, \"computeMinor\": 0,\n      \"maxThreadsPerBlock\": 1024, \"maxThreadsPerMultiprocessor\": 2048,\n" +
		"      \"regsPerBlock\": 65536, \"warpSize\": 32,\n      \"sharedMemPerBlock\": 49152, \"numSms\": 132\n    }\n    ],\n      \"with_stack\": 1,\n      \"record_shapes\": 1,\n" +
		"      \"distributedInfo\": {\"backend\": \"nccl\", \"rank\": ")
	g.int(int64(g.o.Rank))
	g.text(", \"world_size\": ")
	g.int(int64(g.o.WorldSize))
	g.text("},\n  \"displayTimeUnit\": \"ms\",\n  \"baseTimeNanoseconds\": ")
	g.int(BaseTimeNanoseconds)
	g.text(",\n  \"traceEvents\": [")
	g.flush()
}

func (g *generator) tail() {
	first, last := g.startNs(0), g.startNs(g.o.Steps)
	g.begin()
	g.text("{\n    \"name\": \"process_name\", \"ph\": \"M\", \"ts\": ")
	g.micros(first)
	g.text(", \"pid\": 745, \"tid\": 0,\n    \"args\": {\n      \"name\": \"python3\"\n    }\n  }")
	g.begin()
	g.text("{\n    \"name\": \"process_labels\", \"ph\": \"M\", \"ts\": ")
	g.micros(first)
	g.text(", \"pid\": 0, \"tid\": 0,\n    \"args\": {\n      \"labels\": \"GPU 0\"\n    }\n  }")
	g.begin()
	g.text("{\n    \"ph\": \"X\", \"cat\": \"Trace\", \"ts\": ")
	g.micros(first)
	g.text(", \"dur\": ")
	g.micros(last - first)
	g.text(",\n    \"pid\": \"Spans\", \"tid\": \"PyTorch Profiler\",\n    \"name\": \"PyTorch Profiler (0)\",\n    \"args\": {\n      \"Op count\": 0\n    }\n  }")
	g.begin()
	g.text("{\n    \"name\": \"Record Window End\", \"ph\": \"i\", \"s\": \"g\",\n    \"pid\": \"\", \"tid\": \"\", \"ts\": ")
	g.micros(last)
	g.text("\n  }\n  ],\n  \"traceName\": \"generated.pt.trace.json\"\n}")
	g.totals.Events += 2
	g.flush()
}

// begin starts an event.
func (g *generator) begin() {
	if g.begun {
		g.line = append(g.line, ',')
	}
	g.begun = true
	g.text("\n  ")
}
