package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// unreachableError is an error of the way to the hub, or of the hub itself: another attempt may do.
type unreachableError struct {
	endpoint string
	err      error
}

func (e *unreachableError) Error() string {
	return fmt.Sprintf("%s cannot be reached: %v", e.endpoint, e.err)
}

func (e *unreachableError) Unwrap() error { return e.err }

// busyError asks for patience.
type busyError struct {
	endpoint string
	after    time.Duration // 0: not told
}

func (e *busyError) Error() string {
	return e.endpoint + " answers too many requests (429): wait some minutes, or set HF_TOKEN"
}

const (
	maxAttempts = 5
	longestWait = time.Minute
)

// attempts calls f again while its errors are such that it may help, waiting longer each time. An attempt that has
// progressed, if there is a way to tell, was not in vain: it counts as the first.
func (s *session) attempts(ctx context.Context, progressed func() bool, f func() error) error {
	for n := 1; ; n++ {
		err := f()
		if err != nil && progressed != nil && progressed() {
			n = 1
		}
		var wait time.Duration
		if busy, ok := errors.AsType[*busyError](err); ok {
			wait = max(busy.after, time.Second<<n)
		} else if _, ok := errors.AsType[*unreachableError](err); ok {
			wait = time.Second << (n - 1) / 2
		} else {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n == maxAttempts || wait > longestWait {
			return err
		}
		if err := s.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// do sends a request and turns what the hub answers into errors that say what to do.
func (s *session) do(ctx context.Context, method, address, ranges string, client *http.Client) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: check HF_ENDPOINT", err)
	}
	q.Header.Set("User-Agent", "inferprof")
	q.Header.Set("Accept-Encoding", "identity") // sizes and ranges are those of the file
	if s.Token != "" {
		q.Header.Set("Authorization", "Bearer "+s.Token) // Go does not pass it on to another host
	}
	if ranges != "" {
		q.Header.Set("Range", ranges)
	}
	r, err := client.Do(q)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the address is long, and may hold a signature
		}
		return nil, &unreachableError{s.Endpoint, err}
	}
	if err := s.refusal(r); err != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 64<<10))
		r.Body.Close()
		return nil, err
	}
	return r, nil
}

// refusal is the error that a response is, nil if it is none.
func (s *session) refusal(r *http.Response) error {
	code := r.Header.Get("X-Error-Code")
	switch {
	case r.StatusCode < 400:
		return nil
	case code == "GatedRepo" || r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("access to it is restricted: ask for it on %s/%s, then set HF_TOKEN to a token of your account", s.Endpoint, s.request.Repo)
	case code == "RevisionNotFound":
		return fmt.Errorf("it has no revision %s", s.request.Revision)
	case code == "EntryNotFound":
		return errors.New("the hub does not have this file any more")
	case r.StatusCode == http.StatusUnauthorized && s.Token != "":
		return errors.New("there is no such model, or the token in HF_TOKEN is not valid or may not read it")
	case r.StatusCode == http.StatusUnauthorized: // also for names that do not exist
		return errors.New("there is no such model, or it is private: check the name, or set HF_TOKEN to a token that may read it")
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s has no such model: check the name", s.Endpoint)
	case r.StatusCode == http.StatusTooManyRequests:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After")) // not always there
		return &busyError{s.Endpoint, time.Duration(seconds) * time.Second}
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return errors.New("what was downloaded before does not fit: delete its .incomplete file in the cache")
	case r.StatusCode >= 500:
		return &unreachableError{s.Endpoint, errors.New(r.Status)}
	}
	return fmt.Errorf("%s answers %s", s.Endpoint, r.Status)
}
