package analyze

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// rawEvent is an event of a trace as it stands in the file.
type rawEvent struct {
	Ph   string      `json:"ph"`
	Cat  string      `json:"cat"`
	Name string      `json:"name"`
	TID  any         `json:"tid"`
	TS   json.Number `json:"ts"`
	Dur  json.Number `json:"dur"`
	Args struct {
		Correlation int64 `json:"correlation"`
	} `json:"args"`

	start, end int64
}

// rawNs are the ns of a decimal number of µs.
func rawNs(t *testing.T, n json.Number) (ns int64) {
	t.Helper()
	whole, fraction, _ := strings.Cut(string(n), ".")
	for _, digit := range whole + (fraction + "000")[:3] {
		if digit < '0' || digit > '9' {
			t.Fatalf("%s is no decimal number", n)
		}
		ns = 10*ns + int64(digit-'0')
	}
	return ns
}

func rawEvents(t *testing.T, file string) []rawEvent {
	t.Helper()
	var raw struct {
		TraceEvents []json.RawMessage `json:"traceEvents"`
	}
	if err := json.Unmarshal(text(t, file), &raw); err != nil {
		t.Fatal(err)
	}
	var events []rawEvent
	for _, r := range raw.TraceEvents {
		var e rawEvent
		if json.Unmarshal(r, &e) != nil || e.Ph != "X" {
			continue // metadata has arguments of other types
		}
		e.start = rawNs(t, e.TS)
		e.end = e.start
		if e.Dur != "" {
			e.end += rawNs(t, e.Dur)
		}
		events = append(events, e)
	}
	return events
}

// dividedGaps is the time of gaps that the host ended too late, divided.
type dividedGaps struct {
	ns, delay, none, waited int64
	inside, own             map[string]int64
}

// divideRaw divides the gaps of a file's events by a look at all of the launching thread's events for each of them.
func divideRaw(events []rawEvent) *dividedGaps {
	d := &dividedGaps{inside: map[string]int64{}, own: map[string]int64{}}
	var work []*rawEvent
	calls := map[int64]*rawEvent{}
	threads := map[any][]*rawEvent{}
	for i := range events {
		e := &events[i]
		switch e.Cat {
		case "kernel", "gpu_memcpy", "gpu_memset":
			work = append(work, e)
			continue
		case "cuda_runtime", "cuda_driver":
			if c := e.Args.Correlation; c > 0 && calls[c] == nil {
				calls[c] = e
			}
		case "user_annotation":
			if strings.HasPrefix(e.Name, "execute_") {
				continue // a step's mark
			}
		case "cpu_op", "python_function":
		default:
			continue
		}
		if e.end > e.start {
			threads[e.TID] = append(threads[e.TID], e)
		}
	}
	byStart := func(a, b *rawEvent) int { return int(a.start - b.start) }
	slices.SortStableFunc(work, byStart)
	for _, thread := range threads {
		slices.SortStableFunc(thread, byStart)
	}
	end := work[0].end
	for _, w := range work {
		if call := calls[w.Args.Correlation]; w.start > end && call != nil && call.start > end {
			d.gap(end, w.start, call, threads[call.TID])
		}
		end = max(end, w.end)
	}
	return d
}

// gap divides one gap at every moment at which something begins or ends.
func (d *dividedGaps) gap(from, to int64, call *rawEvent, thread []*rawEvent) {
	launched := min(to, call.end)
	d.ns, d.delay = d.ns+to-from, d.delay+to-launched
	var meets []*rawEvent
	cuts := []int64{from, launched}
	waited := from
	for _, e := range thread {
		if e.start >= launched {
			break
		}
		if e.end > from {
			meets = append(meets, e)
			cuts = append(cuts, max(from, e.start), min(launched, e.end))
		}
		if strings.HasSuffix(e.Name, "Synchronize") && e.start < from {
			waited = max(waited, min(to, e.end))
		}
	}
	d.waited += waited - from
	slices.Sort(cuts)
	for i := 1; i < len(cuts); i++ {
		a, ns := cuts[i-1], cuts[i]-cuts[i-1]
		if ns == 0 {
			continue
		}
		var innermost *rawEvent
		names := map[string]bool{}
		for _, e := range meets {
			if e.start > a || e.end <= a {
				continue
			}
			names[e.Name] = true
			if innermost == nil || e.start > innermost.start || e.start == innermost.start && e.end <= innermost.end {
				innermost = e
			}
		}
		for name := range names {
			d.inside[name] += ns
		}
		if innermost == nil {
			d.none += ns
		} else {
			d.own[innermost.Name] += ns
		}
	}
}

// TestGapsOfFiles divides the gaps of real files again, from their text, by a program that knows nothing of ours.
func TestGapsOfFiles(t *testing.T) {
	for _, name := range []string{
		"vllm024_h200_mistral7b-none", "vllm024_h200_mistral7b-awq", "vllm024_h200_llama1b_eager", "vllm024_h200_llama1b_default_stacks",
		"vllm024_h200_llama1b_delay5_max8", "opt125m_h100_fp16_eager",
	} {
		t.Run(name, func(t *testing.T) {
			files, _ := filepath.Glob("../../shared/traces/own/" + name + "/*.pt.trace.json.gz")
			if len(files) != 1 {
				t.Skip("needs ../shared/traces/own/" + name + ", which is not here")
			}
			if testing.Short() && strings.HasSuffix(name, "_eager") {
				t.Skip("thousands of gaps, divided by brute force: left out of short runs")
			}
			read, err := formats.ReadFile(files[0], source.Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := divideRaw(rawEvents(t, files[0]))
			x := File(read, Options{})
			got, waited := divideGaps(x)
			if got.Ns != want.ns || got.DelayNs != want.delay || got.NoneNs != want.none || waited != want.waited {
				t.Errorf("%d ns, %d after launches, %d in nothing, %d waited; want %+v", got.Ns, got.DelayNs, got.NoneNs, waited, want)
			}
			occupants := got.Occupants()
			for _, o := range occupants {
				if name := x.Name(o.Name); !o.None && (o.Ns != want.inside[name] || o.OwnNs != want.own[name]) {
					t.Errorf("%s: %d ns, %d of its own, want %d, %d", name, o.Ns, o.OwnNs, want.inside[name], want.own[name])
				}
			}
			if n := len(occupants); n < len(want.inside) {
				t.Errorf("%d names, want %d", n, len(want.inside))
			}
			t.Logf("%d names in %d gaps of %d ns", len(occupants), got.Gaps, got.Ns)
		})
	}
}

// divideGaps divides the gaps that the host ended too late, and says for how long it still waited for the device in them.
func divideGaps(x *index.Index) (d index.Division, waitedNs int64) {
	var late []index.Stretch
	gaps := x.Gaps(0)
	for i := range gaps {
		if gaps[i].Cause == index.IdleHost {
			s, _ := x.HostStretch(&gaps[i])
			late = append(late, s)
			if gaps[i].Sync >= 0 && strings.HasSuffix(x.Name(x.Calls[gaps[i].Sync].Name), "Synchronize") {
				waitedNs += gaps[i].SyncNs
			}
		}
	}
	return x.During(late, 1)[0], waitedNs
}
