package enginetest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server is an inference server over HTTP that behaves as one kind does, and goes wrong in whatever way a test asks for.
// How SGLang behaves was read in its source: 0.4.6, 0.4.7, 0.5.1 and 0.5.23.
// Its traces are real ones, of as many steps as it has streamed tokens while a profile was recorded.
type Server struct {
	Kind    string // vllm, vllm-body, vllm-env, sglang, sglang-old, tensorrt-llm, generic
	Dir     string // where it writes
	Ranks   int    // of each engine; 0 is 1
	Engines int    // data-parallel ones; 0 is 1

	NoProfiler, NoMetrics, NoOpenAPI bool
	Version                          string // "": one of its kind
	Key                              string // needed for /v1 routes
	Busy                             bool   // somebody else is profiling
	StartStatus, StopStatus          int    // 0: as it should be
	StartText, StopText              string
	RequestStatus                    func(n int) int                     // of the nth request; nil: 200
	BreakStream                      func(n int) bool                    // ends the nth stream in its middle
	Trace                            func(rank int, whole []byte) []byte // what a rank writes; nil result: nothing
	Late                             time.Duration                       // from the stop's answer to the first file
	Pieces                           int                                 // a file is written in so many, PieceEvery apart
	PieceEvery                       time.Duration                       //
	AutoStop                         bool                                // ends by itself after the number of steps asked for
	HoldStart                        bool                                // a start with a bound is answered when its steps are done
	Silent                           chan struct{}                       // nothing is answered before it is closed
	Freeze                           string                              // start or stop: that is never answered
	EngineDies                       string                              // start, stop or metrics (the second time): then the engine behind it dies, and neither that nor a request is answered
	HoldStop                         chan struct{}                       // the stop is answered when it is closed
	HoldQuestion                     chan struct{}                       // a start that asks whether a profile is being recorded is answered when it is closed
	OnQuestion                       func()                              // called when such a start comes; it is not answered then
	OnStop                           func()                              // called when a stop comes
	Token                            time.Duration                       // between tokens
	HalfUntilStart                   bool                                // no request gets beyond half of its tokens before a profile is started
	Unseen                           bool                                // /metrics do not show the requests, as where they are over between two updates
	mu                               sync.Mutex
	requests, running, starts, stops int
	asked                            int // for metrics
	steps, bound                     int
	recording, overrun, dead         bool
	started                          chan struct{}    // closed when a profile is started for the first time
	ended                            chan struct{}    // closed when the recording is over
	bodies                           []map[string]any // of starts and completions
	lastByte                         atomic.Int64     // Unix ns
	writing                          sync.WaitGroup
	http                             *httptest.Server
}

// Start serves until Close, and returns the server's address.
func (s *Server) Start() string {
	s.Ranks, s.Engines = max(s.Ranks, 1), max(s.Engines, 1)
	s.started = make(chan struct{})
	s.http = httptest.NewServer(s)
	return s.http.URL
}

// Close ends the server, as if it were killed: what is being written stays as it is.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
	s.writing.Wait()
}

// Die cuts all connections and listens no more, as a process that is killed.
func (s *Server) Die() {
	s.http.Listener.Close()
	s.http.CloseClientConnections()
}

// Calls tells how often the profiler was told to start and to stop.
func (s *Server) Calls() (starts, stops int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.starts, s.stops
}

// Bodies are the bodies of all POST requests that had one, but for starts that only ask whether a profile is being recorded.
func (s *Server) Bodies() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]map[string]any(nil), s.bodies...)
}

// Resume records as if somebody had started a profile, of so many steps so far.
func (s *Server) Resume(steps int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recording, s.steps, s.bound, s.ended = true, steps, 0, make(chan struct{})
}

// URL is its address once it has been started.
func (s *Server) URL() string { return s.http.URL }

// Steps is how many steps have been recorded in the profile that is going on, or was last.
func (s *Server) Steps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps
}

// Overrun tells whether a start took the place of somebody's profile.
func (s *Server) Overrun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overrun
}

// LastByte is when the last trace was written to its end.
func (s *Server) LastByte() time.Time { return time.Unix(0, s.lastByte.Load()) }

// Recording tells whether a profile is being recorded.
func (s *Server) Recording() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recording
}

func (s *Server) sglang() bool { return strings.HasPrefix(s.Kind, "sglang") }

var owners = map[string]string{"sglang": "sglang", "sglang-old": "sglang", "tensorrt-llm": "tensorrt_llm", "vllm": "vllm", "vllm-body": "vllm", "vllm-env": "vllm", "generic": "somebody"}

var versions = map[string]string{"vllm": "0.20.1", "vllm-body": "0.32.0", "vllm-env": "0.11.2", "tensorrt-llm": "1.2.0", "sglang": "0.5.9", "sglang-old": "0.4.6.post5"}

func (s *Server) version() string {
	if s.Version != "" {
		return s.Version
	}
	return versions[s.Kind]
}

func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if s.Silent != nil {
		select {
		case <-s.Silent:
		case <-q.Context().Done():
			return
		}
	}
	if s.Key != "" && strings.HasPrefix(q.URL.Path, "/v1/") && q.Header.Get("Authorization") != "Bearer "+s.Key {
		http.Error(w, `{"error":"Unauthorized"}`, http.StatusUnauthorized)
		return
	}
	switch q.URL.Path {
	case "/v1/models":
		fmt.Fprintf(w, `{"object":"list","data":[{"id":"tiny","object":"model","owned_by":%q,"max_model_len":256}]}`, owners[s.Kind])
	case "/version":
		if s.sglang() || s.Kind == "generic" {
			http.NotFound(w, q)
			return
		}
		fmt.Fprintf(w, `{"version":%q}`, s.version())
	case "/server_info", "/get_server_info":
		if !s.sglang() || s.Kind == "sglang-old" && q.URL.Path == "/server_info" {
			http.NotFound(w, q)
			return
		}
		fmt.Fprintf(w, `{"version":%q,"tp_size":%d,"dp_size":%d,"pp_size":1,"mem_fraction_static":0.8}`, s.version(), s.Ranks, s.Engines)
	case "/openapi.json":
		s.openAPI(w, q)
	case "/metrics":
		s.metrics(w, q)
	case "/health":
		if s.sglang() { // it generates a token, which is in the profile
			s.step()
		}
		if s.engineDead() && !s.sglang() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	case "/start_profile":
		s.start(w, q)
	case "/stop_profile":
		s.stop(w, q)
	case "/v1/completions":
		s.complete(w, q)
	default:
		http.NotFound(w, q)
	}
}

func (s *Server) openAPI(w http.ResponseWriter, q *http.Request) {
	if s.NoOpenAPI {
		http.NotFound(w, q)
		return
	}
	routes := `"/v1/completions":{"post":{}}`
	switch {
	case s.NoProfiler:
	case s.Kind == "vllm-body":
		routes += `,"/start_profile":{"post":{"requestBody":{"content":{}}}}`
	default:
		routes += `,"/start_profile":{"post":{}}`
	}
	fmt.Fprintf(w, `{"openapi":"3.1.0","paths":{%s}}`, routes)
}

func (s *Server) metrics(w http.ResponseWriter, q *http.Request) {
	if s.NoMetrics || s.Kind == "generic" || s.Kind == "tensorrt-llm" {
		http.NotFound(w, q)
		return
	}
	s.mu.Lock()
	s.asked++
	again := s.asked > 1
	s.mu.Unlock()
	if again && s.freeze("metrics", q) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.running
	if s.Unseen {
		seen = 0
	}
	if s.sglang() {
		fmt.Fprintf(w, "# HELP x\nsglang:num_running_reqs{model_name=\"tiny\"} %d.0\nsglang:num_queue_reqs{model_name=\"tiny\"} 0.0\n", seen)
		return
	}
	for i := range s.Engines {
		running := 0
		if i == 0 {
			running = seen
		}
		fmt.Fprintf(w, "vllm:num_requests_running{engine=\"%d\",model_name=\"tiny\"} %d.0\nvllm:num_requests_waiting{engine=\"%d\",model_name=\"tiny\"} 0.0\n", i, running, i)
	}
}

// body reads a JSON body, if there is one.
func (s *Server) body(q *http.Request) map[string]any {
	var b map[string]any
	if json.NewDecoder(q.Body).Decode(&b) != nil {
		return nil
	}
	if !isQuestion(b) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies = append(s.bodies, b)
	}
	return b
}

// isQuestion tells whether a start only asks whether a profile is being recorded.
func isQuestion(b map[string]any) bool {
	bound, _ := b["max_iterations"].(float64)
	_, later := b["start_step"]
	return bound < 0 || later
}

func (s *Server) start(w http.ResponseWriter, q *http.Request) {
	if s.NoProfiler {
		http.NotFound(w, q)
		return
	}
	b := s.body(q)
	switch asks := isQuestion(b); {
	case asks && s.HoldQuestion != nil:
		<-s.HoldQuestion
	case asks && s.OnQuestion != nil:
		s.OnQuestion()
		<-q.Context().Done()
		return
	case !asks && s.freeze("start", q):
		return
	}
	if ended := s.begin(w, b); ended != nil && s.HoldStart {
		select {
		case <-ended:
		case <-q.Context().Done():
		}
	}
}

// freeze keeps a call without an answer, if it is the one that is not to be answered.
func (s *Server) freeze(call string, q *http.Request) bool {
	if s.EngineDies == call {
		s.mu.Lock()
		s.dead = true
		s.mu.Unlock()
	}
	if s.EngineDies != call && s.Freeze != call {
		return false
	}
	_, _ = io.Copy(io.Discard, q.Body) // else the end of the connection would not be seen
	<-q.Context().Done()
	return true
}

func (s *Server) engineDead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// begin begins to record, unless it may not. What it returns is closed when a recording with a bound is over.
func (s *Server) begin(w http.ResponseWriter, b map[string]any) (ended <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, later := b["start_step"]; later && s.sglang() { // only this start looks whether a profile is being recorded
		if s.Busy || s.recording {
			failAndHangUp(w)
		}
		return nil
	}
	busy := s.Busy || s.recording
	if n, _ := b["max_iterations"].(float64); n < 0 && !busy && s.Kind == "vllm-body" {
		http.Error(w, `{"error":{"message":"max_iterations must be greater than or equal to 0","code":400}}`, http.StatusBadRequest)
		return nil
	}
	if !busy || s.Kind != "vllm-body" {
		s.starts++
	}
	switch {
	case s.StartStatus != 0:
		http.Error(w, s.StartText, s.StartStatus)
		return nil
	case busy && s.Kind == "vllm-body":
		http.Error(w, `{"error":{"message":"Profiler is already running.","code":409}}`, http.StatusConflict)
		return nil
	case s.Busy && s.sglang(): // what was recorded so far is lost
		s.Busy, s.overrun = false, true
	}
	s.recording, s.steps, s.bound = true, 0, 0
	s.ended = make(chan struct{})
	select {
	case <-s.started:
	default:
		close(s.started)
	}
	for _, name := range []string{"max_iterations", "num_steps"} {
		if n, ok := b[name].(float64); ok && s.AutoStop {
			s.bound = int(n)
		}
	}
	if dir, ok := b["output_dir"].(string); ok {
		s.Dir = dir
	}
	if s.bound == 0 {
		return nil
	}
	return s.ended
}

func (s *Server) stop(w http.ResponseWriter, q *http.Request) {
	if s.NoProfiler {
		http.NotFound(w, q)
		return
	}
	if s.OnStop != nil {
		s.OnStop()
	}
	if s.freeze("stop", q) {
		return
	}
	s.mu.Lock()
	s.stops++
	was, steps := s.recording, s.steps
	s.finish()
	s.mu.Unlock()
	switch {
	case !was && (s.Kind == "vllm-env" || s.sglang()):
		failAndHangUp(w)
		return
	case !was:
	case s.Late > 0:
		s.writing.Add(1)
		time.AfterFunc(s.Late, func() {
			defer s.writing.Done()
			s.write(steps)
		})
	default:
		s.write(steps)
	}
	if s.HoldStop != nil {
		select {
		case <-s.HoldStop:
		case <-q.Context().Done():
			return
		}
	}
	if s.StopStatus != 0 {
		http.Error(w, s.StopText, s.StopStatus)
	}
}

// failAndHangUp answers as uvicorn does when a handler raises: with a status that keeps the connection, which it then
// closes, here in the face of the next request.
func failAndHangUp(w http.ResponseWriter) {
	connection, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	fmt.Fprint(connection, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 21\r\n\r\nInternal Server Error")
	go func() {
		_, _ = buffered.ReadByte()
		connection.Close()
	}()
}

// write writes the traces of all ranks, one after another.
func (s *Server) write(steps int) {
	for e := range s.Engines {
		for rank := range s.Ranks {
			text := Trace(rank, s.Ranks, steps)
			// A trace's times are those of its recording.
			text = bytes.Replace(text, []byte("1794999000000000000"), fmt.Append(nil, time.Now().UnixNano()), 1)
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(text)
			_ = z.Close()
			whole := b.Bytes()
			if s.Trace != nil {
				if whole = s.Trace(e*s.Ranks+rank, whole); whole == nil {
					continue
				}
			}
			s.writeFile(s.name(e, rank), whole)
		}
	}
	s.lastByte.Store(time.Now().UnixNano())
}

func (s *Server) name(engine, rank int) string {
	now := time.Now().UnixNano()
	switch s.Kind {
	case "sglang", "sglang-old":
		dp := ""
		if s.Engines > 1 {
			dp = fmt.Sprintf("-DP-%d", engine)
		}
		return fmt.Sprintf("%d-TP-%d%s.trace.json.gz", now, rank, dp)
	case "tensorrt-llm":
		return fmt.Sprintf("trace-rank-%d.json.gz", rank)
	case "vllm-env":
		return fmt.Sprintf("ab12-rank-%d.%d.pt.trace.json.gz", rank, now)
	}
	return fmt.Sprintf("rank%d.%d.pt.trace.json.gz", rank, now)
}

func (s *Server) writeFile(name string, text []byte) {
	f, err := os.Create(filepath.Join(s.Dir, name))
	if err != nil {
		return // as a server does, which only logs it
	}
	defer f.Close()
	pieces := max(s.Pieces, 1)
	for i := range pieces {
		if i > 0 {
			<-time.After(s.PieceEvery)
		}
		_, _ = f.Write(text[len(text)*i/pieces : len(text)*(i+1)/pieces])
	}
}

func (s *Server) complete(w http.ResponseWriter, q *http.Request) {
	b := s.body(q)
	s.mu.Lock()
	n := s.requests
	s.requests++
	s.running++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
	if s.RequestStatus != nil {
		if status := s.RequestStatus(n); status != 0 {
			http.Error(w, `{"error":{"message":"no such thing","code":400}}`, status)
			return
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	tokens, _ := b["max_tokens"].(float64)
	prompt := 1
	switch p := b["prompt"].(type) {
	case []any:
		prompt = len(p)
	case string:
		prompt = len(strings.Fields(p))
	}
	for i := range int(tokens) {
		if s.Token > 0 {
			select {
			case <-time.After(s.Token):
			case <-q.Context().Done():
				return
			}
		}
		if s.HalfUntilStart && i == int(tokens)/2 {
			select {
			case <-s.started:
			case <-q.Context().Done():
				return
			}
		}
		if s.BreakStream != nil && s.BreakStream(n) && i == int(tokens)/2 {
			panic(http.ErrAbortHandler)
		}
		finish := "null"
		if i == int(tokens)-1 {
			finish = `"length"`
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"text\":\" t%d\",\"finish_reason\":%s,\"stop_reason\":null}]}\n\n", i, finish)
		w.(http.Flusher).Flush()
		s.step()
	}
	fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", prompt, int(tokens))
}

// step counts a step of a profile, which may be its last.
func (s *Server) step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.recording {
		return
	}
	s.steps++
	if s.bound > 0 && s.steps == s.bound {
		s.write(s.steps)
		s.finish()
	}
}

// finish ends a recording, if there is one.
func (s *Server) finish() {
	if s.recording {
		s.recording = false
		close(s.ended)
	}
}
