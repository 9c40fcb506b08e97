package kineto

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// Write writes t, or of its events those of rows (nil: all), as PyTorch's profiler writes its traces: the same keys in
// the same order and layout. Events that were read from a file are written as they stood there. A trace that holds no
// window of the profiler (CategoryTrace) gets one around its events, as Kineto would have written it.
func Write(w io.Writer, t *trace.Trace, rows *trace.Rows) error {
	out := &writer{b: bufio.NewWriterSize(w, 64<<10), t: t, rows: rows, valid: map[trace.StringID]bool{}}
	out.head()
	out.events()
	if !out.hasWindow {
		out.window()
	}
	out.tail()
	if out.err == nil {
		out.err = out.b.Flush()
	}
	return out.err
}

// writer writes one trace. Text is gathered in line and handed on event by event.
type writer struct {
	b         *bufio.Writer
	t         *trace.Trace
	rows      *trace.Rows // nil for all
	line      []byte
	row       row // of the event that is written
	err       error
	begun     bool                    // an event has been written
	hasWindow bool                    // one of them was the profiler's window
	eventNo   int                     // Ev Idx
	valid     map[trace.StringID]bool // raw JSON that has been checked
}

func (o *writer) flush() {
	if o.err == nil {
		_, o.err = o.b.Write(o.line)
	}
	o.line = o.line[:0]
}

func (o *writer) printf(format string, args ...any) { o.line = fmt.Appendf(o.line, format, args...) }

// head writes what comes before the events.
func (o *writer) head() {
	m := &o.t.Meta
	o.printf("{\n  \"schemaVersion\": %d,\n  \"deviceProperties\": ", max(m.SchemaVersion, 1))
	if raw := m.Other[keyDevices]; validJSON(raw) {
		o.line = append(o.line, raw...)
	} else {
		o.devices(m.Devices)
	}
	o.line = append(o.line, ",\n"...)
	for _, key := range slices.Sorted(maps.Keys(m.Other)) {
		if raw := m.Other[key]; key != keyDevices && validJSON(raw) {
			o.line = append(append(appendString(append(o.line, "  "...), key), ": "...), raw...)
			o.line = append(o.line, ",\n"...)
		}
	}
	if d := m.Distributed; d != nil && m.Other["distributedInfo"] == "" {
		o.distributed(d)
	}
	if m.HostName != "" {
		o.line = append(appendString(append(o.line, `  "host_name": `...), m.HostName), ",\n"...)
	}
	if m.Engine.Version != "" && m.Other["vllm_version"] == "" && m.Other["sglang_version"] == "" && m.Other["inferprof_version"] == "" {
		o.line = append(appendString(append(o.line, `  "`+cmpOr(m.Engine.Name, "inferprof")+`_version": `...), m.Engine.Version), ",\n"...)
	}
	o.line = append(appendString(append(o.line, `  "displayTimeUnit": `...), cmpOr(m.DisplayTimeUnit, "ms")), ",\n"...)
	o.printf("  \"baseTimeNanoseconds\": %d,\n  \"traceEvents\": [", m.BaseTimeNanoseconds)
	o.flush()
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (o *writer) devices(list []trace.Device) {
	o.line = append(o.line, '[')
	for i, d := range list {
		if i > 0 {
			o.line = append(o.line, ',')
		}
		o.device(d)
	}
	o.line = append(o.line, ']')
}

func (o *writer) device(d trace.Device) {
	o.printf("\n    {\n      \"id\": %d, \"name\": %s, \"totalGlobalMem\": %d,\n", d.ID, appendString(nil, d.Name), d.TotalMemoryBytes)
	o.printf("      \"computeMajor\": %d, \"computeMinor\": %d,\n", d.ComputeMajor, d.ComputeMinor)
	o.printf("      \"maxThreadsPerMultiprocessor\": %d, \"warpSize\": %d,\n", d.ThreadsPerSM, d.WarpSize)
	o.printf("      \"sharedMemPerBlock\": %d, \"numSms\": %d,\n", d.SharedMemPerBlock, d.Multiprocessors)
	o.printf("      \"regsPerMultiprocessor\": %d, \"sharedMemPerMultiprocessor\": %d\n    }", d.RegistersPerSM, d.SharedMemPerSM)
}

func (o *writer) distributed(d *trace.Distributed) {
	o.printf("  \"distributedInfo\": {\"backend\": %s, \"rank\": %d, \"world_size\": %d, \"pg_count\": %d, \"pg_config\": [",
		appendString(nil, d.Backend), d.Rank, d.WorldSize, len(d.Groups))
	for i, g := range d.Groups {
		if i > 0 {
			o.line = append(o.line, ", "...)
		}
		o.printf("{\"pg_name\": %s, \"pg_desc\": %s, \"backend_config\": %s, \"pg_size\": %d, \"ranks\": [",
			appendString(nil, g.Name), appendString(nil, g.Description), appendString(nil, d.Backend), g.Size)
		for k, r := range g.Ranks {
			if k > 0 {
				o.line = append(o.line, ", "...)
			}
			o.printf("%d", r)
		}
		o.line = append(o.line, "]}"...)
	}
	o.line = append(o.line, "]},\n"...)
}

// tail closes the events and the document.
func (o *writer) tail() {
	o.line = append(o.line, "\n  ],\n  \"traceName\": "...)
	o.line = append(appendString(o.line, o.t.Meta.TraceName), "\n}\n"...)
	o.flush()
}
