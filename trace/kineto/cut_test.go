package kineto_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
)

// TestCutFile: a cut of real traces reads again without damage, its events are those of the original, and its links
// are whole.
func TestCutFile(t *testing.T) {
	for _, path := range ownTraces(t) {
		tr := mustRead(t, path)
		var steps []trace.Window
		for i := range tr.Events.Len() {
			if tr.Events.Category(i) == trace.CategoryUserAnnotation {
				if _, ok := trace.ParseStep(tr.Strings.At(tr.Events.Name(i))); ok {
					steps = append(steps, trace.Window{FromNs: tr.Events.StartNs(i), ToNs: tr.Events.EndNs(i)})
				}
			}
		}
		if len(steps) == 0 {
			continue
		}
		cut := trace.Cut{Windows: steps[:1], ByLaunch: true, Drop: []string{"python_function"}}
		rows := cut.Rows(tr)
		if rows.Len() == 0 || rows.Len() >= tr.Events.Len() {
			t.Errorf("%s: %d of %d events kept", path, rows.Len(), tr.Events.Len())
		}
		out := filepath.Join(t.TempDir(), "cut.pt.trace.json.gz")
		if err := formats.WriteFile(out, tr, rows); err != nil {
			t.Fatal(err)
		}
		got := mustRead(t, out)
		if got.Events.Len() != rows.Len() {
			t.Fatalf("%s: %d events in the file, %d kept", path, got.Events.Len(), rows.Len())
		}
		k := 0
		for i := range tr.Events.Len() {
			if rows.Has(i) {
				if g, w := got.Original(k), tr.Original(i); !bytes.Equal(g, w) {
					t.Fatalf("%s: event %d is %s, want %s", path, k, g, w)
				}
				k++
			}
		}
		was, is := linksOf(tr), linksOf(got)
		for c := range is.kernels {
			if was.calls[c] != is.calls[c] || was.kernels[c] != is.kernels[c] {
				t.Errorf("%s: %d kernels of launch %d, %d calls; there were %d and %d", path, is.kernels[c], c, is.calls[c], was.kernels[c], was.calls[c])
			}
		}
		for id := range is.starts {
			if was.starts[id] != is.starts[id] || was.ends[id] != is.ends[id] {
				t.Errorf("%s: arrow %d has %d and %d ends; there were %d and %d", path, id, is.starts[id], is.ends[id], was.starts[id], was.ends[id])
			}
		}
	}
}

// links counts the members of each group of linked events.
type links struct{ calls, kernels, starts, ends map[int64]int }

func linksOf(t *trace.Trace) links {
	l := links{map[int64]int{}, map[int64]int{}, map[int64]int{}, map[int64]int{}}
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		switch {
		case e.Category.Table() == trace.TableCall:
			l.calls[t.Calls.At(e.Side).Correlation]++
		case e.Category.Table() == trace.TableGPU:
			l.kernels[t.GPU.At(e.Side).Correlation]++
		case e.Phase == trace.PhaseFlowStart:
			l.starts[t.Flows.At(e.Side).ID]++
		case e.Phase == trace.PhaseFlowEnd:
			l.ends[t.Flows.At(e.Side).ID]++
		}
	}
	return l
}
