package engine

import "time"

// ServerConfig says how to profile an engine that runs already, behind HTTP. Its zero value sends all requests at once to
// no server.
type ServerConfig struct {
	URLs    []string `json:"urls"`              // of one deployment: replicas, or prefill and decode servers
	APIKey  string   `json:"-"`                 // of the completions API
	Dialect string   `json:"dialect,omitempty"` // how the server is spoken to; "": as it looks

	TraceDirs []string      `json:"trace_dirs,omitempty"` // where the servers write, as seen from here: one for all, or one of each URL
	Collect   []string      `json:"collect,omitempty"`    // or where else: "ssh host:dir", "kubectl namespace/pod:dir"
	Patience  time.Duration `json:"patience_ns"`          // how long a trace may be late after the stop while nothing moves

	LoadURL     string        `json:"load_url,omitempty"`    // where requests go; "": to URLs, in turn
	Concurrency int           `json:"concurrency"`           // requests in flight at most; 0: no limit
	RequestRate float64       `json:"request_rate"`          // mean requests per second, arriving as a Poisson process; 0: all at once
	StartAt     string        `json:"start_at,omitempty"`    // first-request, or steady-state
	NoLoad      bool          `json:"no_load"`               // profile whatever traffic there is
	Duration    time.Duration `json:"duration_ns,omitempty"` // and for so long
}

// When the profile starts.
const (
	StartAtFirstRequest = "first-request" // on a quiet server, before the load
	StartAtSteadyState  = "steady-state"  // in the middle of the load
)

// Unloaded says whether nothing is asked of the engine: others do.
func (c Config) Unloaded() bool { return c.Server != nil && c.Server.NoLoad }
