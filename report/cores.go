package report

import (
	"fmt"
	"strconv"

	"github.com/inferprof/inferprof/analyze"
)

// Of a CPU-only trace, reports say how many threads worked at once, and between which bounds the cores were idle.

func coreTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Cores", note: "idle at least while no thread is in an op, at most where no op names a core's thread", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"phase", "phase", unitWord}, {"span_ns", "time", unitNs}, {"mean_busy", "threads at work", unitRatio},
		{"most_busy", "at once", unitCount}, {"cores", "cores", unitRatio}, {"cores_from", "", unitWord}, {"core_ns", "core time", unitNs},
		{"idle_min_core_ns", "", unitNs}, {"idle_max_core_ns", "", unitNs}, {"", "idle at least", unitPercent}, {"", "at most", unitPercent}}}
	for _, k := range r.Ranks {
		if k.Parallel == nil {
			continue
		}
		for _, c := range k.Parallel.Parts {
			var most any
			if c.Phase == "" {
				most = int64(k.Parallel.MostBusy)
			}
			d.add(int64(k.Rank), choose(c.Phase == "", "all", phaseName(c.Phase)), c.SpanNs, c.MeanBusy, most, positive(k.Parallel.Cores), k.Parallel.CoresFrom,
				known(c.CoreNs), known(c.IdleMinCoreNs), known(c.IdleMaxCoreNs), share(c.IdleMinCoreNs, c.CoreNs), share(c.IdleMaxCoreNs, c.CoreNs))
		}
	}
	return d
}

// coreWords say in a line how many cores the ranks had and how much of their time they were idle; "" for GPU traces.
func coreWords(r *analyze.Result) string {
	var cores float64
	var all, least, most int64
	from, atOnce := "", 0
	for _, k := range r.Ranks {
		p := k.Parallel
		if p == nil {
			continue
		}
		atOnce = max(atOnce, p.MostBusy)
		if p.Cores == 0 {
			cores = -1
		}
		if cores < 0 {
			continue
		}
		cores, from = cores+p.Cores, p.CoresFrom
		all, least, most = all+p.Parts[0].CoreNs, least+p.Parts[0].IdleMinCoreNs, most+p.Parts[0].IdleMaxCoreNs
	}
	switch {
	case atOnce == 0:
		return ""
	case cores < 0:
		return fmt.Sprintf("cores: their number is not known; at most %s of a rank worked at once", plural(atOnce, "thread"))
	}
	text := fmt.Sprintf("cores: %s (%s), idle %s", strconv.FormatFloat(cores, 'g', 4, 64),
		choose(from == analyze.CoresOfEngine, "the engine's threads", "the machine's"), percent(least, all))
	if most > least {
		return text + fmt.Sprintf(" to %s: an op's helper threads are not traced", percent(most, all))
	}
	return text + " of the time"
}
