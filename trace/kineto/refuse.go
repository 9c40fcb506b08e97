package kineto

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/trace/source"
)

// The formats that lie beside traces and are easily taken for them, by a top-level key.
var otherFormats = map[string]source.NotTraceError{
	"nodes": {Other: true, What: "an execution trace (nodes, no events)",
		Hint: "pass the Kineto trace that was recorded beside it (*.pt.trace.json.gz)"},
	"rocprofiler-sdk-tool": {Other: true, What: "rocprof's own results",
		Hint: "pass a trace that torch.profiler wrote (*.pt.trace.json.gz)"},
	"rocprofiler-sdk-json-tool": {Other: true, What: "rocprof's own results",
		Hint: "pass a trace that torch.profiler wrote (*.pt.trace.json.gz)"},
	"$schema": {Other: true, What: "a speedscope profile or a JSON schema"},
}

// otherFormat recognises a format by one of its top-level keys.
func otherFormat(key string) error {
	if e, ok := otherFormats[key]; ok {
		return &e
	}
	return nil
}

// unknownObject describes an object without traceEvents.
func unknownObject(keys []string, w *window) error {
	if len(keys) == 0 {
		return &source.NotTraceError{What: "JSON without traceEvents"}
	}
	if w.err != nil && len(keys) > 0 && keys[0] == "schemaVersion" {
		return &source.NotTraceError{What: "a trace that ends before its events",
			Hint: "its writer died or the disk was full; capture again"}
	}
	return &source.NotTraceError{Other: true, What: fmt.Sprintf("JSON without traceEvents (its keys are %s)", keyList(keys))}
}

// otherArray describes an array whose first element starts with c.
func otherArray(c byte) error {
	if c == '[' {
		return &source.NotTraceError{Other: true, What: "a list of lists, such as a memory timeline (.raw.json)",
			Hint: "pass the trace that was recorded with it (*.pt.trace.json.gz)"}
	}
	return &source.NotTraceError{What: "a JSON array of something else than events"}
}

// looksLikeEvent says whether an object of a bare array is a trace event.
func looksLikeEvent(b []byte, members []member) bool {
	for _, m := range members {
		if !m.argument && (string(m.key(b)) == "ph" || string(m.key(b)) == "ts") {
			return true
		}
	}
	return false
}

// otherObjects describes an array of objects that are no events.
func otherObjects(b []byte, members []member) error {
	var keys []string
	has := map[string]bool{}
	for _, m := range members {
		if !m.argument {
			keys = append(keys, string(m.key(b)))
			has[string(m.key(b))] = true
		}
	}
	if has["file"] && has["batch_size"] {
		return &source.NotTraceError{Other: true, What: "the list of a server's graph-capture traces (execution_details.json)",
			Hint: "pass the traces that it lists, or the directory above"}
	}
	if has["model_name"] && has["model_version"] || has["id"] && has["timestamps"] {
		return &source.NotTraceError{Other: true, What: "a trace of Triton's inference server, of requests and not of a profiler",
			Hint: "pass a trace that torch.profiler wrote in the model's process (*.pt.trace.json.gz)"}
	}
	return &source.NotTraceError{Other: true, What: fmt.Sprintf("a JSON array of objects with the keys %s", keyList(keys))}
}

// notJSON describes text that starts like no JSON document.
func notJSON(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("SQLite format 3")):
		return "an SQLite database, such as Nsight Systems and rocprofv3 write"
	case len(b) >= 4 && string(b[:2]) == "PK":
		return "a zip archive"
	case len(b) >= 2 && (string(b[:2]) == "\xff\xfe" || string(b[:2]) == "\xfe\xff"):
		return "UTF-16 text"
	}
	n := min(len(b), 24)
	for _, c := range b[:n] {
		if c < 0x09 || c == 0x7f {
			return "binary data, such as Perfetto's own traces"
		}
	}
	if b[0] == '<' {
		return "HTML or XML"
	}
	return fmt.Sprintf("text that is no JSON (it starts with %q)", b[:n])
}

// keyList names the first keys of an object, on one line whatever they are.
func keyList(keys []string) string {
	const most, longest = 5, 40
	var out []string
	for _, k := range keys[:min(len(keys), most)] {
		if len(k) > longest {
			k = k[:longest] + "…"
		}
		if q := strconv.Quote(k); q[1:len(q)-1] != k {
			k = q
		}
		out = append(out, k)
	}
	return strings.Join(out, ", ")
}
