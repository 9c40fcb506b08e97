package analyze

import (
	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/internal/words"
)

// What is said of why devices stood still.

// idleMainly names the cause of most of the idle time, behind how much it is.
func (res *Result) idleMainly() Message {
	i, all := res.Idle, res.Time.IdleNs
	switch {
	case i == nil:
		return Message{}
	case 2*i.Unknown.Ns > all && !res.LaunchesKnown():
		return words.Say("no_launches", choose(len(res.Ranks) == 1, ", and why is not known: no launch is found in the trace", ", and why is not known: no launch is found in the traces"))
	case 2*i.HeldUp.Ns > all:
		return words.Say("held_up", ", {share} of that in gaps whose next kernel was launched long before it began: it waited for a stream, an event or the driver",
			words.ShareOf("share", i.HeldUp.Ns, all))
	}
	late := i.Host.Ns + i.Launching.Ns - i.HeldUp.Ns // what is held up is in it, and what was still being launched is not
	for _, c := range []struct {
		id, why string
		ns      int64
	}{
		{"host", choose(10*i.Launching.Ns > late, "the next kernel was launched too late, or its launch took too long", "the next kernel was launched too late"), late},
		{"launch", "of short gaps between kernels", i.Launch.Ns},
		{"other", "of waits for events, streams or a busy device", i.Other.Ns - i.Launching.Ns},
		{"unknown", "of what is not known: what came next has no launch in the trace", i.Unknown.Ns},
	} {
		if 2*c.ns > all {
			return words.Say(c.id, ", {share} of that because "+c.why, words.ShareOf("share", c.ns, all))
		}
	}
	return Message{}
}

// idleCauses says in a line why devices stood still: what is part of a cause stands behind it.
func (res *Result) idleCauses() Message {
	i, all := res.Idle, res.Time.IdleNs
	if i == nil || all <= 0 {
		return Message{}
	}
	var list []Message
	for _, c := range []struct {
		id, format string
		gap, part  *device.Gap
		partID     string
	}{
		{"host", "host {share}{held_up}", &i.Host, &i.HeldUp, "held_up"}, {"launch", "launch {share}", &i.Launch, nil, ""},
		{"other", "other {share}{launching}", &i.Other, &i.Launching, "launching"}, {"unknown", "unknown {share}", &i.Unknown, nil, ""},
	} {
		if c.gap.Ns == 0 {
			continue
		}
		share := words.ShareOf("share", c.gap.Ns, all)
		if list == nil { // one mark is enough
			share = share.From("idle")
		}
		params := []Param{share}
		if c.part != nil {
			var part Message
			if c.part.Ns > 0 {
				part = words.Say(c.partID, choose(c.partID == "held_up", " (held up {share})", " (launching {share})"), words.ShareOf("share", c.part.Ns, all))
			}
			params = append(params, words.Inner(c.partID, part))
		}
		list = append(list, words.Say(c.id, c.format, params...))
	}
	return words.Say("idle_causes", "idle for: {causes}", words.Inners("causes", list))
}

// leastGapNs is what a gap must last to be worth a line: rounding leaves some of a ns.
const leastGapNs = 1000

// longestGap describes the longest gap of any device.
func (res *Result) longestGap() Message {
	if res.Idle == nil || res.Idle.Longest == nil || res.Idle.Longest.Ns < leastGapNs {
		return Message{}
	}
	g := res.Idle.Longest
	cause := g.Cause
	switch {
	case g.HeldUp:
		cause = "held up"
	case g.Launching:
		cause = "launching"
	}
	var meanwhile []Message
	if g.During != "" {
		meanwhile = append(meanwhile, words.Say("during", ", of it {during_ns} in {name}", words.Ns("during_ns", g.DuringNs), shortOp("name", g.During, 60)))
	}
	for _, o := range g.Meanwhile { // nothing fills half of it
		if 100*o.Ns < g.Ns { // rounds to nothing
			continue
		}
		one := words.Say("nothing", "{share} in no op or call", words.ShareOf("share", o.Ns, g.Ns))
		if o.Name != "" {
			one = words.Say("in", "{share} in {name}", words.ShareOf("share", o.Ns, g.Ns), shortOp("name", o.Name, 40))
		}
		meanwhile = append(meanwhile, one)
	}
	var between Message
	switch {
	case g.During != "":
		between = meanwhile[0]
	case meanwhile != nil:
		between = words.Say("meanwhile", ", of it {list}", words.Inners("list", meanwhile))
	}
	return words.Say("longest_gap", choose(len(res.Ranks) > 1, "longest gap {gap_ns} ({cause}) on rank {rank}{meanwhile}, before {next}", "longest gap {gap_ns} ({cause}){meanwhile}, before {next}"),
		words.Ns("gap_ns", g.Ns), words.Name("cause", cause), words.RankOf("rank", res.Idle.LongestRank), words.Inner("meanwhile", between),
		words.LongName("next", g.Next, words.Shorten(categories.ShortKernel(g.Next), 50)))
}

// shortOp is an op's name in a sentence, in so many letters.
func shortOp(param, name string, width int) Param {
	return words.LongName(param, name, words.Shorten(categories.ShortOp(name), width))
}
