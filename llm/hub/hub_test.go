package hub

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	repo   = "some-org/tiny.model"
	commit = "0123456789abcdef0123456789abcdef01234567"
)

// fakeHub is a hub with one model, on two servers: large files lie on the second, as they do in truth. It misbehaves as
// a test asks it to.
type fakeHub struct {
	t     *testing.T
	files map[string][]byte
	large map[string]bool // stored in LFS

	mu       sync.Mutex
	requests []string                                                               // METHOD path
	before   func(n int, w http.ResponseWriter, q *http.Request) (answered bool)    // n counts requests, from 1
	send     func(n int, name string, w http.ResponseWriter, content []byte) []byte // what of a file is sent
	gets     atomic.Int64

	url, cdn string
}

func newHub(t *testing.T) *fakeHub {
	random := make([]byte, 300_000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	h := &fakeHub{
		t: t,
		files: map[string][]byte{
			"config.json": []byte(`{"architectures":["OPTForCausalLM"]}`), "tokenizer.json": []byte("{}"), "README.md": []byte("# read"),
			"model.safetensors": random, "pytorch_model.bin": random[:1000], "tf_model.h5": random[:500], "onnx/model.onnx": random[:700], "llama.png": random[:90],
		},
		large: map[string]bool{"model.safetensors": true, "pytorch_model.bin": true, "tf_model.h5": true, "a.safetensors": true, "b.safetensors": true},
	}
	first, second := httptest.NewServer(http.HandlerFunc(h.serve)), httptest.NewServer(http.HandlerFunc(h.serveLarge))
	t.Cleanup(first.Close)
	t.Cleanup(second.Close)
	h.url, h.cdn = first.URL, strings.Replace(second.URL, "127.0.0.1", "localhost", 1) // another host's name
	return h
}

func (h *fakeHub) etag(name string) string {
	if h.large[name] {
		sum := sha256.Sum256(h.files[name])
		return hex.EncodeToString(sum[:])
	}
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(h.files[name]), h.files[name]))
	return hex.EncodeToString(sum[:])
}

func (h *fakeHub) serve(w http.ResponseWriter, q *http.Request) {
	h.mu.Lock()
	h.requests = append(h.requests, q.Method+" "+q.URL.Path)
	n := len(h.requests)
	h.mu.Unlock()
	if h.before != nil && h.before(n, w, q) {
		return
	}
	if revision, ok := strings.CutPrefix(q.URL.Path, "/api/models/"+repo+"/revision/"); ok {
		if revision != "main" && revision != commit && revision != "refs/pr/1" {
			w.Header().Set("X-Error-Code", "RevisionNotFound")
			w.WriteHeader(http.StatusNotFound)
			return
		}
		type file struct {
			Name string `json:"rfilename"`
			Size int    `json:"size"`
		}
		answer := struct {
			SHA   string `json:"sha"`
			Files []file `json:"siblings"`
		}{SHA: commit}
		for name, content := range h.files {
			answer.Files = append(answer.Files, file{name, len(content)})
		}
		_ = json.NewEncoder(w).Encode(answer)
		return
	}
	name, ok := strings.CutPrefix(q.URL.Path, "/"+repo+"/resolve/"+commit+"/")
	content, there := h.files[name]
	switch {
	case !ok || !there:
		w.WriteHeader(http.StatusUnauthorized) // what the hub says of names that nobody has
	case h.large[name]:
		w.Header().Set("X-Linked-Etag", strconv.Quote(h.etag(name)))
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(content)))
		w.Header().Set("ETag", `"something else"`)
		http.Redirect(w, q, h.cdn+"/"+name+"?signature=secret", http.StatusFound)
	default:
		w.Header().Set("ETag", `W/"`+h.etag(name)+`"`)
		h.content(w, q, name)
	}
}

func (h *fakeHub) serveLarge(w http.ResponseWriter, q *http.Request) {
	if q.Header.Get("Authorization") != "" {
		h.t.Error("the token went to another host")
	}
	h.content(w, q, strings.TrimPrefix(q.URL.Path, "/"))
}

func (h *fakeHub) content(w http.ResponseWriter, q *http.Request, name string) {
	content := h.files[name]
	if q.Method == http.MethodGet && h.send != nil {
		if content = h.send(int(h.gets.Add(1)), name, w, content); content == nil {
			return
		}
	}
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(content))
}

// asked lists what was asked for, without repetitions.
func (h *fakeHub) asked(method string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for _, r := range h.requests {
		if m, path, _ := strings.Cut(r, " "); m == method {
			list = append(list, filepath.Base(path))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (h *fakeHub) options(t *testing.T) Options {
	return Options{
		Endpoint: h.url, Cache: filepath.Join(t.TempDir(), "hub"), Stall: 20 * time.Second,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func get(t *testing.T, o Options, r Request) *Snapshot {
	t.Helper()
	s, err := o.Get(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// check compares a snapshot with the hub's files.
func (h *fakeHub) check(t *testing.T, s *Snapshot, names ...string) {
	t.Helper()
	got, err := files(s.Dir)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, names) {
		t.Errorf("%v, %v; want %v", got, err, names)
	}
	for _, name := range names {
		if content, err := os.ReadFile(filepath.Join(s.Dir, name)); err != nil || !bytes.Equal(content, h.files[name]) {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
	}
}

func TestDownloadTakesWhatIsNeeded(t *testing.T) {
	h := newHub(t)
	o := h.options(t)
	o.Token = "hf_secret"
	var last Progress
	o.Progress = func(p Progress) {
		if p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}
	s := get(t, o, Request{Repo: repo, WithWeights: true})
	h.check(t, s, "config.json", "model.safetensors", "tokenizer.json")
	if want := int64(len(h.files["config.json"]) + 2 + 300_000); last.Done != want || last.Total != want {
		t.Errorf("in the end %+v, want %d bytes", last, want)
	}

	// The layout is Hugging Face's.
	folder := filepath.Join(o.Cache, "models--some-org--tiny.model")
	if s.Dir != filepath.Join(folder, "snapshots", commit) || s.Commit != commit || s.Note != "" {
		t.Errorf("snapshot %+v", s)
	}
	if text, err := os.ReadFile(filepath.Join(folder, "refs", "main")); string(text) != commit {
		t.Errorf("refs/main: %q %v", text, err)
	}
	for _, name := range []string{"config.json", "model.safetensors"} {
		if st, err := os.Stat(filepath.Join(folder, "blobs", h.etag(name))); err != nil || st.Size() != int64(len(h.files[name])) {
			t.Errorf("blob of %s: %v", name, err)
		}
		if runtime.GOOS == "windows" {
			continue
		}
		if to, err := os.Readlink(filepath.Join(s.Dir, name)); to != filepath.Join("..", "..", "blobs", h.etag(name)) {
			t.Errorf("%s is a link to %q, %v", name, to, err)
		}
	}

	// Once it is there nothing is downloaded, and without the hub it is found.
	h.requests = nil
	h.check(t, get(t, o, Request{Repo: repo, WithWeights: true}), "config.json", "model.safetensors", "tokenizer.json")
	if len(h.requests) != 1 {
		t.Errorf("asked for %v of a model that is there", h.requests)
	}
	get(t, o, Request{Repo: repo, Revision: commit, WithWeights: true})
	o.Offline = true
	get(t, o, Request{Repo: repo, WithWeights: true})
	if len(h.requests) != 1 {
		t.Errorf("asked for %v where nothing had to be asked", h.requests[1:])
	}
}

func TestWhichFiles(t *testing.T) {
	index := []byte(`{"weight_map":{"x":"a.safetensors","y":"b.safetensors","z":"a.safetensors"}}`)
	for _, test := range []struct {
		name   string
		change func(files map[string][]byte)
		want   []string // beside configuration and tokenizer
		err    string
	}{
		{"shards", func(f map[string][]byte) {
			f["model.safetensors.index.json"], f["a.safetensors"], f["b.safetensors"], f["consolidated.safetensors"] = index, []byte("a"), []byte("b"), []byte("c")
		}, []string{"a.safetensors", "b.safetensors", "model.safetensors.index.json"}, ""},
		{"bin", func(f map[string][]byte) { delete(f, "model.safetensors") }, []string{"pytorch_model.bin"}, ""},
		{"another name", func(f map[string][]byte) {
			delete(f, "model.safetensors")
			delete(f, "pytorch_model.bin")
			f["gptq_model-4bit-128g.safetensors"] = []byte("q")
		}, []string{"gptq_model-4bit-128g.safetensors"}, ""},
		{"no config", func(f map[string][]byte) { delete(f, "config.json") }, nil, "no config.json"},
		{"lost shard", func(f map[string][]byte) { f["model.safetensors.index.json"] = index }, nil, "it has no a.safetensors, though its index names it"},
		{"torn index", func(f map[string][]byte) { f["model.safetensors.index.json"] = index[:20] }, nil, "model.safetensors.index.json: unexpected end"},
		{"bad index", func(f map[string][]byte) {
			f["model.safetensors.index.json"] = []byte(`{"weight_map":{"x":"../../x"}}`)
		}, nil, `"../../x" is no file's name`},
		{"other formats", func(f map[string][]byte) {
			delete(f, "model.safetensors")
			delete(f, "pytorch_model.bin")
			f["model.q4.gguf"] = []byte("g")
		}, nil, "in no form that can be read here"},
		{"no weights", func(f map[string][]byte) {
			for name := range f {
				if name != "config.json" {
					delete(f, name)
				}
			}
		}, nil, "it has no weights"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			test.change(h.files)
			s, err := h.options(t).Get(context.Background(), Request{Repo: repo, WithWeights: true})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), repo) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want one line with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := append([]string{"config.json", "tokenizer.json"}, test.want...)
			slices.Sort(want)
			h.check(t, s, want...)
		})
	}
	h := newHub(t)
	o := h.options(t)
	h.check(t, get(t, o, Request{Repo: repo}), "config.json", "tokenizer.json")
	o.Offline = true
	get(t, o, Request{Repo: repo})
	if _, err := o.Get(context.Background(), Request{Repo: repo, WithWeights: true}); err == nil || !strings.Contains(err.Error(), "no weights") {
		t.Errorf("offline without weights: %v", err)
	}
}

// cut sends a part and then breaks the connection.
func cut(w http.ResponseWriter, content []byte, from, n int) {
	w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		w.WriteHeader(http.StatusPartialContent)
	}
	_, _ = w.Write(content[from:min(from+n, len(content))])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// A transfer that is cut, again and again, goes on where it was: no byte comes twice.
func TestResume(t *testing.T) {
	h := newHub(t)
	sent := 0
	h.send = func(_ int, name string, w http.ResponseWriter, content []byte) []byte {
		if name != "model.safetensors" {
			return content
		}
		from := sent
		sent = min(sent+40_000, len(content))
		if from+40_000 < len(content) {
			cut(w, content, from, 40_000)
		}
		return content // ServeContent does the range
	}
	s := get(t, h.options(t), Request{Repo: repo, WithWeights: true})
	h.check(t, s, "config.json", "model.safetensors", "tokenizer.json")
	if n := h.gets.Load(); n != 2+8 {
		t.Errorf("%d transfers, want 10: eight pieces of 40 kB and two small files", n)
	}
}

// What another process left of a download is gone on with, and what is wrong is thrown away.
func TestLeftovers(t *testing.T) {
	for _, test := range []struct {
		name string
		have func(content []byte) []byte
	}{
		{"half", func(c []byte) []byte { return c[:len(c)/2] }},
		{"whole", func(c []byte) []byte { return c }},
		{"wrong", func(c []byte) []byte { return make([]byte, len(c)/2) }},
		{"wrong and whole", func(c []byte) []byte { return make([]byte, len(c)) }},
		{"too long", func(c []byte) []byte { return make([]byte, len(c)+5) }},
		{"empty", func([]byte) []byte { return nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			o := h.options(t)
			blobs := filepath.Join(o.Cache, "models--some-org--tiny.model", "blobs")
			if err := os.MkdirAll(blobs, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(blobs, h.etag("model.safetensors")+".incomplete"), test.have(h.files["model.safetensors"]), 0o644); err != nil {
				t.Fatal(err)
			}
			h.check(t, get(t, o, Request{Repo: repo, WithWeights: true}), "config.json", "model.safetensors", "tokenizer.json")
			left, err := filepath.Glob(filepath.Join(blobs, "*.incomplete"))
			if err != nil || len(left) != 0 {
				t.Errorf("left over: %v %v", left, err)
			}
		})
	}
}

// A server that knows no ranges sends all of it anew.
func TestServerWithoutRanges(t *testing.T) {
	h := newHub(t)
	first := true
	h.send = func(_ int, name string, w http.ResponseWriter, content []byte) []byte {
		if name != "model.safetensors" {
			return content
		}
		if first {
			first = false
			cut(w, content, 0, 100_000)
		}
		_, _ = w.Write(content)
		return nil
	}
	h.check(t, get(t, h.options(t), Request{Repo: repo, WithWeights: true}), "config.json", "model.safetensors", "tokenizer.json")
}

// Contents that are wrong once are fetched again; twice is an error, and nothing wrong is kept.
func TestWrongChecksum(t *testing.T) {
	for _, name := range []string{"model.safetensors", "config.json"} {
		for _, times := range []int{1, 2} {
			h := newHub(t)
			wrong := 0
			h.send = func(_ int, got string, _ http.ResponseWriter, content []byte) []byte {
				if got == name && wrong < times {
					wrong++
					content = slices.Clone(content)
					content[len(content)/2] ^= 1
				}
				return content
			}
			o := h.options(t)
			s, err := o.Get(context.Background(), Request{Repo: repo, WithWeights: true})
			if times == 1 {
				if err != nil {
					t.Fatal(err)
				}
				h.check(t, s, "config.json", "model.safetensors", "tokenizer.json")
				continue
			}
			if err == nil || !strings.Contains(err.Error(), "download "+name+": its checksum is") {
				t.Errorf("%s: %v", name, err)
			}
			for _, pattern := range []string{"blobs/" + h.etag(name) + "*", "snapshots/*/" + name} {
				if found, _ := filepath.Glob(filepath.Join(o.Cache, "models--*", pattern)); len(found) > 0 {
					t.Errorf("kept %v", found)
				}
			}
		}
	}
}

// A transfer that stalls is begun anew.
func TestStall(t *testing.T) {
	h := newHub(t)
	stuck := make(chan struct{})
	t.Cleanup(func() { close(stuck) }) // before the servers are closed
	var first atomic.Bool
	h.send = func(_ int, name string, w http.ResponseWriter, content []byte) []byte {
		if name != "model.safetensors" || first.Swap(true) {
			return content
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:100_000])
		_ = http.NewResponseController(w).Flush()
		<-stuck
		return nil
	}
	o := h.options(t)
	o.Stall = 2 * time.Second // which no answer takes here, however busy the machine
	h.check(t, get(t, o, Request{Repo: repo, WithWeights: true}), "config.json", "model.safetensors", "tokenizer.json")

	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }))
	defer silent.Close()
	o.Endpoint, o.Stall, o.Cache = silent.URL, 20*time.Millisecond, t.TempDir()
	if _, err := o.Get(context.Background(), Request{Repo: repo}); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("a hub that says nothing: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		header [2]string
		token  string
		path   string // of the requests that are refused; "" is all
		want   string
	}{
		{"private", 401, [2]string{}, "", "", "there is no such model, or it is private"},
		{"bad token", 401, [2]string{}, "hf_x", "", "the token in HF_TOKEN is not valid"},
		{"gated", 401, [2]string{"X-Error-Code", "GatedRepo"}, "", "resolve", "access to it is restricted: ask for it on"},
		{"forbidden", 403, [2]string{}, "hf_x", "", "access to it is restricted"},
		{"unknown", 404, [2]string{}, "hf_x", "", "has no such model"},
		{"file gone", 404, [2]string{"X-Error-Code", "EntryNotFound"}, "", "resolve", "does not have this file any more"},
		{"busy", 429, [2]string{"Retry-After", "1"}, "", "", "too many requests (429)"},
		{"busy for long", 429, [2]string{"Retry-After", "3600"}, "", "", "too many requests (429)"},
		{"broken", 503, [2]string{}, "", "", "cannot be reached: 503"},
		{"odd", 418, [2]string{}, "", "", "418"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t)
			h.before = func(_ int, w http.ResponseWriter, q *http.Request) bool {
				if !strings.Contains(q.URL.Path, test.path) {
					return false
				}
				if test.header[0] != "" {
					w.Header().Set(test.header[0], test.header[1])
				}
				w.WriteHeader(test.status)
				return true
			}
			o := h.options(t)
			o.Token = test.token
			_, err := o.Get(context.Background(), Request{Repo: repo, WithWeights: true})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), repo) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hf_x") {
				t.Errorf("%v, want one line with %q", err, test.want)
			}
			want := 1
			if test.name == "busy" || test.name == "broken" {
				want = maxAttempts
			}
			if test.path == "" && len(h.requests) != want {
				t.Errorf("%d attempts, want %d", len(h.requests), want)
			}
		})
	}
}

// A hub that is busy or broken for a while is asked again, as late as it says.
func TestPatience(t *testing.T) {
	h := newHub(t)
	h.before = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		switch n % 3 {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		}
		return n%3 > 0
	}
	o := h.options(t)
	var waits []time.Duration
	o.Sleep = func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	h.check(t, get(t, o, Request{Repo: repo, WithWeights: true}), "config.json", "model.safetensors", "tokenizer.json")
	if !slices.Contains(waits, 7*time.Second) {
		t.Errorf("waited %v: not as long as the hub asked for", waits)
	}
}

// Where the hub cannot be reached what is there is used, and it is said.
func TestUnreachable(t *testing.T) {
	h := newHub(t)
	o := h.options(t)
	dead := o
	dead.Endpoint = "http://127.0.0.1:1"
	if _, err := dead.Get(context.Background(), Request{Repo: repo}); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("with an empty cache: %v", err)
	}
	get(t, o, Request{Repo: repo, WithWeights: true})
	s := get(t, dead, Request{Repo: repo, WithWeights: true})
	h.check(t, s, "config.json", "model.safetensors", "tokenizer.json")
	if !strings.Contains(s.Note, "using what was downloaded before") {
		t.Errorf("note %q", s.Note)
	}
}

func TestOffline(t *testing.T) {
	h := newHub(t)
	o := h.options(t)
	o.Offline = true
	for _, r := range []Request{{Repo: repo}, {Repo: repo, Revision: commit}, {Repo: repo, Revision: "refs/pr/1"}} {
		if _, err := o.Get(context.Background(), r); err == nil || !strings.Contains(err.Error(), "nothing may be downloaded") {
			t.Errorf("%+v: %v", r, err)
		}
	}
	o.Offline = false
	get(t, o, Request{Repo: repo, Revision: "refs/pr/1", WithWeights: true})
	o.Offline = true
	get(t, o, Request{Repo: repo, Revision: "refs/pr/1", WithWeights: true})
	get(t, o, Request{Repo: repo, Revision: commit, WithWeights: true})
	if _, err := o.Get(context.Background(), Request{Repo: repo}); err == nil || !strings.Contains(err.Error(), "revision main is not in the cache") {
		t.Errorf("another revision: %v", err)
	}
}

// A cache that Hugging Face's own tools made is used as it is.
func TestForeignCache(t *testing.T) {
	cache := t.TempDir()
	folder := filepath.Join(cache, "models--org--name")
	blob := filepath.Join(folder, "blobs", strings.Repeat("ab", 20))
	snapshot := filepath.Join(folder, "snapshots", commit)
	for _, dir := range []string{filepath.Dir(blob), snapshot, filepath.Join(folder, "refs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{blob: "{}", filepath.Join(folder, "refs", "main"): commit + "\n", filepath.Join(snapshot, "model.safetensors"): "w"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../blobs/"+filepath.Base(blob), filepath.Join(snapshot, "config.json")); err != nil {
		t.Skip("no links here:", err)
	}
	o := Options{Cache: cache, Offline: true}
	if s := get(t, o, Request{Repo: "org/name", WithWeights: true}); s.Dir != snapshot {
		t.Errorf("found %s", s.Dir)
	}
	if err := os.Remove(blob); err != nil { // a link that leads nowhere
		t.Fatal(err)
	}
	if _, err := o.Get(context.Background(), Request{Repo: "org/name"}); err == nil || !strings.Contains(err.Error(), "no config.json") {
		t.Errorf("with a link that leads nowhere: %v", err)
	}
}

func TestFreeSpace(t *testing.T) {
	h := newHub(t)
	o := h.options(t)
	o.FreeBytes = func(string) (int64, bool) { return 200_000, true }
	_, err := o.Get(context.Background(), Request{Repo: repo, WithWeights: true})
	if err == nil || !strings.Contains(err.Error(), "has room for") {
		t.Errorf("%v", err)
	}
	if slices.Contains(h.asked(http.MethodGet), "model.safetensors") {
		t.Error("it was begun all the same")
	}
}

// Two at once download it once.
func TestLock(t *testing.T) {
	h := newHub(t)
	o := h.options(t)
	o.Sleep = nil
	h.send = func(_ int, _ string, _ http.ResponseWriter, content []byte) []byte { return content } // counts
	var both sync.WaitGroup
	for range 3 {
		both.Go(func() {
			s, err := o.Get(context.Background(), Request{Repo: repo, WithWeights: true})
			if err != nil {
				t.Error(err)
				return
			}
			h.check(t, s, "config.json", "model.safetensors", "tokenizer.json")
		})
	}
	both.Wait()
	if n := h.gets.Load(); n != 3 {
		t.Errorf("%d transfers of 3 files", n)
	}
}

// Who waited for another's download finds the file in the snapshot, where the other may be reading it: it is never taken
// away, not for a moment.
func TestLinkLeavesWhatIsThere(t *testing.T) {
	s := &session{folder: t.TempDir()}
	blob, dir := filepath.Join(s.folder, "blob"), filepath.Join(s.folder, "snapshot")
	if err := os.WriteFile(blob, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.link(blob, dir, "config.json"); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.link(blob, dir, "config.json"); err != nil {
		t.Fatal(err)
	}
	after, err := os.Lstat(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("%v was put in the place of %v", after, before)
	}
}

func TestCancel(t *testing.T) {
	h := newHub(t)
	ctx, cancel := context.WithCancel(context.Background())
	h.send = func(_ int, name string, _ http.ResponseWriter, content []byte) []byte {
		if name == "model.safetensors" {
			cancel()
		}
		return content
	}
	if _, err := h.options(t).Get(ctx, Request{Repo: repo, WithWeights: true}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"facebook/opt-125m": true, "org/name.v1_x": true, "gpt2": false, "": false, "a/b/c": false, "./x": false, "../x": false, "/abs/x": false,
		"~/x": false, "org/": false, "org/..": false, "org/a--b": false, "org/a b": false, `a\b`: false, "org/-x": false,
	} {
		if IsName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	o := Options{Cache: t.TempDir(), Offline: true}
	for _, r := range []Request{{Repo: "x"}, {Repo: repo, Revision: "../../x"}, {Repo: repo, Revision: "/x"}, {Repo: repo, Revision: "a b"}} {
		if _, err := o.Get(context.Background(), r); err == nil || !strings.Contains(err.Error(), "is no ") {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	o := FromEnvironment()
	if o.Endpoint != DefaultEndpoint || o.Cache != filepath.Join(home, ".cache", "huggingface", "hub") || o.Token != "" || o.Offline {
		t.Errorf("by default %+v", o)
	}
	t.Setenv("HF_HOME", filepath.Join(home, "hf"))
	if err := os.MkdirAll(filepath.Join(home, "hf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "hf", "token"), []byte("hf_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HF_ENDPOINT", "https://mirror.example/")
	t.Setenv("HF_HUB_OFFLINE", "1")
	o = FromEnvironment()
	if o.Endpoint != "https://mirror.example" || o.Cache != filepath.Join(home, "hf", "hub") || o.Token != "hf_file" || !o.Offline {
		t.Errorf("%+v", o)
	}
	t.Setenv("HF_HUB_CACHE", "~/elsewhere")
	t.Setenv("HF_TOKEN", "hf_env")
	if o = FromEnvironment(); o.Cache != filepath.Join(home, "elsewhere") || o.Token != "hf_env" {
		t.Errorf("%+v", o)
	}
}

// roundTrip is an http.RoundTripper without a network: no try of a fuzzer leaves a socket behind.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

func FuzzAbout(f *testing.F) {
	f.Add([]byte(`{"sha":"` + commit + `","siblings":[{"rfilename":"config.json","size":2}]}`))
	f.Add([]byte(`{"sha":"` + commit + `","siblings":[{"rfilename":"../x"},{"rfilename":"/y"},{"rfilename":"a/../../b"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		answers := func(q *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body)), Request: q}, nil
		}
		s := &session{request: Request{Repo: repo, Revision: "main"}, Options: Options{
			Endpoint: "http://hub", Client: &http.Client{Transport: roundTrip(answers)}, Sleep: func(context.Context, time.Duration) error { return nil },
		}}
		info, err := s.about(context.Background())
		if err != nil {
			return
		}
		for _, name := range info.names() {
			if !fs.ValidPath(name) {
				t.Errorf("file %q", name)
			}
		}
	})
}
