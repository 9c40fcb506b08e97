package server

import (
	"context"
	"fmt"
	"slices"
)

// Description is what a server tells of itself, and what would go wrong in profiling it.
type Description struct {
	URL         string   `json:"url"`
	Dialect     string   `json:"dialect"` // as --dialect takes it
	Title       string   `json:"title"`   // the same for people
	Version     string   `json:"version"` // "" if it does not tell
	Model       string   `json:"model"`
	MaxModelLen int      `json:"max_model_len"` // 0 if it does not tell
	Ranks       int      `json:"ranks"`         // 0 if it does not tell
	Engines     int      `json:"engines"`       // data-parallel engines; 0 if it does not tell
	Healthy     bool     `json:"healthy"`
	Profiling   string   `json:"profiling"` // on, off, or unknown
	Bounded     bool     `json:"bounded"`   // the start can say how many steps to record
	Metrics     bool     `json:"metrics"`
	Running     int      `json:"running"` // requests in a step just now
	Waiting     int      `json:"waiting"`
	Problems    []string `json:"problems"` // one sentence each, with what to do
}

// Describe asks a server what it is, by GET requests alone; no profile is started. apiKey may be empty.
func Describe(ctx context.Context, url, apiKey string) (*Description, error) {
	c, err := newClient(url, apiKey)
	if err != nil {
		return nil, err
	}
	f, err := probe(ctx, c)
	if err != nil {
		return nil, err
	}
	d := f.recognise()
	r := &Description{
		URL: c.base, Dialect: d.Name, Title: d.Title, Version: f.version, Model: f.model, MaxModelLen: f.maxModelLen,
		Ranks: f.ranks(), Engines: f.engines(d), Healthy: f.healthy, Profiling: "unknown", Bounded: d.bounded, Problems: []string{},
	}
	problem := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	if on, known := f.profiling(d); known && on {
		r.Profiling = "on"
	} else if known {
		r.Profiling = "off"
		problem("it has no %s: %s", d.startPath, d.enable)
	} else {
		problem("it does not list its routes (/openapi.json): whether its profiler is on shows only when it is started; if it is not: %s", d.enable)
	}
	if f.metrics != nil {
		running, ok := f.metrics.sum(d.running)
		waiting, _ := f.metrics.sum(d.waiting)
		r.Metrics, r.Running, r.Waiting = ok, int(running), int(waiting)
	}
	switch {
	case !r.Metrics && d.Name == "sglang":
		problem("it tells nothing of its load: start it with --enable-metrics, so that a steady state can be waited for")
	case !r.Metrics && len(d.running) > 0:
		problem("it tells nothing of its load (/metrics): a steady state is told by our own streams alone")
	}
	if !f.healthy {
		problem("/health is not answered 200: it may still be loading, or its engine has died")
	}
	if f.model == "" {
		problem("it lists no model (/v1/models): name one with --model, or profile its traffic with --no-load")
	}
	if !d.bounded {
		problem("the number of steps can't be bounded by the request, that takes %s: keep the load short, traces grow by megabytes a second", d.bodySince)
	}
	if d.Engine == "vllm" && d.stopFirst {
		problem("it answers 200 to a second start and ignores it: see that nobody else is profiling it")
	}
	if slices.Contains([]string{"vllm", "vllm-env"}, d.Name) && f.atLeast(0, 12) && f.before(0, 13) {
		problem("vLLM 0.12 on CPUs dies at its first profiled step (annotate_context_manager): use 0.13 or newer there")
	}
	return r, nil
}
