package report

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// about is what a report is of: what the capture says, and else its ranks.
type about struct {
	r                                      *analyze.Result
	name, model, engine, version, hardware string
	expected, events                       int
	longestNs                              int64 // of any rank, from its first event to its last
}

func aboutOf(r *analyze.Result) *about {
	a := &about{r: r}
	if c := r.Capture; c != nil {
		a.name, a.model, a.engine, a.version, a.hardware, a.expected = c.Name, c.Model, c.Engine, c.EngineVersion, c.Device, c.ExpectedRanks
	}
	all := slices.Concat(r.Ranks, r.Frontends)
	for _, k := range all {
		a.events += k.Events
		if a.engine == "" {
			a.engine, a.version = k.Engine, k.Version
		}
		a.hardware, a.expected = cmp.Or(a.hardware, k.Hardware), cmp.Or(a.expected, k.WorldSize)
	}
	for _, k := range r.Ranks {
		a.longestNs = max(a.longestNs, k.LastNs-k.FirstNs)
	}
	if a.name == "" && len(all) > 0 {
		a.name = filepath.Base(all[0].Path)
		if slices.ContainsFunc(all, func(k *analyze.Rank) bool { return k.Path != all[0].Path }) {
			a.name = words.Counted(len(all), "trace")
			if dir := filepath.Base(commonDir(all)); dir != "." {
				a.name += " in " + dir
			}
		}
	}
	a.name = cmp.Or(a.name, "no traces")
	return a
}

// facts are what a report says of what it is about, in this order. One that says nothing is left out.
var facts = []func(a *about) words.Message{
	func(a *about) words.Message { return named("model", a.model) },
	func(a *about) words.Message { return named("engine", strings.TrimSpace(a.engine+" "+a.version)) },
	ranksFact,
	kindFact,
	func(a *about) words.Message { return named("hardware", a.hardware) },
	func(a *about) words.Message {
		return words.Say("events", "{events}", words.Things("events", a.events, "event"))
	},
	windowFact,
	selectionFact,
	frontendsFact,
}

// named is a fact that is a name.
func named(id, name string) words.Message {
	if name == "" {
		return words.Message{}
	}
	return words.Say(id, "{"+id+"}", words.Name(id, name))
}

func ranksFact(a *about) words.Message {
	n := len(a.r.Ranks)
	params := []words.Param{words.Number("ranks", n), words.Number("expected", a.expected)}
	switch {
	case n == 0:
		return words.Message{}
	case n == 1 && a.expected > 1:
		return words.Say("ranks", "rank {rank} of {expected}", append(params, words.RankOf("rank", a.r.Ranks[0].Rank))...)
	case n == 1:
		return words.Say("ranks", "1 rank", params...)
	case a.expected > n:
		return words.Say("ranks", "{ranks} of {expected} ranks", params...)
	}
	return words.Say("ranks", "{ranks} ranks", params...)
}

// noGPUWords say why there is no GPU work where there should be some.
var noGPUWords = map[string]string{
	analyze.NoGPUTruncated: "no GPU work recorded (the file ends before it)",
	analyze.NoGPULaunched:  "no GPU work recorded (though it was launched)",
	analyze.NoGPUIdle:      "no GPU work recorded (nothing was launched)",
	analyze.NoGPUUnseen:    "no GPU work recorded (nor any call that could launch it)",
}

// kindFact says what was recorded. A trace without GPU work is a CPU's only if nothing shows a GPU.
func kindFact(a *about) words.Message {
	why := a.r.NoGPU()
	text := "nothing recorded"
	switch {
	case a.r.Kind == analyze.KindGPU:
		text = "GPU"
	case slices.ContainsFunc(a.r.Ranks, func(k *analyze.Rank) bool { return k.NoGPU == analyze.NoGPUUnread }):
		text = "the host alone: the accelerator's work is of kinds that are not read"
	case noGPUWords[why] != "":
		text = noGPUWords[why]
	case a.r.Kind == analyze.KindCPU:
		text = "CPU only"
	}
	return words.Say("kind", text, words.Name("kind", a.r.Kind), words.Name("no_gpu", why))
}

func windowFact(a *about) words.Message {
	if a.longestNs == 0 {
		return words.Message{}
	}
	return words.Say("window", "{window_ns} of events", words.Ns("window_ns", a.longestNs))
}

func frontendsFact(a *about) words.Message {
	n := len(a.r.Frontends)
	if n == 0 {
		return words.Message{}
	}
	return words.Say("frontends", "{frontends} beside the ranks, in none of the tables", words.Things("frontends", n, "API server trace"))
}

// selectionFact says that a report is of part of the work alone, and of which.
func selectionFact(a *about) words.Message {
	s := a.r.Selection
	if s == nil {
		return words.Message{}
	}
	var parts []string
	numbers := func(noun string, n []int) {
		var each []string
		for _, v := range n {
			each = append(each, strconv.Itoa(v))
		}
		if n != nil {
			parts = append(parts, choose(len(n) == 1, noun, noun+"s")+" "+words.List(each, len(each)))
		}
	}
	numbers("rank", s.Ranks)
	numbers("device", s.Devices)
	if s.Phase != "" {
		parts = append(parts, string(s.Phase)+" steps")
	}
	for _, r := range s.Steps {
		switch {
		case r.From == r.To:
			parts = append(parts, fmt.Sprintf("step %d", r.From))
		case r.To >= math.MaxInt32: // without an end, on machines of 32 bits too
			parts = append(parts, fmt.Sprintf("steps %d on", r.From))
		default:
			parts = append(parts, fmt.Sprintf("steps %d–%d", r.From, r.To))
		}
	}
	if s.FromNs != 0 || s.ToNs != 0 {
		parts = append(parts, "a window of time")
	}
	return words.Say("selection", choose(len(a.r.Ranks) > 1, "only {what} ({selected} of {all} of all ranks)", "only {what} ({selected} of {all})"),
		words.Name("what", strings.Join(parts, ", ")), words.Number("selected", s.SelectedSteps), words.Things("all", s.AllSteps, "step"))
}

// commonDir is the innermost directory that all traces are in.
func commonDir(ranks []*analyze.Rank) string {
	dir := filepath.Dir(ranks[0].Path)
	for _, k := range ranks[1:] {
		for dir != filepath.Dir(dir) && !strings.HasPrefix(k.Path, strings.TrimSuffix(dir, string(filepath.Separator))+string(filepath.Separator)) {
			dir = filepath.Dir(dir)
		}
	}
	return dir
}

func choose(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}
