package serve

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/inferprof/inferprof/engine"
)

// startRequest is the optional body of /start_profile: what differs from --profiler-config for this one profile.
type startRequest struct {
	Prefix          *string `json:"profile_prefix"`
	DelayIterations *int    `json:"delay_iterations"`
	MaxIterations   *int    `json:"max_iterations"`
}

func (s *Server) startProfile(w http.ResponseWriter, q *http.Request) {
	var r startRequest
	if err := readJSON(q, &r); err != nil && !errors.Is(err, errEmptyBody) {
		failWith(w, err)
		return
	}
	c := s.engine.Profiler()
	if r.Prefix != nil {
		c.Prefix = *r.Prefix
	}
	if r.DelayIterations != nil {
		c.DelayIterations = *r.DelayIterations
	}
	if r.MaxIterations != nil {
		c.MaxIterations = *r.MaxIterations
	}
	err := s.engine.StartProfile(c)
	switch {
	case errors.Is(err, engine.ErrProfiling):
		fail(w, http.StatusConflict, "", "%v", err)
	case err != nil:
		failWith(w, err)
	}
}

// stopProfile answers when the traces are whole. Without a profile there is nothing to do, which is no error.
func (s *Server) stopProfile(w http.ResponseWriter, q *http.Request) {
	if _, err := s.engine.StopProfile(q.Context()); err != nil && !errors.Is(err, engine.ErrNotProfiling) {
		failWith(w, err)
	}
}

// rawIsNull tells whether a field is absent or null.
func rawIsNull(r json.RawMessage) bool { return len(r) == 0 || string(r) == "null" }
