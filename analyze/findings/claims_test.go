package findings

import (
	"fmt"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// byID is the finding of a rule; nil if there is none.
func byID(found []analyze.Finding, id string) *analyze.Finding {
	for i := range found {
		if found[i].ID == id {
			return &found[i]
		}
	}
	return nil
}

// TestOutsideSteps: what ran before the first step is in no number per step.
func TestOutsideSteps(t *testing.T) {
	b := newBuilder(0, 2)
	for i := range int64(600) {
		b.gpu(trace.CategoryKernel, "vectorized_elementwise_kernel", 5_000_000+i, 10_000*i, 8_000, trace.Absent, 1)
	}
	b.gpu(trace.CategoryKernel, "ncclDevKernel_AllReduce_Sum", 6_000_000, 6_100_000, 3_000_000, trace.Absent, 1)
	b.run(steps{n: 12, before: 10_000_000})
	found := find(analyze.Options{}, b.Trace)
	for _, id := range []string{"unfused_elementwise", "exposed_communication"} {
		if f := byID(found, id); f != nil {
			t.Errorf("%s: %s", id, f.Sentence)
		}
	}
	if f := byID(found, "unlinked_kernels"); f == nil || f.StakeNsPerStep != 0 {
		t.Errorf("unlinked work has at stake what no step has: %+v", f)
	}
}

// TestFewGaps: that a few gaps are most of what the device waits is said, and the advice is for what the host does there.
func TestFewGaps(t *testing.T) {
	for _, test := range []struct {
		name, during string
		callNs       int64 // of the launches that end the long gaps
		compiled     bool
		few          int
		want, not    string
	}{
		{"many alike", "", 3_000, false, 0, "a compiled model or CUDA graphs", "ahead of time"},
		{"many alike, compiled", "", 3_000, true, 0, "graph breaks", "a compiled model"},
		{"work on the host", "preprocess", 3_000, false, 2, "ahead of time", "CUDA graphs"},
		{"first uses", "", 60_000_000, false, 2, warmUp + ": the first use", "CUDA graphs"},
	} {
		b := newBuilder(0, 1)
		host := int64(0)
		for i := range int64(60) {
			callNs := int64(3_000)
			if i%25 == 20 { // twice
				if test.during != "" {
					b.Op(test.during, host+1_000, 50_000_000)
					host += 52_000_000
				}
				callNs = test.callNs
			}
			correlation := b.call("cudaLaunchKernel", host, callNs)
			host += callNs + 200_000
			b.gpu(trace.CategoryKernel, fmt.Sprintf("%skernel", choose(test.compiled, "triton_poi_fused_", "")), correlation, host-195_000, 20_000, trace.Absent, 1)
		}
		f := byID(find(analyze.Options{}, b.Trace), "host_idle")
		if f == nil {
			t.Errorf("%s: nothing is said", test.name)
			continue
		}
		few := 0
		for _, e := range f.Evidence {
			if e.Name == "longest_gaps" {
				few = int(e.Value)
			}
		}
		if few != test.few || !strings.Contains(f.Try, test.want) || strings.Contains(f.Try, test.not) {
			t.Errorf("%s: %d long gaps: %s\ntry: %s", test.name, few, f.Sentence, f.Try)
		}
	}
}

// TestChurnIsNoMoment: tensors are not what takes the time where one of them takes most of it.
func TestChurnIsNoMoment(t *testing.T) {
	for _, test := range []struct {
		each, one int64
		want      bool
	}{{4_000, 4_000, true}, {100, 5_000_000, false}} {
		b := newBuilder(0, 1)
		at := int64(1_000)
		for step := range int64(10) {
			begin := at
			for i := range int64(120) {
				ns := test.each
				if step == 5 && i == 60 {
					ns = test.one
				}
				b.Op("aten::empty", at, ns)
				at += ns + 100
			}
			b.gpu(trace.CategoryKernel, "gemm", b.call("cudaLaunchKernel", at, 3_000), at+5_000, 50_000, trace.Absent, 1)
			at += 60_000
			b.Annotation("execute_context_0(0)_generation_4(4)", begin, at-begin-1_000)
		}
		found := find(analyze.Options{}, b.Trace)
		if (byID(found, "allocation_churn") != nil) != test.want {
			t.Errorf("%d ns each, one of %d: %+v", test.each, test.one, found)
		}
	}
}

// TestNoKernelsNoIdleness: where the kernels are lost nothing is concluded from a device that seems to stand still.
func TestNoKernelsNoIdleness(t *testing.T) {
	for _, lost := range []bool{false, true} {
		b := newBuilder(0, 1)
		for i := range int64(100) {
			at := 1_000_000 * i
			correlation := b.call("cudaLaunchKernel", at, 3_000)
			if !lost {
				b.gpu(trace.CategoryKernel, "gemm", correlation, at+10_000, 500_000, trace.Absent, 1)
			}
			if i%10 == 0 {
				b.gpu(trace.CategoryMemset, "Memset (Device)", b.call("cudaMemsetAsync", at+4_000, 3_000), at+600_000, 1_000, trace.Absent, 0)
			}
		}
		found := find(analyze.Options{}, b.Trace)
		if (byID(found, "host_idle") == nil) != lost {
			t.Errorf("lost: %t: %+v", lost, found)
		}
	}
}

// TestBusyAfterCopy: what the host does while the device stands idle after a copy is said beside the copy.
func TestBusyAfterCopy(t *testing.T) {
	b := newBuilder(0, 1)
	for i := range int64(12) {
		at := 1_200_000*i + 1_000_000
		b.gpu(trace.CategoryKernel, "gemm", b.call("cudaLaunchKernel", at, 3_000), at+5_000, 545_000, trace.Absent, 1)
		b.gpu(trace.CategoryMemcpy, "Memcpy DtoH (Device -> Pageable)", b.call("cudaMemcpyAsync", at+10_000, 590_000), at+550_000, 40_000, 1<<20, 0)
		b.Op("preprocess", at+601_000, 590_000)
	}
	f := byID(find(analyze.Options{}, b.Trace), "pageable_copies")
	if f == nil || !strings.Contains(f.Sentence, "the host is in preprocess") || !strings.Contains(f.Try, "ahead of time") {
		t.Errorf("%+v", f)
	}
}

// TestEagerPrompts: the advice for a step that is launched kernel by kernel is about launches, and not about requests.
func TestEagerPrompts(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 6, name: "execute_context_1(512)_generation_0(0)", eager: 900_000})
	f := byID(find(analyze.Options{}, b.Trace), "host_idle")
	if f == nil || !strings.Contains(f.Try, "less Python between launches, more tokens per step") || strings.Contains(f.Try, "per request") {
		t.Errorf("%+v", f)
	}
}
