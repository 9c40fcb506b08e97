package serve

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/native"
)

// Metrics under vLLM's Prometheus names, labels and buckets, so that dashboards and tools that read vLLM's read ours.
// The engine tells of each step; a scrape reads what has added up, in Prometheus' text format.

type metrics struct {
	mu     sync.Mutex
	labels string // model_name="…",engine="0"
	last   native.Observation

	promptTokens, generationTokens int64
	success                        map[engine.Finish]int64

	ttft, interToken, perToken, e2e, queue, inference, prefill, decode histogram
	iteration, requestPrompt, requestGeneration                        histogram
}

// vLLM's bucket bounds: seconds, and tokens of a step.
var (
	ttftBounds    = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	tokenBounds   = []float64{.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
	requestBounds = []float64{.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
	stepBounds    = []float64{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}
)

func newMetrics() *metrics {
	m := &metrics{success: map[engine.Finish]int64{engine.FinishStop: 0, engine.FinishLength: 0, engine.FinishAborted: 0}}
	for h, bounds := range map[*histogram][]float64{
		&m.ttft: ttftBounds, &m.interToken: tokenBounds, &m.perToken: tokenBounds, &m.e2e: requestBounds, &m.queue: requestBounds,
		&m.inference: requestBounds, &m.prefill: requestBounds, &m.decode: requestBounds, &m.iteration: stepBounds,
	} {
		*h = newHistogram(bounds)
	}
	return m
}

// describe sets what is known once the model is: its name, and its longest context.
func (m *metrics) describe(model string, maxLen int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.labels = fmt.Sprintf(`engine="0",model_name="%s"`, labelEscaper.Replace(model))
	m.requestPrompt, m.requestGeneration = newHistogram(oneTwoFive(maxLen)), newHistogram(oneTwoFive(maxLen))
}

var labelEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// oneTwoFive are the bounds 1, 2, 5, 10, 20 … up to most.
func oneTwoFive(most int) []float64 {
	var bounds []float64
	for ten := 1; ; ten *= 10 {
		for _, m := range []int{1, 2, 5} {
			if m*ten > most {
				return bounds
			}
			bounds = append(bounds, float64(m*ten))
		}
	}
}

// observe takes in what a step did. The engine waits for it.
func (m *metrics) observe(o native.Observation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o.Tokens > 0 {
		m.iteration.add(float64(o.Tokens))
	}
	m.promptTokens += int64(o.PromptTokens)
	m.generationTokens += int64(len(o.FirstTokens) + len(o.NextTokens))
	for _, t := range o.FirstTokens {
		m.ttft.add(t.Seconds())
	}
	for _, t := range o.NextTokens {
		m.interToken.add(t.Seconds())
	}
	for _, out := range o.Finished {
		m.finished(out)
	}
	m.last = o
	m.last.FirstTokens, m.last.NextTokens, m.last.Finished = nil, nil, nil // the engine's to use again
}

func (m *metrics) finished(out *engine.Output) {
	m.success[out.Finish]++
	now := time.Now()
	m.e2e.add(now.Sub(out.Arrival).Seconds())
	if out.Scheduled.IsZero() {
		return
	}
	m.queue.add(out.Scheduled.Sub(out.Arrival).Seconds())
	m.inference.add(now.Sub(out.Scheduled).Seconds())
	if out.FirstToken.IsZero() {
		return
	}
	m.requestPrompt.add(float64(len(out.PromptTokenIDs)))
	m.requestGeneration.add(float64(len(out.TokenIDs)))
	m.prefill.add(out.FirstToken.Sub(out.Scheduled).Seconds())
	m.decode.add(out.LastToken.Sub(out.FirstToken).Seconds())
	if len(out.TokenIDs) > 1 {
		m.perToken.add(out.TPOT().Seconds())
	}
}

func (m *metrics) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(m.text()) // the client may be gone
}

// text is Prometheus' text format.
func (m *metrics) text() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &printer{labels: m.labels}
	p.gauge("vllm:num_requests_running", "Requests in the running batch.", float64(m.last.Running))
	p.gauge("vllm:num_requests_waiting", "Requests that wait for their turn.", float64(m.last.Waiting))
	p.gauge("vllm:kv_cache_usage_perc", "Share of the KV-cache blocks in use; 1 is all.", m.last.KVUsage)
	p.counter("vllm:num_preemptions_total", "Requests that had to give their KV-cache blocks back.", int64(m.last.Preemptions))
	p.counter("vllm:prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache.", int64(m.last.PrefixQueries))
	p.counter("vllm:prefix_cache_hits_total", "Prompt tokens found in the prefix cache.", int64(m.last.PrefixHits))
	p.counter("vllm:prompt_tokens_total", "Prompt tokens computed or found in the prefix cache.", m.promptTokens)
	p.counter("vllm:generation_tokens_total", "Tokens generated.", m.generationTokens)
	p.head("vllm:request_success_total", "Requests that ended, by reason.", "counter")
	for _, reason := range []engine.Finish{engine.FinishAborted, engine.FinishLength, engine.FinishStop} {
		p.line("vllm:request_success_total", fmt.Sprintf(`finished_reason="%s"`, reason), float64(m.success[reason]))
	}
	p.histogram("vllm:iteration_tokens_total", "Tokens computed in a step.", &m.iteration)
	p.histogram("vllm:time_to_first_token_seconds", "Time from a request's arrival to its first token.", &m.ttft)
	p.histogram("vllm:inter_token_latency_seconds", "Time between two tokens of an answer.", &m.interToken)
	p.histogram("vllm:request_time_per_output_token_seconds", "Mean time per token after the first, by request.", &m.perToken)
	p.histogram("vllm:e2e_request_latency_seconds", "Time from a request's arrival to its end.", &m.e2e)
	p.histogram("vllm:request_queue_time_seconds", "Time that a request waited.", &m.queue)
	p.histogram("vllm:request_inference_time_seconds", "Time from a request's first step to its end.", &m.inference)
	p.histogram("vllm:request_prefill_time_seconds", "Time from a request's first step to its first token.", &m.prefill)
	p.histogram("vllm:request_decode_time_seconds", "Time from a request's first token to its last.", &m.decode)
	p.histogram("vllm:request_prompt_tokens", "Prompt tokens of a request.", &m.requestPrompt)
	p.histogram("vllm:request_generation_tokens", "Tokens generated for a request.", &m.requestGeneration)
	return p.Bytes()
}

// histogram counts values up to each bound.
type histogram struct {
	bounds []float64
	counts []int64 // by bucket, not added up; the last is for what is above all bounds
	sum    float64
}

func newHistogram(bounds []float64) histogram {
	return histogram{bounds: bounds, counts: make([]int64, len(bounds)+1)}
}

func (h *histogram) add(v float64) {
	i, _ := slices.BinarySearch(h.bounds, v) // a value equal to a bound is within it
	h.counts[i]++
	h.sum += v
}

// printer writes Prometheus' text format.
type printer struct {
	bytes.Buffer
	labels string
}

func (p *printer) head(name, help, kind string) {
	fmt.Fprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (p *printer) line(name, label string, v float64) {
	if label != "" {
		label = "," + label
	}
	fmt.Fprintf(p, "%s{%s%s} %s\n", name, p.labels, label, number(v))
}

func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func (p *printer) gauge(name, help string, v float64) {
	p.head(name, help, "gauge")
	p.line(name, "", v)
}

func (p *printer) counter(name, help string, n int64) {
	p.head(name, help, "counter")
	p.line(name, "", float64(n))
}

func (p *printer) histogram(name, help string, h *histogram) {
	p.head(name, help, "histogram")
	total := int64(0)
	for i, n := range h.counts {
		total += n
		bound := math.Inf(1)
		if i < len(h.bounds) {
			bound = h.bounds[i]
		}
		p.line(name+"_bucket", fmt.Sprintf(`le="%s"`, number(bound)), float64(total))
	}
	p.line(name+"_sum", "", h.sum)
	p.line(name+"_count", "", float64(total))
}
