package capture

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// Rounds without and with the profiler take turns; the capture is the last of them, and the traces of the others are gone.
func TestMeasureOverhead(t *testing.T) {
	rounds := 0
	var rested []int // after so many rounds
	script := &enginetest.Script{
		Generate: func(context.Context, int) error { rounds++; return nil },
		Rest:     func(context.Context) error { rested = append(rested, rounds); return nil },
	}
	o := options(t, script)
	o.Warmup, o.MeasureOverhead = 1, 3
	c, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if rounds != 1+3+3 {
		t.Errorf("%d rounds, want a warm-up and three pairs", rounds)
	}
	if !slices.Equal(rested, []int{3, 5}) {
		t.Errorf("at rest after rounds %v, want after each that was profiled but the last", rested)
	}
	m := readBack(t, c)
	v := m.Overhead
	if v == nil || len(v.UnprofiledNs) != 3 || len(v.ProfiledNs) != 3 {
		t.Fatalf("overhead %+v", v)
	}
	if v.Ratio.Min <= 0 || v.Ratio.Min > v.Ratio.Median || v.Ratio.Median > v.Ratio.Max {
		t.Errorf("ratio %+v", v.Ratio)
	}
	inside := 0
	for i := range v.UnprofiledNs {
		if r := float64(v.ProfiledNs[i]) / float64(v.UnprofiledNs[i]); r >= v.Ratio.Min && r <= v.Ratio.Max {
			inside++
		}
	}
	if inside != 3 {
		t.Errorf("%d of 3 pairs lie in %+v", inside, v.Ratio)
	}
	names, err := filepath.Glob(filepath.Join(c.Dir, "*.trace.json"))
	if err != nil || len(names) != 2 || len(c.Traces) != 2 {
		t.Errorf("traces %v, want those of one profile of two ranks", names)
	}
}

func TestRatioOf(t *testing.T) {
	for _, c := range []struct {
		quotients []float64
		want      ondisk.Ratio
	}{
		{[]float64{1.5}, ondisk.Ratio{Min: 1.5, Median: 1.5, Max: 1.5}},
		{[]float64{2, 1}, ondisk.Ratio{Min: 1, Median: 1.5, Max: 2}},
		{[]float64{4, 1, 2}, ondisk.Ratio{Min: 1, Median: 2, Max: 4}},
		{[]float64{4, 1, 2, 3}, ondisk.Ratio{Min: 1, Median: 2.5, Max: 4}},
	} {
		if got := ratioOf(c.quotients); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.quotients, got, c.want)
		}
	}
}

// Traces that were there before are not the rounds' and stay.
func TestMeasureOverheadSparesOtherTraces(t *testing.T) {
	o := options(t, &enginetest.Script{})
	o.MeasureOverhead = 2
	o.ProfileDir = ""
	o.Config.Profiler.Dir = t.TempDir()
	other := o.Config.Profiler.Dir + "/rank0.1.pt.trace.json"
	write(t, other, enginetest.Trace(0, 2, 3))
	if _, err := Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
	if names, _ := filepath.Glob(filepath.Join(o.Config.Profiler.Dir, "*.trace.json")); len(names) != 3 {
		t.Errorf("traces %v", names)
	}
}

func TestMeasureOverheadFails(t *testing.T) {
	boom := errors.New("boom")
	o := options(t, &enginetest.Script{Generate: func(_ context.Context, round int) error {
		if round == 3 {
			return boom
		}
		return nil
	}})
	o.MeasureOverhead = 3
	if c, err := Run(context.Background(), o); !errors.Is(err, boom) || c != nil {
		t.Errorf("%v, %v", c, err)
	}
	o.MeasureOverhead = -1
	if _, err := Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), "must be 0 or more") {
		t.Errorf("%v", err)
	}
}
