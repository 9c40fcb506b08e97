package index

import "github.com/inferprof/inferprof/trace"

// When does traffic pause? A device that stands still between two steps waits either for its engine or for somebody to ask
// it something, and only the first is a cost of the step. How long it stands still does not tell them apart: an engine
// can lose 20 ms while requests run, and requests can follow each other by 2 ms. What steps say of their work does:
//
//   - The next step generates for requests. Those ran on across the gap: no pause, however long it is.
//   - vLLM's steps hold all requests that run. One that follows a step which generates, and itself generates for none,
//     shows that all requests had ended. Then it is a pause, if the device stood still for longer than it does between
//     steps of the same requests: a request may end while the next is already waiting, which costs nothing extra.
//   - Else nothing is known. SGLang puts prompts before the requests that generate, which wait meanwhile; a prompt may be
//     worked on in several steps; names may not give counts. Then only a gap out of all proportion to a step is a pause.

const (
	// pauseSteps and pauseNs tell a pause from a loss where names do not: no engine loses ten whole steps between two, but
	// one without requests stands still for as long as nobody asks.
	pauseSteps = 10
	pauseNs    = 10_000_000
	// idlePauses is by how much longer than usual the device stands still where all requests have ended, for it to be
	// because there are no more.
	idlePauses = 2
)

// OutOfProportion tells whether a device stood still for so long that it can't be the work's own, of which a step usually
// takes stepNs; where that is not known (0), nothing is out of proportion.
func OutOfProportion(idleNs, stepNs int64) bool {
	return stepNs > 0 && idleNs > pauseSteps*stepNs && idleNs > pauseNs
}

// pauses tells whether traffic pauses between two steps, after which the device is idle for idleNs, where it usually is for
// gapNs and a step takes stepNs.
func pauses(s, next *Step, idleNs, gapNs, stepNs int64) bool {
	switch {
	case next.GenerationRequests > 0:
		return false
	case allRequests(next.Dialect) && s.GenerationRequests > 0 && next.GenerationRequests == 0:
		return idleNs > idlePauses*gapNs
	}
	return OutOfProportion(idleNs, stepNs)
}

// allRequests tells whether steps of a dialect hold all requests that run.
func allRequests(dialect trace.StepDialect) bool {
	switch dialect {
	case trace.DialectVLLM, trace.DialectVLLMDetailed, trace.DialectVLLMOld:
		return true
	}
	return false
}
