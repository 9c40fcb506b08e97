package gen_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto/gen"
	"github.com/inferprof/inferprof/trace/source"
)

func TestTotals(t *testing.T) {
	for _, o := range []gen.Options{{Steps: 1}, {Steps: 3, Layers: 5, Rank: 1, WorldSize: 2}, {Bytes: 3e6}, {Bytes: 1e6, NoStacks: true}} {
		var text bytes.Buffer
		want, err := gen.Write(&text, o)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(text.Bytes()) || int64(text.Len()) != want.Bytes {
			t.Fatalf("%+v: %d bytes, %d told", o, text.Len(), want.Bytes)
		}
		if o.Bytes > 0 && (want.Bytes < o.Bytes*3/4 || want.Bytes > o.Bytes*5/4) {
			t.Errorf("%+v: %d bytes", o, want.Bytes)
		}
		tr, err := formats.Read(&text, "generated", source.Options{Strict: true})
		if err != nil {
			t.Fatal(err)
		}
		got := gen.Totals{Bytes: want.Bytes, Events: tr.Events.Len()}
		// The union by brute force: kernels are in order of their starts.
		busyTo := int64(0)
		for i := range tr.Events.Len() {
			start, dur := tr.Events.StartNs(i), tr.Events.DurationNs(i)
			switch tr.Events.Category(i) {
			case trace.CategoryKernel:
				if got.Kernels == 0 {
					got.FirstNs, busyTo = start, start
				}
				got.Kernels++
				got.KernelNs += dur
				got.BusyNs += max(0, start+dur-max(start, busyTo))
				busyTo = max(busyTo, start+dur)
				got.LastEndNs = busyTo
			case trace.CategoryUserAnnotation:
				got.Steps++
			case trace.CategoryCPUOp:
				got.CPUOps++
			case trace.CategoryPythonFunction:
				got.Frames++
			case trace.CategoryRuntime:
				got.Launches++
			}
		}
		if got != want {
			t.Errorf("%+v:\n got %+v\nwant %+v", o, got, want)
		}
		if want.BusyNs >= want.KernelNs && want.Kernels >= 16 {
			t.Error("no kernels overlap")
		}
		if d := tr.Meta.Distributed; d.Rank != o.Rank {
			t.Errorf("rank %d", d.Rank)
		}
	}
}
