package model

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/inferprof/inferprof/llm/kvcache"
	"github.com/inferprof/inferprof/llm/parallel"
	"github.com/inferprof/inferprof/llm/tensor"
)

// golden is a small model with the logits and greedy tokens that Hugging Face transformers computed for it in float32.
type golden struct {
	name   string
	dir    fs.FS
	config *Config
	ids    []int32   // a prompt
	greedy []int32   // the 16 tokens that follow it at temperature 0
	logits []float32 // [len(ids)][VocabSize]
}

func loadGolden(t *testing.T, dir string) *golden {
	t.Helper()
	g := &golden{name: filepath.Base(dir), dir: os.DirFS(dir)}
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var x struct {
		IDs    []int32 `json:"ids"`
		Greedy []int32 `json:"greedy16"`
	}
	if err := json.Unmarshal(text, &x); err != nil {
		t.Fatal(err)
	}
	g.ids, g.greedy = x.IDs, x.Greedy
	if g.config, err = ReadConfig(g.dir, dir); err != nil {
		t.Fatal(err)
	}
	expected := &checkpoint{tensors: map[string]*storedTensor{}}
	defer expected.Close()
	if err := expected.open(g.dir, "expected.safetensors", "expected.safetensors"); err != nil {
		t.Fatal(err)
	}
	g.logits = make([]float32, len(g.ids)*g.config.VocabSize)
	if err := expected.read("logits", 0, len(g.ids), 0, g.config.VocabSize, g.logits); err != nil {
		t.Fatal(err)
	}
	return g
}

// split is a model on several ranks, driven directly.
type split struct {
	config *Config
	shards []*Shard
	table  []int32
}

func newSplit(t *testing.T, w *Weights, ranks, threads, maxLen int) *split {
	t.Helper()
	s := &split{config: w.config}
	group := parallel.NewGroup(ranks, threads)
	blocks := kvcache.NewBlocks(kvcache.Needed(maxLen))
	for r := range ranks {
		pool := tensor.NewPool(threads)
		t.Cleanup(pool.Close)
		shard, err := NewShard(w, r, group, pool, blocks.Total(), maxLen)
		if err != nil {
			t.Fatal(err)
		}
		s.shards = append(s.shards, shard)
	}
	s.table, _ = blocks.Grow(nil, maxLen)
	return s
}

// run computes tokens at the positions from past on and returns the logits of all of them.
func (s *split) run(tokens []int32, past int) []float32 {
	b := &Batch{Tokens: tokens, Tables: [][]int32{s.table}, Sequence: make([]int32, len(tokens))}
	for i := range tokens {
		b.Positions = append(b.Positions, int32(past+i))
		b.LogitRows = append(b.LogitRows, int32(i))
	}
	logits := make([]float32, len(tokens)*s.config.VocabSize)
	var wg sync.WaitGroup
	for _, shard := range s.shards {
		wg.Go(func() { shard.Forward(b, logits) })
	}
	wg.Wait()
	return logits
}

func maxDifference(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		if d := math.Abs(float64(a[i]) - float64(b[i])); !(d <= worst) {
			worst = d
		}
	}
	return worst
}

// goldenDirs are the project's own golden models and, where they are at hand, the others.
func goldenDirs(t *testing.T) []string {
	dirs, _ := filepath.Glob("testdata/*/expected.json")
	more, _ := filepath.Glob("../../../shared/models/golden/*/expected.json")
	if len(more) == 0 {
		t.Log("../shared is absent: the project's own golden models alone")
	}
	var names, found []string
	for _, d := range append(dirs, more...) {
		d = filepath.Dir(d)
		if !slices.Contains(names, filepath.Base(d)) {
			names, found = append(names, filepath.Base(d)), append(found, d)
		}
	}
	return found
}

func TestGoldenLogitsAndTokens(t *testing.T) {
	for _, dir := range goldenDirs(t) {
		if _, err := ReadConfig(os.DirFS(dir), dir); err != nil {
			t.Logf("%s: not supported: %v", filepath.Base(dir), err)
			continue
		}
		g := loadGolden(t, dir)
		for _, ranks := range []int{1, 2, 4} {
			for _, threads := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s/tp%d/threads%d", g.name, ranks, threads), func(t *testing.T) {
					if g.config.CheckSplit(ranks) != nil {
						t.Skipf("%d heads do not split over %d ranks", g.config.Heads, ranks)
					}
					w, err := OpenWeights(g.dir, g.name, g.config)
					if err != nil {
						t.Fatal(err)
					}
					defer w.Close()
					s := newSplit(t, w, ranks, threads, len(g.ids)+len(g.greedy))
					logits := s.run(g.ids, 0)
					tolerance := 1e-4
					if g.config.quantization != nil {
						tolerance = 1e-4
					}
					if d := maxDifference(logits, g.logits); !(d <= tolerance) {
						t.Errorf("logits differ by up to %.2g, at most %g is allowed", d, tolerance)
					}
					var tokens []int32
					next := int32(tensor.Argmax(logits[len(logits)-g.config.VocabSize:]))
					for len(tokens) < len(g.greedy) {
						tokens = append(tokens, next)
						next = int32(tensor.Argmax(s.run(tokens[len(tokens)-1:], len(g.ids)+len(tokens)-1)))
					}
					if !slices.Equal(tokens, g.greedy) {
						t.Errorf("greedy tokens %v, want %v", tokens, g.greedy)
					}
				})
			}
		}
	}
}

// A prompt may be computed in pieces of any size: the cache makes up for the rest, to the bit.
func TestChunkedPrefillIsExact(t *testing.T) {
	g := loadGolden(t, "testdata/llama")
	w, err := OpenWeights(g.dir, g.name, g.config)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	whole := newSplit(t, w, 1, 1, len(g.ids)).run(g.ids, 0)
	for _, size := range []int{1, 5, 16, 17, 47} {
		s := newSplit(t, w, 1, 1, len(g.ids))
		var pieces []float32
		for past := 0; past < len(g.ids); past += size {
			pieces = append(pieces, s.run(g.ids[past:min(past+size, len(g.ids))], past)...)
		}
		if !slices.Equal(pieces, whole) {
			t.Errorf("in pieces of %d: logits differ by up to %g", size, maxDifference(pieces, whole))
		}
	}
}

// Made-up weights are the same model however they are split.
func TestDummyWeightsDoNotDependOnTheSplit(t *testing.T) {
	g := loadGolden(t, "testdata/llama")
	one := newSplit(t, DummyWeights(g.config), 1, 1, len(g.ids)).run(g.ids, 0)
	four := newSplit(t, DummyWeights(g.config), 4, 1, len(g.ids)).run(g.ids, 0)
	if d := maxDifference(one, four); d > 1e-4 {
		t.Errorf("logits differ by up to %g", d)
	}
	spread := float64(slices.Max(one) - slices.Min(one))
	if !(spread > 0.1 && spread < 1000) {
		t.Errorf("logits spread over %g: activations vanish or explode", spread)
	}
}
