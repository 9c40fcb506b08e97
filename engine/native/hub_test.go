package native

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/engine"
)

// A model is run by its name on the hub: downloaded the first time, found afterwards.
func TestModelsOfTheHub(t *testing.T) {
	dir, prompt, want := goldenFolder(t, "opt")
	const commit = "00000000000000000000000000000000000000ff"
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked++
		if strings.HasPrefix(q.URL.Path, "/api/models/some-org/opt/revision/") {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Error(err)
			}
			siblings := []map[string]string{}
			for _, e := range entries {
				siblings = append(siblings, map[string]string{"rfilename": e.Name()})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"sha": commit, "siblings": siblings})
			return
		}
		path := filepath.Join(dir, filepath.Base(q.URL.Path))
		text, err := os.ReadFile(path)
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		sum := sha256.Sum256(text)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
		http.ServeFile(w, q, path)
	}))
	t.Setenv("HF_ENDPOINT", server.URL)
	t.Setenv("HF_HUB_OFFLINE", "")
	t.Setenv("TRANSFORMERS_OFFLINE", "")
	t.Setenv("HF_TOKEN", "")
	cache := t.TempDir()
	var reports []string
	c := engine.Config{Model: "some-org/opt", DownloadDir: cache, Report: func(text string) { reports = append(reports, text) }}
	for _, test := range []struct {
		name   string
		change func(*engine.Config)
	}{
		{"download", func(*engine.Config) {}},
		{"cache", func(*engine.Config) {}},
		{"commit", func(c *engine.Config) { c.Revision = commit }},
		{"offline", func(c *engine.Config) { c.Offline = true }},
	} {
		c := c
		test.change(&c)
		before := asked
		e := newEngine(t, c)
		got := generate(t, e, engine.Request{PromptTokenIDs: prompt, Params: greedy(len(want))})[0]
		if !slices.Equal(got.TokenIDs, want) || e.Info().Revision != commit || e.Info().Model != "some-org/opt" || len(e.Warnings()) > 0 {
			t.Errorf("%s: tokens %v, want %v; %+v", test.name, got.TokenIDs, want, e.Info())
		}
		if n := asked - before; test.name != "download" && n > 1 || (test.name == "offline" || test.name == "commit") && n > 0 {
			t.Errorf("%s: the hub was asked %d times", test.name, n)
		}
	}
	if len(reports) == 0 || !strings.HasPrefix(reports[0], "downloading config.json") {
		t.Errorf("reports %q", reports)
	}
	server.Close()
	e := newEngine(t, c)
	if w := e.Warnings(); len(w) != 1 || !strings.Contains(w[0], "using what was downloaded before") || len(e.Warnings()) != 0 {
		t.Errorf("without the hub: warnings %q", w)
	}
}
