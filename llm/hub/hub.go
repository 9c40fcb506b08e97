// Package hub finds a model of the Hugging Face hub in the cache that all of Hugging Face's tools share, and downloads
// what is missing there.
//
// The cache is theirs, as it is: what they have downloaded is used, and they use what is downloaded here.
//
//	hub/models--facebook--opt-125m/
//	  refs/main                          the commit that main was, the last time somebody looked
//	  snapshots/COMMIT/config.json       a link into blobs, one folder for each commit
//	  blobs/ETAG                         a file's contents under its checksum
//	  blobs/ETAG.incomplete              and those of a download that was cut: it goes on from there
//	hub/.locks/models--facebook--opt-125m/ETAG.lock
//
// A file's ETag is its checksum: SHA-256 for the large ones, git's SHA-1 of a blob for the others. A download gets its name
// in the snapshot only when the checksum is right, so a file that is there is whole.
//
// Only what running a model takes is downloaded: the configuration, the tokenizer, and the weights in one format.
package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Options say where models come from and where they are kept. FromEnvironment has what Hugging Face's tools would use.
type Options struct {
	Endpoint string // URL of the hub
	Cache    string // the folder of models--…
	Token    string // for private and gated models; "" for none
	Offline  bool   // use nothing but the cache

	Client    *http.Client
	FreeBytes func(dir string) (bytes int64, ok bool) // room on the disk; nil: not known
	Progress  func(Progress)                          // told of a download from time to time; may be nil

	// Tests make these short.
	Stall time.Duration                              // without a byte, after which a transfer begins anew; 0: 30 s
	Sleep func(context.Context, time.Duration) error // between two attempts; nil: as it says
}

// Progress is how far a download is.
type Progress struct {
	File        string
	Done, Total int64 // bytes of all files that had to be downloaded
}

// DefaultEndpoint is the hub.
const DefaultEndpoint = "https://huggingface.co"

// FromEnvironment reads the variables of Hugging Face's tools: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN,
// HF_TOKEN_PATH and HF_HUB_OFFLINE.
func FromEnvironment() Options {
	home := os.Getenv("HF_HOME")
	if home == "" {
		caches := os.Getenv("XDG_CACHE_HOME")
		if caches == "" {
			caches = "~/.cache"
		}
		home = filepath.Join(caches, "huggingface")
	}
	home = expandHome(home)
	o := Options{
		Endpoint: strings.TrimRight(cmp.Or(os.Getenv("HF_ENDPOINT"), DefaultEndpoint), "/"),
		Cache:    expandHome(cmp.Or(os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub"))),
		Token:    strings.TrimSpace(cmp.Or(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN"))),
		Offline:  isTrue(os.Getenv("HF_HUB_OFFLINE")) || isTrue(os.Getenv("TRANSFORMERS_OFFLINE")),
	}
	if o.Token == "" {
		path := expandHome(cmp.Or(os.Getenv("HF_TOKEN_PATH"), filepath.Join(home, "token")))
		if text, err := os.ReadFile(path); err == nil { // most have none
			o.Token = strings.TrimSpace(string(text))
		}
	}
	return o
}

func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

func isTrue(s string) bool {
	switch strings.ToUpper(s) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// Request is what is wanted of a model.
type Request struct {
	Repo        string // ORGANISATION/NAME
	Revision    string // branch, tag or commit; "" is main
	WithWeights bool   // or its configuration and tokenizer alone
}

// Snapshot is a model in the cache.
type Snapshot struct {
	Dir    string // holds the files
	Commit string
	Note   string // what to know: that the hub could not be asked whether this is the newest; "" as a rule
}

var repoName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}$`)

// IsName tells whether a text is a model's name on the hub: ORGANISATION/NAME.
func IsName(text string) bool {
	return repoName.MatchString(text) && !strings.Contains(text, "--") && !strings.Contains(text, "..")
}

var revisionName = regexp.MustCompile(`^[\w][\w./-]*$`)

// Get finds a model in the cache, and asks the hub for what is not there. Where the hub cannot be reached it takes what the
// cache has, with a Note.
func (o Options) Get(ctx context.Context, r Request) (*Snapshot, error) {
	r.Revision = cmp.Or(r.Revision, "main")
	switch {
	case !IsName(r.Repo):
		return nil, fmt.Errorf("%q is no model's name on the hub: it is written ORGANISATION/NAME", r.Repo)
	case !revisionName.MatchString(r.Revision) || strings.Contains(r.Revision, ".."):
		return nil, fmt.Errorf("model %s: %q is no revision: it is a branch, a tag or a commit", r.Repo, r.Revision)
	}
	s := &session{Options: o, request: r, folder: filepath.Join(o.Cache, "models--"+strings.ReplaceAll(r.Repo, "/", "--"))}
	if s.Client == nil {
		s.Client = http.DefaultClient
	}
	cached, cachedErr := s.cached()
	if cached != nil && (o.Offline || isCommit(r.Revision)) { // a commit does not change
		return cached, nil
	}
	if o.Offline {
		return nil, fmt.Errorf("model %s: %w, and nothing may be downloaded (--offline, HF_HUB_OFFLINE)", r.Repo, cachedErr)
	}
	s.inCache = cached != nil
	fetched, err := s.fetch(ctx)
	if err == nil {
		return fetched, nil
	}
	_, unreachable := errors.AsType[*unreachableError](err)
	_, busy := errors.AsType[*busyError](err)
	if (unreachable || busy) && cached != nil && ctx.Err() == nil {
		cached.Note = fmt.Sprintf("model %s: %v; using what was downloaded before (commit %.12s)", r.Repo, err, cached.Commit)
		return cached, nil
	}
	return nil, fmt.Errorf("model %s: %w", r.Repo, err)
}

// session is one Get on its way.
type session struct {
	Options
	request Request
	folder  string // the model's in the cache
	inCache bool   // all of it that is wanted, as it was once
	done    int64  // bytes
	total   int64
}

func (s *session) progress(file string) {
	if s.Progress != nil {
		s.Progress(Progress{File: file, Done: s.done, Total: s.total})
	}
}

func (s *session) sleep(ctx context.Context, d time.Duration) error {
	if s.Sleep != nil {
		return s.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isCommit(revision string) bool {
	if len(revision) != 40 {
		return false
	}
	return strings.Trim(revision, "0123456789abcdef") == ""
}
