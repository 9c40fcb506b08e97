package analyze

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// crowd is ranks that meet in all-reduces: when each comes and goes, by a clock that all agree on.
type crowd struct{ from, to [][]int64 } // by meeting and rank

// meet makes one: nobody leaves before the last has come, and who leaves when is chance, as on a CPU.
func meet(random *rand.Rand, n, meetings int) *crowd {
	c := &crowd{}
	at := int64(1_000_000)
	for range meetings {
		from, to := make([]int64, n), make([]int64, n)
		for r := range n {
			from[r] = at + random.Int64N(80_000)
		}
		for r := range n {
			to[r] = slices.Max(from) + 5_000 + random.Int64N(60_000)
		}
		c.from, c.to = append(c.from, from), append(c.to, to)
		at = slices.Max(to) + 1000
	}
	return c
}

// traces are what the ranks write: of each its host, and by how much its clock is ahead.
func (c *crowd) traces(hosts []string, ahead []int64) []*trace.Trace {
	var out []*trace.Trace
	for r := range hosts {
		b := newBuilder()
		b.Trace.Meta.HostName, b.Trace.Meta.BaseTimeNanoseconds = hosts[r], 1_000_000_000+ahead[r]+int64(r)*777
		b.Trace.Meta.Distributed = &trace.Distributed{Rank: r, WorldSize: len(hosts)}
		for i := range c.from {
			b.Collective("allreduce", c.from[i][r]-int64(r)*777, c.to[i][r]-c.from[i][r], trace.Absent, 4096)
		}
		out = append(out, b.Trace)
	}
	return out
}

// waited is what the ranks waited, in the words of the definition; and beyond the shortest.
func (c *crowd) waited(rank int) (untilTheLast, beyondTheShortest int64) {
	for i, from := range c.from {
		untilTheLast += slices.Max(from) - from[rank]
		shortest := c.to[i][0] - from[0]
		for r := range from {
			shortest = min(shortest, c.to[i][r]-from[r])
		}
		beyondTheShortest += c.to[i][rank] - from[rank] - shortest
	}
	return untilTheLast, beyondTheShortest
}

// Ranks of one host waited until the last came. Where hosts or clocks differ, starts are not looked at, and however much
// they differ says nothing.
func TestWaitingUntilTheLastRankCame(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	for range 20 {
		n := 2 + random.IntN(3)
		c := meet(random, n, 30)
		same, own, unknown := make([]string, n), make([]string, n), make([]string, n)
		for r := range n {
			same[r], own[r] = "node", string(rune('a'+r))
		}
		none, little, much := make([]int64, n), make([]int64, n), make([]int64, n)
		little[n-1], much[n-1] = 20_000+random.Int64N(1_000_000), 40_000_000+random.Int64N(1e12)
		for _, k := range []struct {
			name  string
			hosts []string
			ahead []int64
			from  string
		}{
			{"one host", same, none, WaitFromStarts},
			{"hosts are not known, clocks agree", unknown, none, WaitFromStarts},
			{"hosts", own, none, WaitFromDurations},
			{"hosts whose clocks differ", own, little, WaitFromDurations},
			{"one name and clocks that differ", same, much, WaitFromDurations},
			{"hosts are not known, clocks differ", unknown, much, WaitFromDurations},
		} {
			res := Analyze(c.traces(k.hosts, k.ahead), Options{})
			var sum int64
			for r, rank := range res.Ranks {
				got := rank.Collectives[0]
				want, beyond := c.waited(r)
				if k.from == WaitFromDurations {
					want = beyond
				}
				if got.WaitNs != want || got.WaitFrom != k.from || got.WaitNs+got.TransferNs != got.TotalNs || got.WaitNs < 0 || got.TransferNs < 0 {
					t.Fatalf("%s, rank %d of %d: waited %d by %s of %d, transfer %d; want %d by %s", k.name, r, n, got.WaitNs, got.WaitFrom, got.TotalNs,
						got.TransferNs, want, k.from)
				}
				sum += got.WaitNs
			}
			if all := res.Collectives[0]; all.WaitNs != sum || all.WaitFrom != k.from {
				t.Errorf("%s: all waited %d by %s, the ranks %d", k.name, all.WaitNs, all.WaitFrom, sum)
			}
		}
	}
}

// What two ranks of a real vLLM waited on one machine, counted anew from its files: the n-th of gloo's collectives of a name
// is the same on both.
func TestWaitingOfARealServer(t *testing.T) {
	files, _ := filepath.Glob("testdata/second_*.gz")
	if len(files) != 2 {
		t.Fatalf("%d files", len(files))
	}
	var traces []*trace.Trace
	byName := [2]map[string][]plainEvent{{}, {}}
	for i, f := range files {
		tr, err := formats.ReadFile(f, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		traces = append(traces, tr)
		for _, e := range plainEvents(t, f) {
			if e.cat == "user_annotation" && len(e.name) > 5 && e.name[:5] == "gloo:" {
				byName[i][e.name] = append(byName[i][e.name], e)
			}
		}
		for _, list := range byName[i] {
			slices.SortFunc(list, func(a, b plainEvent) int { return int(a.start - b.start) })
		}
	}
	if traces[0].Meta.BaseTimeNanoseconds != traces[1].Meta.BaseTimeNanoseconds {
		t.Fatal("the files have no common base")
	}
	want := map[string]int64{}
	for name, list := range byName[0] {
		for i, a := range list {
			b := byName[1][name][i]
			want[name] += max(0, b.start-a.start) + max(0, a.start-b.start)
		}
	}
	got := map[string]int64{}
	for _, c := range Analyze(traces, Options{}).Collectives {
		if got[c.Name] += c.WaitNs; c.WaitFrom != ranks.WaitFromStarts {
			t.Errorf("%s: waiting is told by %q", c.Name, c.WaitFrom)
		}
	}
	if len(want) == 0 {
		t.Error("gloo communicated nothing")
	}
	for name, ns := range want {
		if got[name] != ns {
			t.Errorf("%s: waited %d ns, want %d", name, got[name], ns)
		}
	}
}
