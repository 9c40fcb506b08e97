package analyze

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestQueueHTA compares the depths after each event with HTA's, where no graph is launched: HTA does not count those.
func TestQueueHTA(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(realTraces, "public", "*", "expected.json"))
	if len(files) == 0 {
		t.Skip("no traces at " + realTraces)
	}
	compared := 0
	for _, f := range files {
		var want struct {
			File string `json:"file"`
			HTA  struct {
				Queues []struct {
					Stream int64   `json:"stream"`
					Count  float64 `json:"queue_length_count"`
					Mean   float64 `json:"queue_length_mean"`
					Max    float64 `json:"queue_length_max"`
				} `json:"queue_length_summary"`
			} `json:"hta_unrounded"`
		}
		text, err := os.ReadFile(f)
		if err != nil || json.Unmarshal(text, &want) != nil || len(want.HTA.Queues) == 0 {
			continue
		}
		tr, err := formats.ReadFile(filepath.Join(filepath.Dir(f), want.File), source.Options{})
		if err != nil {
			continue
		}
		for _, q := range Analyze([]*trace.Trace{tr}, Options{}).Ranks[0].Queues {
			for _, w := range want.HTA.Queues {
				// HTA knows the common launch functions alone: streams on which it counted less are not comparable.
				if w.Stream != q.Stream || int(w.Count) != 2*q.Launched || q.Graph > 0 {
					continue
				}
				compared++
				if math.Abs(q.EventMean-w.Mean) > 1e-6*max(1, w.Mean) || float64(q.MaxDepth) != w.Max {
					t.Errorf("%s stream %d: mean %v, max %d; HTA %v, %v", want.File, q.Stream, q.EventMean, q.MaxDepth, w.Mean, w.Max)
				}
			}
		}
	}
	if compared < 3 {
		t.Errorf("only %d streams compared", compared)
	}
}
