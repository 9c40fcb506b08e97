// Package autograd is the format of PyTorch's older profiler, torch.autograd.profiler: the list of Chrome's trace events
// that EventList.export_chrome_trace writes, and in C++ RecordProfile. Its events have no categories, and names of two
// processes instead: what ran on the CPU is in "CPU functions", on its thread, and what ran on a GPU in "CUDA functions",
// on the number of its device. An arrow (s, f) leads from an op to each piece of work that it launched:
//
//	[{"name": "aten::mm", "ph": "X", "ts": 120.5, "dur": 80.1, "tid": 1, "pid": "CPU functions", "args": {}},
//	 {"name": "aten::mm", "ph": "s", "ts": 120.5, "tid": 1, "pid": "CPU functions", "id": 0, "cat": "cpu_to_cuda", "args": {}},
//	 {"name": "sgemm", "ph": "f", "ts": 151.0, "tid": 0, "pid": "CUDA functions", "id": 0, "cat": "cpu_to_cuda", "args": {}},
//	 {"name": "sgemm", "ph": "X", "ts": 151.0, "dur": 40.2, "tid": 0, "pid": "CUDA functions", "args": {}}]
//
// The text is the JSON that Kineto's reader knows all about, damage included, so that it is read by that, and only said
// here what the rows are. What such a file does not say stays unsaid: there are no calls of the CUDA runtime, so that
// nothing is known of when work was launched, only by which op; and no streams. Nor does it tell an op from a
// record_function: both are ops here, but for the names that mark steps.
//
// Of GPU work it depends on how the profiler measured. Kernels from nvprof or CUPTI are kernels. Without those it put a
// CUDA event before and one after each op, and calls what lay between by the op's name: such spans nest as the ops do.
// The time that the GPU was busy is right all the same, since overlaps count once, for what began first.
package autograd

import (
	"bytes"
	"regexp"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// Format is the room's entry in the list of formats. events is the format of Chrome's trace events, which reads the text.
func Format(events source.Format) source.Format {
	return source.Format{
		Name: "autograd", SharedEndings: []string{".json"},
		Sniff: sniff,
		Read: func(in *source.Input) (*trace.Trace, error) {
			t, err := events.Read(in)
			if err != nil {
				return nil, err
			}
			return understand(t), nil
		},
		Write: write,
	}
}

// process is the pid of an event of such a file: CPU functions, CUDA functions, of Ascend's fork NPU functions, and all of
// these with a capital F.
var (
	process      = regexp.MustCompile(`^([A-Z]+) [Ff]unctions$`)
	processInPID = regexp.MustCompile(`"pid"\s*:\s*"[A-Z]+ [Ff]unctions"`)
)

// sniff looks for the pid, which no other profiler writes. The exporter writes a list, and not the object around it.
func sniff(head []byte) source.Confidence {
	head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(head, []byte("[")) && processInPID.Match(head) {
		return source.Sure
	}
	return source.No
}
