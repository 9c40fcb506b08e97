package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What Hugging Face's own library makes of 440 documents lies outside of the repository, and so do the tokenizers of
// those models: scripts/fetch-tokenizers fetches them.
var oracleModels = []string{"gpt2", "llama2", "llama3", "qwen3"}

// fetched returns the folder of a fetched tokenizer.
func fetched(t testing.TB, model string) string {
	t.Helper()
	root := os.Getenv("INFERPROF_TEST_TOKENIZERS")
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skip("no folder that the tokenizers could have been fetched to: ", err)
		}
		root = filepath.Join(cache, "inferprof-test", "tokenizers")
	}
	dir := filepath.Join(root, model)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no tokenizer of %s: scripts/fetch-tokenizers fetches it", model)
	}
	return dir
}

func fetchedTokenizer(t testing.TB, model string) *Tokenizer {
	t.Helper()
	tok, err := Load(os.DirFS(fetched(t, model)), model)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// sharedJSON reads a file of ../shared/tokenizer.
func sharedJSON[T any](t testing.TB, file string) (v T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../shared/tokenizer", file))
	if os.IsNotExist(err) {
		t.Skipf("no ../shared/tokenizer/%s", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestOracle(t *testing.T) {
	for _, model := range oracleModels {
		t.Run(model, func(t *testing.T) {
			tok := fetchedTokenizer(t, model)
			docs := sharedJSON[[]string](t, "corpus.json")
			want := sharedJSON[[][]int32](t, "oracle-"+model+".json")
			differ := 0
			for i, doc := range docs {
				if got := tok.Encode(doc, true); !slices.Equal(got, want[i]) {
					if differ++; differ <= 3 {
						t.Errorf("document %d, %.80q:\n got %v\nwant %v", i, doc, got, want[i])
					}
				}
			}
			if differ > 0 || len(docs) == 0 {
				t.Errorf("%d of %d documents differ", differ, len(docs))
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, model := range oracleModels {
		b.Run(model, func(b *testing.B) {
			fsys := os.DirFS(fetched(b, model))
			for b.Loop() {
				if _, err := Load(fsys, model); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, model := range oracleModels {
		b.Run(model, func(b *testing.B) {
			tok := fetchedTokenizer(b, model)
			docs := sharedJSON[[]string](b, "corpus.json")
			bytes := 0
			for _, d := range docs {
				bytes += len(d)
			}
			b.SetBytes(int64(bytes))
			for b.Loop() {
				for _, d := range docs {
					tok.Encode(d, true)
				}
			}
		})
	}
}
