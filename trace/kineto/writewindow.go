package kineto

import (
	"math"

	"github.com/inferprof/inferprof/trace"
)

// extent is the time from the first event's start to the last one's end; zeros for a trace without events.
func extent(t *trace.Trace) (first, last int64) {
	first, last = math.MaxInt64, math.MinInt64
	for i := range t.Events.Len() {
		first, last = min(first, t.Events.StartNs(i)), max(last, t.Events.EndNs(i))
	}
	if first > last {
		return 0, 0
	}
	return first, last
}

// declarations writes the metadata events that name processes and threads.
func (o *writer) declarations() {
	first, _ := extent(o.t)
	seen := map[trace.StringID]bool{}
	for i := range o.t.Tracks {
		x := &o.t.Tracks[i]
		pid, tid := o.t.Strings.At(x.Process), o.t.Strings.At(x.Thread)
		if !seen[x.Process] {
			seen[x.Process] = true
			if x.ProcessName != "" {
				o.declare("process_name", pid, "0", first, "name", string(appendString(nil, x.ProcessName)))
			}
			if x.Labels != "" {
				o.declare("process_labels", pid, "0", first, "labels", string(appendString(nil, x.Labels)))
			}
			if x.ProcessSortIndex != 0 {
				o.declareIndex("process_sort_index", pid, "0", first, x.ProcessSortIndex)
			}
		}
		if x.ThreadName != "" {
			o.declare("thread_name", pid, tid, first, "name", string(appendString(nil, x.ThreadName)))
		}
		if x.ThreadSortIndex != 0 {
			o.declareIndex("thread_sort_index", pid, tid, first, x.ThreadSortIndex)
		}
	}
}

func (o *writer) declareIndex(name, pid, tid string, ns, index int64) {
	a := argList{}
	a.int("sort_index", index)
	o.declareArgs(name, pid, tid, ns, string(a.b))
}

func (o *writer) declare(name, pid, tid string, ns int64, key, value string) {
	a := argList{}
	a.raw(key, value)
	o.declareArgs(name, pid, tid, ns, string(a.b))
}

func (o *writer) declareArgs(name, pid, tid string, ns int64, args string) {
	o.begin()
	o.printf("{\n    \"name\": \"%s\", \"ph\": \"M\", \"ts\": ", name)
	o.line = appendTrack(append(appendMicros(o.line, ns), ", "...), pid, tid)
	o.printf(",\n    \"args\": {\n      %s\n    }\n  }", args)
	o.flush()
}

// window writes the profiler's own span around everything, and the instants that go with it.
func (o *writer) window() {
	first, last := extent(o.t)
	o.begin()
	o.line = appendMicros(append(o.line, "{\n    \"ph\": \"X\", \"cat\": \"Trace\", \"ts\": "...), first)
	o.line = appendMicros(append(o.line, ", \"dur\": "...), last-first)
	o.line = append(o.line, ",\n    \"pid\": \"Spans\", \"tid\": \"PyTorch Profiler\",\n    \"name\": \"PyTorch Profiler (0)\",\n    \"args\": {\n      \"Op count\": 0\n    }\n  }"...)
	o.begin()
	o.line = appendMicros(append(o.line, "{\n    \"name\": \"process_sort_index\", \"ph\": \"M\", \"ts\": "...), first)
	o.line = append(o.line, ",\n    \"pid\": \"Spans\", \"tid\": 0,\n    \"args\": {\n      \"sort_index\": 536870912\n    }\n  }"...)
	o.instant("Iteration Start: PyTorch Profiler", `"Traces"`, `"Trace PyTorch Profiler"`, first)
	o.instant("Record Window End", `""`, `""`, last)
	o.flush()
}

func (o *writer) instant(name, pid, tid string, ns int64) {
	o.begin()
	o.printf("{\n    \"name\": \"%s\", \"ph\": \"i\", \"s\": \"g\",\n    \"pid\": %s, \"tid\": %s, \"ts\": ", name, pid, tid)
	o.line = append(appendMicros(o.line, ns), "\n  }"...)
}
