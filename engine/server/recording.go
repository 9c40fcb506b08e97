package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/processes"
)

// Whether a server records a profile no route tells. Some can be asked by a start that records nothing: it is refused as
// every start is while a profile is being recorded, and otherwise for another reason, or arms a profile for a step that no server
// reaches. The latter takes the place of a profile that somebody has armed for later steps (SGLang's start_step and profile_by_stage)
// and that has not begun, as any start does.

// A step that no server ever reaches.
const neverStep int64 = 1 << 62

// recording asks whether a profile is being recorded. known is false where that can't be asked.
func (p *endpoint) recording(ctx context.Context) (on, known bool, err error) {
	body, meaning := p.question()
	if body == nil {
		return false, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	a, err := p.call(ctx, http.MethodPost, p.dialect.startPath, body)
	if err != nil {
		return false, false, fmt.Errorf("whether a profile is being recorded: %w", err)
	}
	if p.tookIt(a) {
		_, err = p.call(ctx, http.MethodPost, p.dialect.stopPath, nil)
		return false, false, err
	}
	on, known = meaning[a.status]
	return on, known, nil
}

// tookIt tells whether a server started what it should have refused, so that a stop is to follow: nothing is to be left on.
func (p *endpoint) tookIt(a *answer) bool { return p.dialect.guarded && a.ok() }

// leaveAlone fails if somebody is profiling a server, as far as that can be asked, and warns where it can't. A server that is
// ending a profile does not answer before it is done, nor anything else that its engine has part in: that is waited for, and said.
func (e *Engine) leaveAlone(ctx context.Context, p *endpoint) error {
	body, meaning := p.question()
	if body == nil {
		e.warnOfOthers(p)
		return nil
	}
	a, err := e.answered(ctx, p, p.dialect.startPath, body, "it is busy with the end of a profile, or with loading, and does not say yet whether it records one")
	switch {
	case err != nil:
		return fmt.Errorf("server %s: whether a profile is being recorded: %w", p.base, err)
	case p.tookIt(a):
		_, err = e.answered(ctx, p, p.dialect.stopPath, nil, "")
		return err
	case !meaning[a.status]:
		return nil // what else it has to say it says to the start
	}
	said := ""
	if a.status != http.StatusInternalServerError {
		said = " (it says: " + a.words() + ")"
	}
	return fmt.Errorf("server %s: %w%s; %s", p.base, engine.ErrProfiling, said, p.howToEnd())
}

// warnOfOthers says what it means that a server can't be asked whether somebody is profiling it.
func (e *Engine) warnOfOthers(p *endpoint) {
	switch d := p.dialect; {
	case d.stopFirst:
		e.warn("server %s: vLLM %s can't be asked whether somebody else is profiling it: if so, that profile was ended by the stop that is sent first",
			p.base, p.facts.version)
	case d.guarded && d.Engine == "vllm" && p.manyFronts():
		e.warn("server %s: with several API servers vLLM does not tell whether somebody else is profiling it: if so, that profile was ended with this one", p.base)
	case d.overruns:
		e.warn("server %s: %s %s can't be asked whether somebody else is profiling it: if so, this profile has taken the place of that one",
			p.base, d.Title, p.facts.version)
	}
}

// howToEnd says how a profile is ended that nobody wants any more.
func (p *endpoint) howToEnd() string {
	return fmt.Sprintf("if nobody else is profiling it, end that with: curl -X POST %s%s", p.base, p.dialect.stopPath)
}

// question is the body of such a start, and what its answers mean: whether a profile is being recorded. nil: there is none.
func (p *endpoint) question() (body map[string]any, recording map[int]bool) {
	switch {
	case p.dialect.guarded && (p.facts.startTakesBody || p.dialect.Engine == "native") && !p.manyFronts(): // it looks for a profile first, and then at the bound
		return map[string]any{"max_iterations": -1}, map[int]bool{http.StatusConflict: true, http.StatusBadRequest: false}
	case p.dialect.Name == "sglang" && p.facts.releasedSince(0, 4, 10): // before, it had no start_step, and would start
		return map[string]any{"start_step": neverStep}, map[int]bool{http.StatusInternalServerError: true, http.StatusOK: false}
	}
	return nil, nil
}

// manyFronts tells whether vLLM's API server has, or may have, several processes: none of them knows what the others have
// started, and they let a second start pass, which the engine ignores.
func (p *endpoint) manyFronts() bool {
	return p.engines > 1 || slices.ContainsFunc(p.vitals.family, func(q processes.Process) bool { return strings.HasPrefix(q.Name, "VLLM::APIServer") })
}

// diesOfStart says why a server would die of a start: SGLang's second way to profile takes none but by stages, and its
// scheduler ends at any other. "" if nothing shows that.
func (p *endpoint) diesOfStart() string {
	if p.dialect.Engine != "sglang" {
		return ""
	}
	switch v, _ := p.process.variable(profileV2); strings.ToLower(v) {
	case "", "0", "false", "no", "n", "off", "f":
		return ""
	}
	return profileV2 + " is set in its environment, and with that SGLang dies at a start that is not by stages: start it without"
}

const profileV2 = "SGLANG_PROFILE_V2"

// safelyRecording is recording for those who only look: where it can't be seen that asking does no harm nothing is asked.
func (p *endpoint) safelyRecording(ctx context.Context) (on, known bool) {
	if _, seen := p.process.variable(profileV2); p.dialect.Engine == "sglang" && (!seen || p.diesOfStart() != "") {
		return false, false
	}
	on, known, err := p.recording(ctx)
	return on, known && err == nil
}
