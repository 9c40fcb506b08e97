package analyze

import (
	"slices"
	"strconv"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/trace"
)

// Selection is what Options left of a trace's work.
type Selection struct {
	Ranks   []int           `json:"ranks,omitempty"`
	Devices []int           `json:"devices,omitempty"` // those of the traces that Options.Devices name
	Steps   []index.Range   `json:"steps,omitempty"`
	Phase   trace.StepPhase `json:"phase,omitempty"`
	FromNs  int64           `json:"from_ns,omitempty"`
	ToNs    int64           `json:"to_ns,omitempty"`
	// SelectedSteps of AllSteps are in the result, over all ranks; equal if Steps and Phase are not given.
	SelectedSteps int `json:"selected_steps"`
	AllSteps      int `json:"all_steps"`
}

func (o *Options) selection() *Selection {
	if o.Ranks == nil && o.Devices == nil && !o.filing().SelectsSteps() && o.FromNs == 0 && o.ToNs == 0 {
		return nil
	}
	return &Selection{Ranks: o.Ranks, Steps: o.Steps, Phase: o.Phase, FromNs: o.FromNs, ToNs: o.ToNs}
}

// checkSelection says which devices are selected, and which devices and steps there are when none is left.
func (res *Result) checkSelection(o *Options, devices []int32, most []index.Step) {
	slices.Sort(devices)
	devices = slices.Compact(devices)
	for _, d := range devices {
		if o.Devices != nil && index.InRanges(o.Devices, int(d)) {
			res.Selection.Devices = append(res.Selection.Devices, int(d))
		}
	}
	worked := func(r *ranks.Rank) bool { return len(r.Time) > 0 && r.Time[0].Device != device.CPUDevice }
	switch {
	case o.Devices != nil && !slices.ContainsFunc(res.Ranks, worked):
		said := words.Say("nothing_selected", "no GPU work is selected: the traces have none")
		if len(devices) > 0 {
			var names []string
			for _, d := range devices {
				names = append(names, strconv.Itoa(int(d)))
			}
			said = words.Say("nothing_selected", "no GPU work is selected: the traces have that of device {devices}", words.Name("devices", words.List(names, len(names))))
		}
		res.Problems = []integrity.Problem{nothingSelected(said)}
	case o.filing().SelectsSteps() && res.Selection.SelectedSteps == 0:
		said := words.Say("nothing_selected", "no step is selected: the traces have no steps")
		if len(most) > 0 {
			last := -1
			for i := range most {
				last = max(last, most[i].Index)
			}
			var phases []words.Message
			for _, p := range ranks.PhaseTable(most, integrity.AllRanks) {
				phases = append(phases, words.Say("phase", "{steps} {phase}", words.Number("steps", p.Steps), words.Name("phase", string(p.Phase))))
			}
			said = words.Say("nothing_selected", "no step is selected: the traces have steps 0 to {last} ({phases})", words.Number("last", last), words.Inners("phases", phases))
		}
		res.Problems = []integrity.Problem{nothingSelected(said)}
	}
}

func nothingSelected(m Message) integrity.Problem {
	return integrity.Problem{ID: m.ID, Severity: integrity.SeverityError, Rank: integrity.AllRanks, Text: m.Text(), Params: m.Params}
}

// expectedRanks is how many ranks the capture should have; -1: of a selection none is missing; 0: not known.
func (o *Options) expectedRanks() int {
	switch {
	case o.Ranks != nil || o.Devices != nil:
		return -1
	case o.Capture != nil:
		return o.Capture.ExpectedRanks
	}
	return 0
}
