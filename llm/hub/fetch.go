package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fetch asks the hub what the revision is and downloads what is missing of it.
func (s *session) fetch(ctx context.Context) (*Snapshot, error) {
	about, err := s.about(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.folder, "snapshots", about.Commit)
	names := about.names()
	if !slices.Contains(names, "config.json") {
		return nil, errors.New("it has no config.json: it is no model that can be run here")
	}
	wanted := smallFiles(names)
	if err := s.download(ctx, dir, about, wanted); err != nil {
		return nil, err
	}
	if s.request.WithWeights {
		weights, err := weightFiles(names, func(index string) ([]byte, error) {
			if err := s.download(ctx, dir, about, []string{index}); err != nil {
				return nil, err
			}
			return os.ReadFile(filepath.Join(dir, index))
		})
		if err != nil {
			return nil, err
		}
		for _, f := range weights {
			if !slices.Contains(names, f) {
				return nil, fmt.Errorf("it has no %s, though its index names it", f)
			}
		}
		if err := s.download(ctx, dir, about, weights); err != nil {
			return nil, err
		}
	}
	if err := s.remember(about.Commit); err != nil {
		return nil, err
	}
	return &Snapshot{Dir: dir, Commit: about.Commit}, nil
}

// repoInfo is what the hub says of a revision.
type repoInfo struct {
	Commit string     `json:"sha"`
	Files  []repoFile `json:"siblings"`
}

type repoFile struct {
	Name string `json:"rfilename"`
	Size int64  `json:"size"` // 0 if the hub does not tell
}

func (r *repoInfo) names() []string {
	var list []string
	for _, f := range r.Files {
		list = append(list, f.Name)
	}
	return list
}

// size is a file's size, 0 if the hub does not tell.
func (r *repoInfo) size(name string) int64 {
	for _, f := range r.Files {
		if f.Name == name {
			return f.Size
		}
	}
	return 0
}

// maxAboutBytes bounds what is read of the hub's answer: models have at most some thousand files.
const maxAboutBytes = 32 << 20

func (s *session) about(ctx context.Context) (*repoInfo, error) {
	address := fmt.Sprintf("%s/api/models/%s/revision/%s?blobs=true", s.Endpoint, s.request.Repo, url.PathEscape(s.request.Revision))
	var info repoInfo
	ask := func() error {
		ctx, cancel := context.WithTimeout(ctx, s.stall())
		defer cancel()
		r, err := s.do(ctx, http.MethodGet, address, "", s.Client)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(io.LimitReader(r.Body, maxAboutBytes))
		if err != nil {
			return &unreachableError{s.Endpoint, err}
		}
		if err := json.Unmarshal(text, &info); err != nil || !isCommit(info.Commit) {
			return fmt.Errorf("%s does not answer as the hub does: check HF_ENDPOINT", s.Endpoint)
		}
		return nil
	}
	var err error
	if s.inCache {
		err = ask() // what is there will do: nobody should wait for it
	} else {
		err = s.attempts(ctx, nil, ask)
	}
	if err != nil {
		return nil, err
	}
	info.Files = slices.DeleteFunc(info.Files, func(f repoFile) bool { return !fs.ValidPath(f.Name) || !filepath.IsLocal(filepath.FromSlash(f.Name)) })
	return &info, nil
}

// download brings the files that are missing into the snapshot.
func (s *session) download(ctx context.Context, dir string, about *repoInfo, names []string) error {
	var missing []string
	need := int64(0)
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			missing = append(missing, name)
			need += about.size(name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for _, d := range []string{filepath.Join(s.folder, "blobs"), dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("the cache cannot be written: %w; set HF_HOME to a folder that can", err)
		}
	}
	if s.FreeBytes != nil {
		if free, ok := s.FreeBytes(s.folder); ok && free < need {
			return fmt.Errorf("%.2f GB are to be downloaded, %s has room for %.2f GB: make room, or set HF_HOME to a folder on a larger disk",
				float64(need)/1e9, s.Cache, float64(free)/1e9)
		}
	}
	s.total += need
	for _, name := range missing {
		if err := s.file(ctx, dir, about, name); err != nil {
			return fmt.Errorf("download %s: %w", name, err)
		}
	}
	return nil
}

// file downloads one file and puts it into the snapshot.
func (s *session) file(ctx context.Context, dir string, about *repoInfo, name string) error {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	address := fmt.Sprintf("%s/%s/resolve/%s/%s", s.Endpoint, s.request.Repo, about.Commit, strings.Join(parts, "/"))
	var want checksum
	if err := s.attempts(ctx, nil, func() (err error) {
		want, err = s.head(ctx, address)
		return err
	}); err != nil {
		return err
	}
	s.total += want.size - about.size(name) // which may not have been known
	blob := filepath.Join(s.folder, "blobs", want.etag)
	unlock, err := s.lock(ctx, want.etag)
	if err != nil {
		return err
	}
	defer unlock()
	if st, err := os.Stat(blob); err != nil || st.Size() != want.size {
		if err := s.blob(ctx, address, blob, name, want); err != nil {
			return err
		}
	} else {
		s.done += want.size
	}
	return s.link(blob, dir, name)
}

// lock makes sure that nobody else, Hugging Face's tools included, downloads the same file to the same cache at once.
func (s *session) lock(ctx context.Context, etag string) (unlock func(), err error) {
	dir := filepath.Join(s.Cache, ".locks", filepath.Base(s.folder))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, etag+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for !tryLock(f) {
		s.progress("waiting for another process that downloads it")
		if err := s.sleep(ctx, 200*time.Millisecond); err != nil {
			f.Close()
			return nil, err
		}
	}
	return func() { f.Close() }, nil
}

// checksum is what a file must turn out to be.
type checksum struct {
	etag string // SHA-256 of the contents, or SHA-1 as git computes it, in hexadecimal
	size int64
}

func (c checksum) hash() hash.Hash {
	if len(c.etag) == 2*sha256.Size {
		return sha256.New()
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", c.size)
	return h
}

// head asks for a file's checksum and size.
func (s *session) head(ctx context.Context, address string) (checksum, error) {
	ctx, cancel := context.WithTimeout(ctx, s.stall())
	defer cancel()
	// The checksum of a large file is in the redirection to where it lies, not in what is found there.
	here := *s.Client
	here.CheckRedirect = func(q *http.Request, via []*http.Request) error {
		if q.URL.Host == via[0].URL.Host && len(via) < 10 { // a model that was renamed
			return nil
		}
		return http.ErrUseLastResponse
	}
	r, err := s.do(ctx, http.MethodHead, address, "", &here)
	if err != nil {
		return checksum{}, err
	}
	r.Body.Close()
	etag, length := r.Header.Get("X-Linked-Etag"), r.Header.Get("X-Linked-Size")
	if etag == "" {
		etag = r.Header.Get("ETag")
	}
	if length == "" && r.StatusCode == http.StatusOK {
		length = r.Header.Get("Content-Length")
	}
	etag = strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	size, err := strconv.ParseInt(length, 10, 64)
	if raw, bad := hex.DecodeString(etag); err != nil || size < 0 || bad != nil || len(raw) != sha256.Size && len(raw) != sha1.Size {
		return checksum{}, fmt.Errorf("%s tells no checksum and size of it (ETag %.80q, size %.20q): is HF_ENDPOINT a hub?", s.Endpoint, etag, length)
	}
	return checksum{etag, size}, nil
}

// blob downloads contents into the cache. A download that was cut goes on where it was; one that turns out wrong begins
// anew, once.
func (s *session) blob(ctx context.Context, address, blob, name string, want checksum) error {
	incomplete := blob + ".incomplete"
	furthest := int64(0)
	progressed := func() bool {
		st, err := os.Stat(incomplete)
		if err != nil || st.Size() <= furthest {
			return false
		}
		furthest = st.Size()
		return true
	}
	for again := range 2 {
		if err := s.attempts(ctx, progressed, func() error { return s.transfer(ctx, address, incomplete, name, want) }); err != nil {
			return err
		}
		err := verify(incomplete, want)
		if err == nil {
			return os.Rename(incomplete, blob)
		}
		if removeErr := os.Remove(incomplete); removeErr != nil {
			return removeErr
		}
		s.done -= want.size
		if again == 1 {
			return fmt.Errorf("%w, twice: something on the way changes it; check HF_ENDPOINT and proxies", err)
		}
	}
	return nil
}

// verify compares a file with its checksum.
func verify(path string, want checksum) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := want.hash()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want.etag {
		return fmt.Errorf("its checksum is %.12s…, %.12s… is right", got, want.etag)
	}
	return nil
}

// transfer downloads what is missing of a file. An error of it leaves what has come.
func (s *session) transfer(ctx context.Context, address, path, name string, want checksum) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if at > want.size {
		if at = 0; f.Truncate(0) != nil {
			return fmt.Errorf("%s is longer than the file: delete it", path)
		}
	}
	before := s.done
	s.done = before + at
	defer func() {
		if err != nil {
			s.done = before
		}
	}()
	s.progress(name)
	if at == want.size {
		return f.Close()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(s.stall(), func() { cancel(errStalled) })
	defer stalled.Stop()
	ranges := ""
	if at > 0 {
		ranges = fmt.Sprintf("bytes=%d-", at)
	}
	r, err := s.do(ctx, http.MethodGet, address, ranges, s.Client)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusPartialContent || !strings.HasPrefix(r.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", at)) {
		if at > 0 && r.StatusCode == http.StatusPartialContent {
			err = fmt.Errorf("%s sent another part of it than was asked for", s.Endpoint)
			return err
		}
		s.done -= at // all of it comes
		at = 0
	}
	if err = f.Truncate(at); err == nil {
		_, err = f.Seek(at, io.SeekStart)
	}
	if err != nil {
		return err
	}
	buffer := make([]byte, 256<<10)
	for {
		n, readErr := r.Body.Read(buffer)
		if _, err = f.Write(buffer[:n]); err != nil {
			return err
		}
		at += int64(n)
		s.done += int64(n)
		if n > 0 {
			stalled.Reset(s.stall())
			s.progress(name)
		}
		switch {
		case at > want.size:
			_ = f.Truncate(0)
			err = fmt.Errorf("%s sent more than the %d bytes that it said", s.Endpoint, want.size)
			return err
		case errors.Is(readErr, io.EOF) && at == want.size:
			err = errors.Join(f.Sync(), f.Close())
			return err
		case readErr != nil:
			if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
				readErr = cause
			}
			err = &unreachableError{s.Endpoint, fmt.Errorf("the transfer ended after %d of %d bytes: %w", at, want.size, readErr)}
			return err
		}
	}
}

var errStalled = errors.New("nothing came for too long")

func (s *session) stall() time.Duration {
	if s.Stall > 0 {
		return s.Stall
	}
	return 30 * time.Second
}
