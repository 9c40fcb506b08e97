package findings

import (
	"fmt"
	"strings"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
)

const (
	tinyCopyBytes = 4096 // a copy this small costs its launch, not its bytes
	// manyTinyCopies is how many of them a decode step must have. Engines need a few: positions, slots, tables, tokens.
	manyTinyCopies = 8
)

// isPageable knows copies of which one end is ordinary memory: the driver copies them through a buffer of its own, and
// the call returns only when that is done.
func isPageable(name string) bool {
	return strings.HasPrefix(name, "Memcpy") && strings.Contains(name, "Pageable")
}

// pageableCopies: copies of the decode loop that block the host.
func pageableCopies(rv *rankView) *analyze.Finding {
	steps, stepNs := rv.decode()
	n, bytes, ns := 0, int64(0), int64(0)
	var longest *work
	for i := range rv.work {
		w := &rv.work[i]
		if w.Category != trace.CategoryMemcpy || !rv.in(w.iteration, trace.StepDecode) || !isPageable(rv.name(w.Name)) {
			continue
		}
		n++
		ns += w.EndNs - w.StartNs
		if g := rv.gpuWork(w); g != nil {
			bytes += max(0, g.Bytes)
		}
		if longest == nil || w.EndNs-w.StartNs > longest.EndNs-longest.StartNs {
			longest = w
		}
	}
	if n == 0 {
		return nil
	}
	after := rv.idle(func(g *gap) bool { return g.cause == gapPageable && rv.in(g.iteration, trace.StepDecode) })
	return &analyze.Finding{
		Sentence: fmt.Sprintf("%s copies per decode step go through pageable memory, which makes the host wait: they take %s, and the GPU stands still %s after them",
			times(n, steps), duration(quotient(ns, steps)), duration(quotient(after.ns, steps))),
		StakeNsPerStep: quotient(ns+after.ns, rv.steps()),
		Evidence: []analyze.Evidence{
			number("copies", n), number("decode_steps", steps), bytesOf("bytes", bytes), nanoseconds("copying", ns),
			nanoseconds("idle_after", after.ns), share("of_decode_steps", ns+after.ns, stepNs),
		},
		Events: []analyze.EventRef{rv.ref(longest.Row)},
		Try:    "copy from and to pinned memory (pin_memory=True) with non_blocking=True, and wait for the event when the value is needed",
	}
}

// tinyCopies: many copies in a decode step, each of which costs a call on the host and a gap on the device.
func tinyCopies(rv *rankView) *analyze.Finding {
	steps, stepNs := rv.decode()
	n, bytes, device, host := 0, int64(0), int64(0), int64(0)
	var first *work
	for i := range rv.work {
		w := &rv.work[i]
		g := rv.gpuWork(w)
		if w.Category != trace.CategoryMemcpy || !rv.in(w.iteration, trace.StepDecode) || g == nil || g.Bytes < 0 || g.Bytes >= tinyCopyBytes ||
			w.Call >= 0 && rv.x.IsGraphLaunch(&rv.x.Calls[w.Call]) || isPageable(rv.name(w.Name)) {
			continue
		}
		n++
		bytes += g.Bytes
		device += w.EndNs - w.StartNs
		if w.Call >= 0 {
			host += rv.x.Calls[w.Call].EndNs - rv.x.Calls[w.Call].StartNs
		}
		if first == nil {
			first = w
		}
	}
	if n < manyTinyCopies*steps || n == 0 {
		return nil
	}
	return &analyze.Finding{
		Sentence: fmt.Sprintf("%s copies of less than 4 KiB per decode step, %s each on average: their calls take the host %s, the device %s",
			times(n, steps), size(bytes/int64(n)), duration(quotient(host, steps)), duration(quotient(device, steps))),
		StakeNsPerStep: quotient(max(host, device), rv.steps()),
		Evidence: []analyze.Evidence{
			number("copies", n), number("decode_steps", steps), bytesOf("bytes", bytes), nanoseconds("calls", host), nanoseconds("copying", device),
			share("of_decode_steps", max(host, device), stepNs),
		},
		Events: []analyze.EventRef{rv.ref(first.Row)},
		Try:    "gather the step's small inputs in one pinned buffer and copy that once",
	}
}
