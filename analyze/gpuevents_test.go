package analyze

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// TestGPUEvents: which op launched what. The profiler says it too, in another way: it gives work the External id of the op
// that was open when it was launched.
func TestGPUEvents(t *testing.T) {
	files, _ := filepath.Glob("../../shared/traces/*/*/*.json.gz")
	if len(files) == 0 {
		t.Skip("there are no traces at ../../shared/traces")
	}
	compared := 0
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Size() > 1<<20 {
			continue
		}
		tr, err := formats.ReadFile(path, source.Options{})
		if err != nil {
			continue // other files of profilers
		}
		ops := map[int64]string{}
		for i := range tr.Events.Len() {
			if s := tr.Events.Side(i); tr.Events.Category(i) == trace.CategoryCPUOp && s != trace.NoSide {
				ops[tr.Ops.At(s).ExternalID] = tr.Strings.At(tr.Events.Name(i))
			}
		}
		res := Analyze([]*trace.Trace{tr}, Options{GPUEvents: true})
		if len(res.Ranks) == 0 {
			continue
		}
		events := res.Ranks[0].GPUEvents
		var sum int64
		for _, e := range events {
			sum += e.DurationNs
		}
		if sum != res.Time.SumNs && res.Kind == index.KindGPU {
			t.Errorf("%s: GPU events take %d ns, all work %d", path, sum, res.Time.SumNs)
		}
		// In order of time, as the index is: so the two lists are of the same events.
		x := index.New(tr, &index.Options{})
		different, same := 0, 0
		for i := range x.GPU {
			g, e := &x.GPU[i], &events[i]
			if g.Side == trace.NoSide || g.Call < 0 || e.Graph {
				continue
			}
			w := tr.GPU.At(g.Side)
			op, ok := ops[w.ExternalID]
			switch {
			case !ok, w.ExternalID == w.Correlation: // old profilers write the correlation there
			case op == e.Op:
				same++
			default:
				different++
			}
		}
		compared += same
		if different > 0 {
			t.Errorf("%s: %d of %d pieces of work are of another op than the profiler says", path, different, same+different)
		}
	}
	if compared < 5_000 {
		t.Errorf("compared %d pieces of work: too few to say anything", compared)
	}
	t.Logf("%d pieces of work compared", compared)
}
