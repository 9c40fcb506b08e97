package findings

import (
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

// scaled is a decode step whose kernels take so many times as long.
func scaled(by float64) []kernel {
	list := decode(0)
	for i := range list {
		list[i].ns = int64(by * float64(list[i].ns))
	}
	return list
}

// longer is a decode step whose largest kernel takes longer.
func longer(ns int64) []kernel {
	list := decode(0)
	list[1].ns += ns
	return list
}

// Each series has one thing to it; it, and none of the other rules of series, says so.
func TestSeries(t *testing.T) {
	of := []string{"throttling", "step_drift", "bimodal_steps", "periodic_pauses", "outlier_steps", "attention_growth"}
	random := []float64{1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 1.03, 0.97, 1}
	tests := []struct {
		name, want, says string
		n                int
		kernels          func(i int) []kernel
	}{
		{"flat", "", "", 40, func(i int) []kernel { return scaled(random[i%10]) }},
		{"some longer steps", "outlier_steps", "2 of 38 decode steps take", 40, func(i int) []kernel {
			if i == 11 || i == 17 {
				return scaled(5)
			}
			return scaled(random[i%10])
		}},
		{"a longer step every 8th", "periodic_pauses", "every 8 steps", 44, func(i int) []kernel {
			if i%8 == 5 {
				return longer(3_000_000)
			}
			return scaled(random[i%10])
		}},
		{"three longer ones prove no period", "outlier_steps", "", 30, func(i int) []kernel {
			if i%9 == 5 && i < 28 {
				return scaled(4)
			}
			return scaled(random[i%10])
		}},
		{"two kinds", "bimodal_steps", "a slow one comes every 2 steps", 30, func(i int) []kernel { return scaled(1 + 0.5*float64(i%2)) }},
		{"two kinds, without a rhythm", "bimodal_steps", "of two kinds", 40, func(i int) []kernel {
			if i%7 == 0 || i%5 == 0 || i%3 == 0 {
				return scaled(1.6)
			}
			return scaled(random[i%10])
		}},
		{"all kernels slow down", "throttling", "kernels slow down alike", 30, func(i int) []kernel { return scaled(random[i%10] + 0.01*float64(i)) }},
		{"all kernels slow down at once", "throttling", "", 30, func(i int) []kernel {
			if i < 14 {
				return scaled(random[i%10])
			}
			return scaled(random[i%10] * 1.3)
		}},
		{"one kernel grows", "step_drift", "decode steps of the same requests take longer over time", 30, func(i int) []kernel { return longer(int64(i) * 20_000) }},
		{"attention grows", "attention_growth", "attention takes more", 30, func(i int) []kernel {
			list := decode(i)
			list[2].ns += int64(i) * 20_000
			return list
		}},
		{"a warm-up is no loss", "", "", 30, func(i int) []kernel { return scaled(1 + max(0, 0.3-0.02*float64(i))) }},
		{"noise is no outlier", "", "", 40, func(i int) []kernel {
			return scaled([]float64{1, 1.5, 0.8, 1.2, 0.9, 1.4, 1.1, 0.85, 1.3, 0.95}[i*i%10])
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBuilder(0, 1)
			b.run(steps{n: test.n, kernels: test.kernels})
			found := find(analyze.Options{}, b.Trace)
			checkEvidence(t, found, []*trace.Trace{b.Trace})
			seen := ""
			for _, f := range found {
				if !slices.Contains(of, f.ID) {
					continue
				}
				if f.ID != test.want {
					t.Errorf("%s: %s", f.ID, f.Sentence)
				} else if !strings.Contains(f.Sentence, test.says) {
					t.Errorf("does not say %q: %s", test.says, f.Sentence)
				}
				seen = f.ID
			}
			if seen != test.want {
				t.Errorf("found %q, want %q", seen, test.want)
			}
		})
	}
}

// Other batches are no other kind of steps, and no drift.
func TestSeriesOfOneBatch(t *testing.T) {
	b := newBuilder(0, 1)
	for i := range 6 {
		name, by := "execute_context_0(0)_generation_8(8)", 1.0
		if i%2 == 1 {
			name, by = "execute_context_0(0)_generation_16(16)", 2
		}
		b.run(steps{n: 6, name: name, kernels: func(int) []kernel { return scaled(by) }})
	}
	for _, f := range find(analyze.Options{}, b.Trace) {
		if f.ID == "bimodal_steps" || f.ID == "step_drift" || f.ID == "throttling" || f.ID == "outlier_steps" {
			t.Errorf("%s: %s", f.ID, f.Sentence)
		}
	}
}

// A pause's cause is named if the trace shows it in all long steps and in no other; what is always there is none.
func TestCompanion(t *testing.T) {
	tests := []struct {
		name, op    string
		always      bool
		some        int // long steps without it
		named, says string
	}{
		{"in each", "gc.collect", false, 0, "gc.collect", "each has gc.collect in it"},
		{"everywhere", "schedule", true, 0, "", "the trace does not say why"},
		{"in all but one", "gc.collect", false, 1, "gc.collect", "of them have gc.collect in them"},
		{"in too few", "gc.collect", false, 3, "", "the trace does not say why"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBuilder(0, 1)
			b.run(steps{n: 44, kernels: func(i int) []kernel {
				if i%8 == 5 {
					return longer(3_000_000)
				}
				return decode(0)
			}})
			starts := gpuStarts(b)
			missing := test.some
			for i, at := range starts[:len(starts)-1] {
				switch {
				case i%8 == 5 && missing > 0:
					missing--
				case i%8 == 5 || test.always:
					b.Op(test.op, at+50_000, 700_000)
				}
			}
			i := slices.IndexFunc(find(analyze.Options{}, b.Trace), func(f analyze.Finding) bool { return f.ID == "periodic_pauses" })
			if i < 0 {
				t.Fatal("no pauses")
			}
			f := find(analyze.Options{}, b.Trace)[i]
			if !strings.Contains(f.Sentence, test.says) || test.named == "" && strings.Contains(f.Sentence, test.op) {
				t.Errorf("does not say %q: %s", test.says, f.Sentence)
			}
		})
	}
}

// gpuStarts are the starts of decode steps' first kernels.
func gpuStarts(b *builder) (starts []int64) {
	e := &b.Trace.Events
	for i := range e.Len() {
		if e.Category(i) == trace.CategoryKernel && b.Trace.Strings.At(e.Name(i)) == "rms_norm_kernel" {
			starts = append(starts, e.StartNs(i))
		}
	}
	slices.Sort(starts)
	return starts
}

// The ramp-up of the first requests holds nobody up; prompts that come later do, and no less than they need is at stake.
func TestRampUp(t *testing.T) {
	b := newBuilder(0, 1)
	b.run(steps{n: 1, name: "execute_context_1(128)_generation_0(0)"})
	b.run(steps{n: 2, name: "execute_context_7(896)_generation_1(1)", kernels: func(int) []kernel { return scaled(8) }})
	b.run(steps{n: 12})
	for _, f := range find(analyze.Options{}, b.Trace) {
		if f.ID == "prefill_interference" {
			t.Errorf("ramp-up: %s", f.Sentence)
		}
	}
	stake := map[string]int64{}
	for _, tokens := range []string{"16", "256", "2048"} {
		b := newBuilder(0, 1)
		b.run(steps{n: 16, mixed: 4, mixedAs: "execute_context_1(" + tokens + ")_generation_7(7)"})
		for _, f := range find(analyze.Options{}, b.Trace) {
			if f.ID == "prefill_interference" {
				stake[tokens] = f.StakeNsPerStep + 1
			}
		}
	}
	if stake["16"] <= stake["256"] || stake["256"] <= stake["2048"] || stake["2048"] == 0 {
		t.Errorf("at stake by tokens: %v", stake)
	}
}
