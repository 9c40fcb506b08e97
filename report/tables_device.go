package report

import "github.com/inferprof/inferprof/analyze"

// The tables of streams, queues and communication.

func collectiveTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Communication", note: sumOver(r, waitNote(r)), cols: []dataColumn{
		{"total_ns", "time", unitNs}, {"wait_ns", "waiting", unitNs}, {"transfer_ns", "transfer", unitNs}, {"count", "count", unitCount},
		{"min_ns", "min", unitNs}, {"median_ns", "median", unitNs}, {"max_ns", "max", unitNs}, {"bytes", "message", unitBytes},
		{"bytes_per_s", "bandwidth", unitRate}, {"bus_bytes_per_s", "bus", unitRate}, {"late_rank", "last", unitCount}, {"late_count", "", unitCount},
		{"dtype", "dtype", unitWord}, {"group_size", "ranks", unitCount}, {"group", "", unitWord}, {"kind", "", unitWord},
		{"launched_by", "", unitOp}, {"queued_ns", "", unitNs}, {"wait_from", "", unitWord}, {"collective", "collective", unitKernel}},
		noun: "collective", spare: []string{"ranks", "min", "max", "bandwidth", "dtype", "transfer"}}
	for _, c := range r.Collectives {
		d.add(c.TotalNs, known(c.WaitNs), known(c.TransferNs), int64(c.Count), c.MinNs, c.MedianNs, c.MaxNs, known(c.Bytes), positive(c.BytesPerS),
			positive(c.BusBytesPerS), known(int64(c.LateRank)), int64(c.LateCount), c.Dtype, known(c.GroupSize), c.Group, c.Kind, c.LaunchedBy,
			c.QueuedNs, c.WaitFrom, c.Name)
	}
	return d
}

// waitNote says what waiting in collectives is, which hangs on whether the ranks share a clock.
func waitNote(r *analyze.Result) string {
	switch byDurations, all := analyze.WaitsByDurations(r.Collectives); {
	case !byDurations:
		return "waiting is the time until the last rank came"
	case all:
		return "waiting: beyond the shortest of the ranks, whose clocks differ"
	}
	return "waiting: until the last rank came, or beyond the shortest"
}

func streamTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Streams", note: "why each stream waited", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"stream", "stream", unitCount}, {"events", "events", unitCount},
		{"busy_ns", "busy", unitNs}, {"host_wait_ns", "host wait", unitNs}, {"host_wait_count", "", unitCount}, {"kernel_wait_ns", "kernel wait", unitNs},
		{"kernel_wait_count", "", unitCount}, {"other_ns", "other", unitNs}, {"other_count", "", unitCount}, {"overlap_ns", "overlap", unitNs},
		{"overlaps", "", unitCount}}}
	for _, k := range r.Ranks {
		for _, s := range k.Streams {
			d.add(int64(k.Rank), int64(s.Device), s.Stream, int64(s.Events), s.BusyNs, s.Idle.HostWait.Ns, int64(s.Idle.HostWait.Count),
				s.Idle.KernelWait.Ns, int64(s.Idle.KernelWait.Count), s.Idle.Other.Ns, int64(s.Idle.Other.Count), s.OverlapNs, int64(s.Overlaps))
		}
	}
	return d
}

func queueTable(r *analyze.Result) dataTable {
	d := dataTable{title: "Queues", note: "work of each stream that was launched and had not begun; of a graph, all its kernels", cols: []dataColumn{
		{"rank", "rank", unitCount}, {"device", "device", unitCount}, {"stream", "stream", unitCount}, {"launched", "launched", unitCount},
		{"graph", "by graphs", unitCount}, {"mean_depth", "mean depth", unitRatio}, {"max_depth", "most", unitCount}, {"span_ns", "time", unitNs},
		{"empty_ns", "empty", unitNs}, {"", "share", unitPercent}, {"blocked_ns", "full", unitNs}, {"event_mean", "", unitRatio}, {"early", "", unitCount}}}
	for _, k := range r.Ranks {
		for _, q := range k.Queues {
			d.add(int64(k.Rank), int64(q.Device), q.Stream, int64(q.Launched), int64(q.Graph), q.MeanDepth, int64(q.MaxDepth), q.SpanNs,
				q.EmptyNs, share(q.EmptyNs, q.SpanNs), q.BlockedNs, q.EventMean, int64(q.Early))
		}
	}
	return d
}
