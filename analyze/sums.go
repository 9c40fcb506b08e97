package analyze

import (
	"slices"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/ranks"
)

// Sums and means over a result's ranks and rows, which whoever shows or judges a result takes from here.

// PerDevice is the mean over devices (in a CPU-only capture, ranks) of a sum over all of them, such as those of Result.Time.
func (res *Result) PerDevice(ns int64) int64 { return ns / int64(max(1, res.Devices)) }

// LaunchesKnown tells whether the launch of any GPU work is in the traces: profilers of the GPU alone record none, nor did
// PyTorch's older one. Where there is none, nothing is known of delays, of a step's GPU work, and of why a device waited.
func (res *Result) LaunchesKnown() bool {
	return slices.ContainsFunc(res.Ranks, func(k *ranks.Rank) bool { return k.Launch != nil && k.Launch.Linked > 0 })
}

// NoGPU says why there is no GPU work where there should be some, as one of the constants NoGPU…, of ranks that differ the
// first of these; "" if there is some, or nothing shows a GPU.
func (res *Result) NoGPU() string {
	if res.Kind == index.KindGPU {
		return ""
	}
	for _, why := range []string{index.NoGPUTruncated, index.NoGPULaunched, index.NoGPUIdle, index.NoGPUUnseen} {
		if slices.ContainsFunc(res.Ranks, func(k *ranks.Rank) bool { return k.NoGPU == why }) {
			return why
		}
	}
	return ""
}

// TotalExclusiveNs is what the categories share, Σ ExclusiveNs: the devices' busy time, or of a CPU-only trace the self time of
// ops on all threads.
func (res *Result) TotalExclusiveNs() (ns int64) {
	for i := range res.Categories {
		ns += res.Categories[i].ExclusiveNs
	}
	return ns
}

// Overlaps tells whether the durations of what ran come to more than the time that it had to itself, by a thousandth and more: they
// overlap, or lie within each other. Steps and scopes, which ops always lie within, do not count.
func (res *Result) Overlaps() bool {
	var total, exclusive int64
	for i := range res.Categories {
		if res.Categories[i].Name == categories.Python {
			continue
		}
		total, exclusive = total+res.Categories[i].TotalNs, exclusive+res.Categories[i].ExclusiveNs
	}
	return 1000*(total-exclusive) >= exclusive && total > exclusive
}

// OpSelfNs is Σ SelfNs of the ops.
func (res *Result) OpSelfNs() (ns int64) {
	for i := range res.Ops {
		ns += res.Ops[i].SelfNs
	}
	return ns
}

// Waiting is how long collectives waited for other ranks, Σ WaitNs; -1 if that is not known of all, or there are none.
func Waiting(all []ranks.Collective) (ns int64) {
	if len(all) == 0 {
		return -1
	}
	for i := range all {
		if all[i].WaitNs < 0 {
			return -1
		}
		ns += all[i].WaitNs
	}
	return ns
}

// WaitsByDurations tells whether some or all of what is known of waiting in collectives is from durations rather than from starts.
func WaitsByDurations(all []ranks.Collective) (some, every bool) {
	every = true
	for i := range all {
		byDurations := all[i].WaitFrom == ranks.WaitFromDurations
		some = some || byDurations
		every = every && (byDurations || all[i].WaitFrom == "")
	}
	return some, some && every
}

// IdleTotals are why devices stood still, summed over all devices of all ranks (package device defines the causes).
type IdleTotals struct {
	Host      device.Gap `json:"host"`
	Launch    device.Gap `json:"launch"`
	Other     device.Gap `json:"other"`
	Unknown   device.Gap `json:"unknown"`
	Sync      device.Gap `json:"sync"`      // part of host
	HeldUp    device.Gap `json:"held_up"`   // part of host
	Launching device.Gap `json:"launching"` // part of other

	Longest     *device.IdleGap `json:"longest,omitempty"` // of any device
	LongestRank int             `json:"longest_rank"`      // whose that is
}

// sumIdle sums the gaps of all devices; nil if there are none.
func sumIdle(all []*ranks.Rank) *IdleTotals {
	var t IdleTotals
	found := false
	for _, k := range all {
		for n := range k.Idle {
			i := &k.Idle[n]
			found = found || len(i.Longest) > 0
			for _, sum := range []struct{ to, from *device.Gap }{{&t.Host, &i.Host}, {&t.Launch, &i.Launch}, {&t.Other, &i.Other}, {&t.Unknown, &i.Unknown},
				{&t.Sync, &i.Sync}, {&t.HeldUp, &i.HeldUp}, {&t.Launching, &i.Launching}} {
				sum.to.Count += sum.from.Count
				sum.to.Ns += sum.from.Ns
			}
			if len(i.Longest) > 0 && (t.Longest == nil || i.Longest[0].Ns > t.Longest.Ns) {
				t.Longest, t.LongestRank = &i.Longest[0], k.Rank
			}
		}
	}
	if !found {
		return nil
	}
	return &t
}
