package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// client speaks to one server. Nothing in it has a time limit of its own: a stop may take as long as it takes to write
// gigabytes. Who wants one gives a context that has it.
type client struct {
	base string // without a slash at its end
	key  string
	http *http.Client

	clock clock
}

// answerBytes is how much of an answer is read; only streams are longer.
const answerBytes = 8 << 20

// newClient takes a URL as people type it: with or without scheme, slash or /v1 at its end.
func newClient(raw, key string) (*client, error) {
	text := strings.TrimSpace(raw)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, usagef("--url %q: must be a server's address, such as http://host:8000", raw)
	}
	if u.User != nil {
		return nil, usagef("--url %s://%s: a name and password in the address would end up in the manifest: use --api-key", u.Scheme, u.Host)
	}
	base := strings.TrimSuffix(strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), "/v1")
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 1024, // as many as there are streams
		DisableCompression:  true,
		ReadBufferSize:      16 << 10,
	}
	return &client{base: base, key: key, http: &http.Client{Transport: transport}}, nil
}

// Address is a server's address as a manifest has it, of one as people type it; the same if it is none.
func Address(raw string) string {
	c, err := newClient(raw, "")
	if err != nil {
		return raw
	}
	return c.base
}

// answer is what a server said.
type answer struct {
	status int
	text   []byte
}

func (a *answer) ok() bool { return a.status >= 200 && a.status < 300 }

// words are what the answer says, on one line: the message of OpenAI's error object, or of FastAPI's, or the text.
func (a *answer) words() string {
	var e struct {
		Error   json.RawMessage `json:"error"`
		Detail  json.RawMessage `json:"detail"`
		Message string          `json:"message"`
	}
	text := string(a.text)
	if json.Unmarshal(a.text, &e) == nil {
		var object struct {
			Message string `json:"message"`
		}
		switch {
		case json.Unmarshal(e.Error, &object) == nil && object.Message != "":
			text = object.Message
		case len(e.Error) > 0:
			text = strings.Trim(string(e.Error), `"`)
		case len(e.Detail) > 0:
			text = strings.Trim(string(e.Detail), `"`)
		case e.Message != "":
			text = e.Message
		}
	}
	const longest = 300
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	if text == "" {
		return http.StatusText(a.status)
	}
	return text
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		q.Header.Set("Authorization", "Bearer "+c.key)
	}
	return q, nil
}

// call makes one request and reads its answer. An answer that is an error is no error here.
func (c *client) call(ctx context.Context, method, path string, body any) (*answer, error) {
	q, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	r, err := c.http.Do(q)
	if err != nil {
		return nil, plain(err)
	}
	defer r.Body.Close()
	a := &answer{status: r.StatusCode}
	if date, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		c.clock.see(date, sent, time.Now())
	}
	a.text, err = io.ReadAll(io.LimitReader(r.Body, answerBytes))
	if err != nil {
		return nil, plain(err)
	}
	if a.status == http.StatusInternalServerError {
		// uvicorn closes a connection over which a handler failed, without saying so: a start over it would be lost.
		c.http.CloseIdleConnections()
	}
	return a, nil
}

// plain takes method and URL off an error: who prints it names the server himself.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return errRefused
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return errBroken
	}
	return err
}

// What a connection says about a server.
var (
	errRefused = errors.New("connection refused: no server listens there")
	errBroken  = errors.New("the server closed the connection without an answer")
)

func usagef(format string, args ...any) error {
	return &engine.UsageError{Text: fmt.Sprintf(format, args...)}
}
