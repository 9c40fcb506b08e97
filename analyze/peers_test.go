package analyze

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// What the peers say of the same traces: HTA without its rounding to whole µs, and TraceLens' GPU timeline. Both count
// in floating point µs, so they may differ by the last digit of every time that they add. Where they differ on purpose
// the reason is named, and it is the only reason for which a trace is passed over.

// peerResults are the parts of expected.json that stand in both.
type peerResults struct {
	HTA struct {
		Events    map[string]int `json:"n_stream_ne_-1"`
		Breakdown []struct {
			Idle       float64 `json:"idle_time(us)"`
			Compute    float64 `json:"compute_time(us)"`
			NonCompute float64 `json:"non_compute_time(us)"`
			Total      float64 `json:"kernel_time(us)"`
		} `json:"temporal_breakdown"`
	} `json:"hta_unrounded"`
	TraceLens struct {
		Timeline []struct {
			Type string  `json:"type"`
			Ms   float64 `json:"time ms"`
		} `json:"_gt"`
	} `json:"tracelens"`
}

// comparePeers compares a trace of one device with both. tl is the time by TraceLens' rule of communication.
func comparePeers(t *testing.T, d *differences, tr *trace.Trace, res *Result, tl device.Time, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want peerResults
	if json.Unmarshal(text, &want) != nil || len(res.Ranks) != 1 || len(res.Ranks[0].Time) != 1 || res.Kind != index.KindGPU {
		return // HTA failed (its breakdown is an error), or there is nothing to compare
	}
	r := res.Ranks[0]
	near := func(peer, what string, gotNs int64, want, unit, slackNs float64) {
		if got := float64(gotNs); math.Abs(got-want*unit) > slackNs {
			d.check(peer+" "+what, gotNs, int64(math.Round(want*unit)))
		}
	}
	us := float64(max(r.FirstNs, -r.FirstNs)) / 1e3
	digit := (math.Nextafter(us, math.Inf(1)) - us) * 1e3 // ns
	slack := max(10, digit*float64(r.Time[0].Events))

	if h := want.HTA; len(h.Breakdown) == 1 {
		switch n := h.Events["0"]; {
		case n > r.Time[0].Events:
			t.Logf("HTA counts %d events of synchronisation as work", n-r.Time[0].Events)
		case n < r.Time[0].Events:
			t.Logf("HTA leaves out %d events of the last profiler step", r.Time[0].Events-n)
		default:
			near("HTA", "idle", r.Time[0].IdleNs, h.Breakdown[0].Idle, 1e3, slack)
			near("HTA", "total", r.Time[0].TotalNs, h.Breakdown[0].Total, 1e3, slack)
			near("HTA", "compute and the rest", r.Time[0].BusyNs, h.Breakdown[0].Compute+h.Breakdown[0].NonCompute, 1e3, slack)
		}
	}
	switch loose := withoutFlow(tr); {
	case len(want.TraceLens.Timeline) == 0:
	case loose > 0:
		t.Logf("TraceLens leaves out %d GPU events without a flow from their launch", loose)
	case r.Launch.Unlinked > 0:
		t.Logf("TraceLens leaves out %d GPU events whose launch is not in the trace", r.Launch.Unlinked)
	default:
		of := map[string]int64{
			"computation_time": tl.ComputationNs, "exposed_comm_time": tl.ExposedCommNs, "exposed_memcpy_time": tl.ExposedMemoryNs,
			"busy_time": tl.BusyNs, "idle_time": tl.IdleNs, "total_time": tl.TotalNs, "total_comm_time": tl.CommNs,
		}
		for _, row := range want.TraceLens.Timeline {
			if got, ok := of[row.Type]; ok {
				near("TraceLens", row.Type, got, row.Ms, 1e6, max(slack, 1e-6*float64(tl.TotalNs)))
			}
		}
	}
}

// withoutFlow counts GPU work that no flow leads to, that of graphs left out. TraceLens links by flows, graphs excepted,
// and we by correlation.
func withoutFlow(t *trace.Trace) (n int) {
	ends := map[int64]int{} // 1: a flow begins, 2: it ends
	for i := range t.Events.Len() {
		if s := t.Events.Side(i); t.Events.Category(i) == trace.CategoryFlow && s != trace.NoSide {
			switch t.Events.Phase(i) {
			case trace.PhaseFlowStart:
				ends[t.Flows.At(s).ID] |= 1
			case trace.PhaseFlowEnd:
				ends[t.Flows.At(s).ID] |= 2
			}
		}
	}
	launched := map[int64]int{}
	for i := range t.GPU.Len() {
		launched[t.GPU.At(uint32(i)).Correlation]++
	}
	for correlation, k := range launched {
		if k == 1 && ends[correlation] != 3 {
			n++
		}
	}
	return n
}
