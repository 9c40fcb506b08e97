package tokenizer

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// oracleCases are testdata/cases.json: what Hugging Face's library does with many combinations of components.
type oracleCases struct {
	Texts []string
	Cases []struct {
		Base, Name string
		Patch      map[string]any // over the base's tokenizer.json
		IDs        [][]int32      // of each text
		Decode     []struct {
			IDs           []int32
			Text, Skipped string
		}
	}
}

func loadCases(t testing.TB) (c oracleCases) {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// patched returns the folder of a base tokenizer with parts of its tokenizer.json replaced; model's and added_tokens'
// are added to.
func patched(t testing.TB, base string, patch map[string]any) fs.FS {
	t.Helper()
	data, err := os.ReadFile("testdata/" + base + "/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	for key, value := range patch {
		switch key {
		case "model":
			maps.Copy(spec[key].(map[string]any), value.(map[string]any))
		case "added_tokens":
			spec[key] = append(spec[key].([]any), value.([]any)...)
		default:
			spec[key] = value
		}
	}
	if data, err = json.Marshal(spec); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"tokenizer.json": {Data: data}}
}

func TestCases(t *testing.T) {
	cases := loadCases(t)
	for _, c := range cases.Cases {
		t.Run(c.Base+" "+c.Name, func(t *testing.T) {
			tok, err := Load(patched(t, c.Base, c.Patch), c.Base)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range cases.Texts {
				if got := tok.Encode(text, true); !slices.Equal(got, c.IDs[i]) {
					t.Errorf("Encode(%q)\n got %s\nwant %s", text, spell(tok, got), spell(tok, c.IDs[i]))
				}
			}
			for _, d := range c.Decode {
				if got := tok.Decode(d.IDs, false); got != d.Text {
					t.Errorf("Decode(%s) = %q, want %q", spell(tok, d.IDs), got, d.Text)
				}
				if got := tok.Decode(d.IDs, true); got != d.Skipped {
					t.Errorf("Decode(%s) without specials = %q, want %q", spell(tok, d.IDs), got, d.Skipped)
				}
				s := tok.NewStream(false)
				var parts strings.Builder
				for range 2 { // a stream begins anew after Flush
					parts.Reset()
					for _, id := range d.IDs {
						parts.WriteString(s.Push(id))
					}
					parts.WriteString(s.Flush())
				}
				if parts.String() != d.Text {
					t.Errorf("stream of %s = %q, want %q", spell(tok, d.IDs), parts.String(), d.Text)
				}
			}
		})
	}
}

// spell writes ids with their tokens.
func spell(tok *Tokenizer, ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%d:%q ", id, tok.TokenText(id))
	}
	return b.String()
}
