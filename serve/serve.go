// Package serve puts the embedded engine behind HTTP the way vLLM's server does it: OpenAI's completions route with vLLM's
// additions, vLLM's routes that start and stop the profiler, its health, version and model routes, and its Prometheus
// metrics. Clients, load generators and whatever profiles a running server can so be tried on any machine.
//
// Facts about vLLM that this package follows, measured on 0.32: a start while a profile is being recorded is answered
// 409, a stop without one 200; the start's body is optional, unknown keys in it are ignored, wrong types and negative
// numbers are 400; without a profiler configured neither route exists; a stop answers when the traces are whole; a
// profile with max_iterations is written without a stop.
//
// Errors are OpenAI's: {"error": {"message", "type", "param", "code"}}.
package serve

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/native"
	"github.com/inferprof/inferprof/internal/version"
)

// Options say how a model is served.
type Options struct {
	ModelName string // in requests and answers; "" is the engine's
	APIKey    string // that /v1 routes ask for as a bearer token; "" for none
	Version   string // what /version says; "" is inferprof's
}

// Server is one engine behind HTTP. It is an http.Handler; Close frees the engine.
type Server struct {
	engine  *native.Async
	options Options
	metrics *metrics
	routes  http.Handler
	started time.Time
	load    atomic.Int64 // requests being answered
}

// maxBodyBytes bounds a request's body: longer ones are no prompts.
const maxBodyBytes = 32 << 20

// New loads a model and serves it. The profiler's routes exist if c.Profiler says where traces go.
func New(ctx context.Context, c engine.Config, o Options) (*Server, error) {
	m := newMetrics()
	e, err := native.OpenAsync(ctx, c, m.observe)
	if err != nil {
		return nil, err
	}
	if o.ModelName == "" {
		o.ModelName = e.Info().Model
	}
	if o.Version == "" {
		o.Version = version.String()
	}
	m.describe(o.ModelName, e.Info().MaxModelLen)
	s := &Server{engine: e, options: o, metrics: m, started: time.Now()}
	s.routes = s.mux()
	return s, nil
}

// Info tells what runs.
func (s *Server) Info() engine.Info { return s.engine.Info() }

// Warnings returns what there is to say of the model since the last call.
func (s *Server) Warnings() []string { return s.engine.Warnings() }

// ModelName is the model's name in requests.
func (s *Server) ModelName() string { return s.options.ModelName }

// Close aborts what is still being answered, writes a profile that is still being recorded, and frees the engine.
func (s *Server) Close() error { return s.engine.Close() }

// profiles tells whether the profiler is configured.
func (s *Server) profiles() bool { return s.engine.Profiler().Dir != "" }

// route is one path and how it is served.
type route struct {
	method, path string
	serve        func(http.ResponseWriter, *http.Request)
}

func (s *Server) table() []route {
	routes := []route{
		{http.MethodPost, "/v1/completions", s.completions},
		{http.MethodGet, "/v1/models", s.models},
		{http.MethodGet, "/health", s.health},
		{http.MethodGet, "/ping", s.health},
		{http.MethodGet, "/load", s.serverLoad},
		{http.MethodGet, "/version", s.version},
		{http.MethodGet, "/metrics", s.metrics.serve},
		{http.MethodGet, "/openapi.json", s.openAPI},
	}
	if s.profiles() {
		routes = append(routes,
			route{http.MethodPost, "/start_profile", s.startProfile},
			route{http.MethodPost, "/stop_profile", s.stopProfile})
	}
	return routes
}

func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.table() {
		mux.HandleFunc(r.path, func(w http.ResponseWriter, q *http.Request) {
			if q.Method != r.method && (q.Method != http.MethodHead || r.method != http.MethodGet) {
				w.Header().Set("Allow", r.method)
				fail(w, http.StatusMethodNotAllowed, "", "%s takes %s, not %s", r.path, r.method, q.Method)
				return
			}
			r.serve(w, q)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		hint := ""
		if strings.HasSuffix(q.URL.Path, "_profile") {
			hint = ": profiling is not enabled; start the server with --profiler-config"
		}
		fail(w, http.StatusNotFound, "", "there is no %s here%s", q.URL.Path, hint)
	})
	return mux
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if key := s.options.APIKey; key != "" && strings.HasPrefix(q.URL.Path, "/v1/") {
		given, _ := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(given), []byte(key)) != 1 {
			fail(w, http.StatusUnauthorized, "", "wrong or missing API key: send it as Authorization: Bearer KEY")
			return
		}
	}
	q.Body = http.MaxBytesReader(w, q.Body, maxBodyBytes)
	s.routes.ServeHTTP(w, q)
}

func (s *Server) health(http.ResponseWriter, *http.Request) {}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"version": s.options.Version})
}

func (s *Server) serverLoad(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]int64{"server_load": s.load.Load()})
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"object": "list",
		"data": []any{map[string]any{
			"id": s.options.ModelName, "object": "model", "created": s.started.Unix(), "owned_by": "inferprof",
			"root": s.Info().Model, "parent": nil, "max_model_len": s.Info().MaxModelLen, "permission": []any{},
		}},
	})
}

// openAPI lists the routes, as far as clients look there for what a server can do.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	paths := map[string]any{}
	for _, r := range s.table() {
		paths[r.path] = map[string]any{strings.ToLower(r.method): map[string]any{
			"responses": map[string]any{"200": map[string]any{"description": "Successful Response"}},
		}}
	}
	answer(w, http.StatusOK, map[string]any{
		"openapi": "3.1.0", "info": map[string]string{"title": "inferprof serve", "version": s.options.Version}, "paths": paths,
	})
}

// answer writes a JSON body.
func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // the client may be gone
}

// apiError is OpenAI's error.
type apiError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    int     `json:"code"`
}

func newAPIError(code int, param, format string, args ...any) apiError {
	kind := strings.ReplaceAll(http.StatusText(code), " ", "") + "Error"
	switch code {
	case http.StatusNotFound:
		kind = "NotFoundError"
	case http.StatusInternalServerError:
		kind = "InternalServerError"
	case http.StatusConflict:
		kind = "ConflictError"
	}
	e := apiError{Message: fmt.Sprintf(format, args...), Type: kind, Code: code}
	if param != "" {
		e.Param = &param
	}
	return e
}

func fail(w http.ResponseWriter, code int, param, format string, args ...any) {
	answer(w, code, map[string]apiError{"error": newAPIError(code, param, format, args...)})
}

// statusOf is the HTTP status that says whose fault an error is.
func statusOf(err error) int {
	if _, ok := errors.AsType[*engine.UsageError](err); ok {
		return http.StatusBadRequest
	}
	if errors.Is(err, native.ErrClosed) {
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// requestError is an error of the client's, about one parameter.
type requestError struct {
	param, text string
	code        int
}

func (e *requestError) Error() string { return e.text }

func refuse(param, format string, args ...any) error {
	return &requestError{param, fmt.Sprintf(format, args...), http.StatusBadRequest}
}

// failWith answers an error.
func failWith(w http.ResponseWriter, err error) {
	if bad, ok := errors.AsType[*requestError](err); ok {
		fail(w, bad.code, bad.param, "%s", bad.text)
		return
	}
	fail(w, statusOf(err), "", "%v", err)
}

// readJSON reads a request's body into v. What v does not know is passed over, as vLLM does.
func readJSON(q *http.Request, v any) error {
	body, err := io.ReadAll(q.Body)
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &requestError{"", fmt.Sprintf("the body is longer than %d bytes", tooLong.Limit), http.StatusRequestEntityTooLarge}
	}
	if err != nil {
		return refuse("", "reading the body: %v", err)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return errEmptyBody
	}
	err = json.Unmarshal(body, v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return refuse(wrong.Field, "%s: a JSON %s is not %s", wrong.Field, wrong.Value, kindWanted(wrong.Type.Kind().String()))
	}
	if err != nil {
		return refuse("", "the body is no JSON object that this route takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

var errEmptyBody = &requestError{"", "the body is empty: send a JSON object", http.StatusBadRequest}

// kindWanted is a Go kind in JSON's words.
func kindWanted(kind string) string {
	switch {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"):
		return "a whole number in range"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	case kind == "slice":
		return "a list"
	}
	return "a " + kind
}
