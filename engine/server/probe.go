package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// facts are what a server tells of itself by GET requests. Nothing here starts a profile: SGLang takes a GET of
// /start_profile for a start.
type facts struct {
	owner          string // of the first model: "vllm", "sglang", "tensorrt_llm", "inferprof"
	model          string
	maxModelLen    int
	version        string
	info           map[string]any  // SGLang's server arguments, vLLM's in development mode
	routes         map[string]bool // of /openapi.json; nil if there is none
	startTakesBody bool
	metrics        *metrics // nil if there are none
	healthy        bool
}

// probeTimeout is long: a busy server has little time for questions, and the first /openapi.json takes seconds to make.
var probeTimeout = 30 * time.Second

// The questions, those first without whose answer a server would be taken for another.
var (
	mainPaths  = []string{"/v1/models", "/version"}
	otherPaths = []string{"/openapi.json", "/metrics", "/server_info?config_format=json"}
	olderPaths = []string{"/get_server_info"} // of SGLang before it had /server_info; newer ones complain in their log
)

// probe asks a server what it is. The error says that nothing answers, or that it does not talk to us.
func probe(ctx context.Context, c *client) (*facts, error) {
	f := &facts{}
	if err := f.ask(ctx, c, mainPaths); err != nil {
		return nil, err
	}
	paths := otherPaths
	if f.owner == "sglang" { // it generates a token to know its health, which takes a second and is in whatever profile is recorded
		f.healthy = true
	} else {
		paths = append([]string{"/health"}, paths...)
	}
	if err := f.ask(ctx, c, paths); err != nil {
		return nil, err
	}
	if f.info == nil {
		return f, f.ask(ctx, c, olderPaths)
	}
	return f, nil
}

// errSilent is of a server that takes connections and answers nothing.
var errSilent = errors.New("is it still loading, busy with the end of a profile, or stuck?")

// ask sends some questions at once. That a route is missing is an answer; that none comes is an error.
func (f *facts) ask(ctx context.Context, c *client, paths []string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	answers := make([]*answer, len(paths))
	errs := make([]error, len(paths))
	var asking sync.WaitGroup
	for i, path := range paths {
		asking.Go(func() { answers[i], errs[i] = c.call(ctx, http.MethodGet, path, nil) })
	}
	asking.Wait()
	for i, a := range answers {
		switch err := errs[i]; {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("server %s: %s is not answered within %v: %w", c.base, paths[i], probeTimeout, errSilent)
		case err != nil:
			return fmt.Errorf("server %s: %w; is the address right, and is the server up?", c.base, err)
		case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
			if paths[i] == "/v1/models" {
				return fmt.Errorf("server %s: /v1/models is answered %d (%s): give its key with --api-key or INFERPROF_API_KEY", c.base, a.status, a.words())
			}
		case a.ok():
			f.take(paths[i], a.text)
		}
	}
	return nil
}

// take reads one answer; what is not what it should be is passed over.
func (f *facts) take(path string, text []byte) {
	route, _, _ := strings.Cut(path, "?")
	switch route {
	case "/v1/models":
		var list struct {
			Data []struct {
				ID          string `json:"id"`
				OwnedBy     string `json:"owned_by"`
				MaxModelLen int    `json:"max_model_len"`
			} `json:"data"`
		}
		if json.Unmarshal(text, &list) == nil && len(list.Data) > 0 {
			m := list.Data[0]
			f.model, f.owner, f.maxModelLen = m.ID, strings.ToLower(m.OwnedBy), m.MaxModelLen
		}
	case "/version":
		var v struct {
			Version string `json:"version"`
		}
		if json.Unmarshal(text, &v) == nil && v.Version != "" {
			f.version = v.Version
		}
	case "/openapi.json":
		var api struct {
			Paths map[string]map[string]struct {
				RequestBody json.RawMessage `json:"requestBody"`
			} `json:"paths"`
		}
		if json.Unmarshal(text, &api) != nil || len(api.Paths) == 0 {
			return
		}
		f.routes = map[string]bool{}
		for p := range api.Paths {
			f.routes[p] = true
		}
		f.startTakesBody = len(api.Paths["/start_profile"]["post"].RequestBody) > 0
	case "/metrics":
		f.metrics = parseMetrics(text)
	case "/health":
		f.healthy = true
	case "/server_info", "/get_server_info":
		var info map[string]any
		if json.Unmarshal(text, &info) == nil {
			if f.info == nil {
				f.info = map[string]any{}
			}
			maps.Copy(f.info, info)
			if v, ok := info["version"].(string); ok && f.version == "" {
				f.version = v
			}
		}
	}
}

func (f *facts) vllm() bool { return f.owner == "vllm" || f.metric("vllm:") }

func (f *facts) sglang() bool {
	return f.owner == "sglang" || f.info["mem_fraction_static"] != nil || f.metric("sglang:")
}

// metric tells whether any metric's name begins so.
func (f *facts) metric(prefix string) bool {
	if f.metrics == nil {
		return false
	}
	for name := range f.metrics.values {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

var releasePattern = regexp.MustCompile(`^v?(\d+)\.(\d+)\.(\d+)`)

// release is the version's first two numbers; ok is false of those that no release has, such as 0.1.dev1+gabc.
func (f *facts) release() (major, minor int, ok bool) {
	m := releasePattern.FindStringSubmatch(f.version)
	if m == nil {
		return 0, 0, false
	}
	major, errMajor := strconv.Atoi(m[1])
	minor, errMinor := strconv.Atoi(m[2])
	return major, minor, errMajor == nil && errMinor == nil
}

func (f *facts) before(major, minor int) bool {
	a, b, ok := f.release()
	return ok && (a < major || a == major && b < minor)
}

// beforePatch is before for a version with a third number.
func (f *facts) beforePatch(major, minor, patch int) bool {
	if a, b, ok := f.release(); !ok || a != major || b != minor {
		return f.before(major, minor)
	}
	c, err := strconv.Atoi(releasePattern.FindStringSubmatch(f.version)[3])
	return err == nil && c < patch
}

// releasedSince tells whether the version is known, and this one or later.
func (f *facts) releasedSince(major, minor, patch int) bool {
	_, _, ok := f.release()
	return ok && !f.beforePatch(major, minor, patch)
}

func (f *facts) atLeast(major, minor int) bool {
	_, _, ok := f.release()
	return ok && !f.before(major, minor)
}

// vllmTakesBody tells whether a start of this vLLM can bound its profile, as from 0.32 on. A release is known by its number. A
// development version has the number of the release before it or of the one to come, or none: its start route shows it, which
// is only there while the profiler is on. A route that is not there shows nothing.
func (f *facts) vllmTakesBody() verdict {
	_, _, numbered := f.release()
	if numbered && !strings.Contains(f.version, "dev") {
		return verdictOf(f.atLeast(0, 32))
	}
	if f.routes[vllmStartPath] {
		return verdictOf(f.startTakesBody)
	}
	switch {
	case !numbered:
		return unknown
	case f.before(0, 31):
		return no
	case f.atLeast(0, 33):
		return yes
	}
	return unknown
}

// number is a whole number of the server's arguments, 0 if it has none of that name.
func (f *facts) number(name string) int {
	v, _ := f.info[name].(float64)
	return int(v)
}

// ranks is how many traces one profile of the server makes, 0 if it does not tell. SGLang tells its sizes; with
// attention split over data-parallel ranks, those are among the tensor-parallel ones.
func (f *facts) ranks() int {
	tp, pp, dp := f.number("tp_size"), max(f.number("pp_size"), 1), max(f.number("dp_size"), 1)
	if tp == 0 {
		return 0
	}
	if on, _ := f.info["enable_dp_attention"].(bool); on {
		dp = 1
	}
	return tp * pp * dp
}

// engines is how many engines, each with ranks of its own, stand behind one vLLM server: data parallelism. 0 if unknown.
func (f *facts) engines(d *Dialect) int {
	if f.metrics == nil || len(d.running) == 0 {
		return 0
	}
	return f.metrics.labelValues(d.running[0], "engine")
}

// recognise finds the dialect that fits.
func (f *facts) recognise() *Dialect {
	for _, d := range dialects {
		if d.recognise(f) {
			return d
		}
	}
	return dialects[len(dialects)-1]
}

// profiling says whether the server's profiler is turned on, if it can be told.
func (f *facts) profiling(d *Dialect) (on, known bool) {
	if f.routes == nil {
		return false, false
	}
	return f.routes[d.startPath], true
}
