package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
	"golang.org/x/text/unicode/norm"
)

// randomText makes text that is likely to meet special cases: white space, apostrophes, digits, marks, wide characters.
func randomText(r *rand.Rand, n int) string {
	alphabet := []rune("aabcdesStTlLrRvVmM''''    \n\r\t12½٣.,-é\u0301ſ中か🙂\u00a0\u2003\u200d▁<|>\U0001D49C\U0001D7D8\u0378")
	var b strings.Builder
	for range n {
		if r.IntN(50) == 0 {
			b.WriteRune(rune(r.IntN(0x11000)))
			continue
		}
		b.WriteRune(alphabet[r.IntN(len(alphabet))])
	}
	return strings.ToValidUTF8(b.String(), "?")
}

func ownTokenizer(t testing.TB, base string) *Tokenizer {
	t.Helper()
	tok, err := Load(os.DirFS("testdata/"+base), base)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// The loops that stand for regular expressions cut as regexp2 does, which runs the expressions themselves.
func TestSplitPatterns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name, pattern string
		split         matcher
	}{{"GPT-2", patternGPT2, splitGPT2}, {"Llama 3", patternLlama3, splitLlama3(3)}, {"Qwen", patternQwen, splitLlama3(1)}} {
		t.Run(tt.name, func(t *testing.T) {
			re := regexp2.MustCompile(tt.pattern, regexp2.None)
			for range 4000 {
				// regexp2 does not take ſ for s; Hugging Face's engine does, which testdata/cases.json shows.
				text := strings.ReplaceAll(randomText(r, 1+r.IntN(20)), "ſ", "s")
				var got, want []string
				tt.split(text, func(part string, _ bool) { got = append(got, part) })
				for m, _ := re.FindStringMatch(text); m != nil; m, _ = re.FindNextMatch(m) {
					want = append(want, m.String())
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%q\n got %q\nwant %q", text, got, want)
				}
			}
		})
	}
}

func TestByteLevelRoundTrip(t *testing.T) {
	tok := ownTokenizer(t, "bytelevel")
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		text := randomText(r, r.IntN(60))
		if got := tok.Decode(tok.Encode(text, false), false); got != text {
			t.Fatalf("%q came back as %q", text, got)
		}
	}
}

// Long runs of marks are normalized as short ones are: nothing is put in between.
func TestNormalizeMarks(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, form := range []norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD} {
		for range 500 {
			text := randomText(r, r.IntN(12)) + "가각\u1100\u1161\u11a8ﬁÅ\u0316\u0301\u0327ộ" + randomText(r, r.IntN(5))
			if got, want := normalizeMarks(form, text), form.String(text); got != want {
				t.Fatalf("form %v of %+q: %+q, want %+q", form, text, got, want)
			}
		}
		text := "a" + strings.Repeat("\u0301", 100) + "\u0316b"
		want := "\u0316" + strings.Repeat("\u0301", 100) + "b"
		if form == norm.NFC || form == norm.NFKC {
			want = "á\u0316" + strings.Repeat("\u0301", 99) + "b"
		} else {
			want = "a" + want
		}
		if got := normalForm(form)(text); got != want {
			t.Errorf("form %v: %+q, want %+q", form, got, want)
		}
	}
}

// Invalid UTF-8 is encoded as what a reader would make of it.
func TestEncodeInvalid(t *testing.T) {
	tok := ownTokenizer(t, "bytelevel")
	for text, want := range map[string]string{"a\xffb": "a\uFFFDb", "\xe4\xb8": "\uFFFD", "\xf0\x9f\x99x": "\uFFFDx", "\xed\xa0\x80": "\uFFFD\uFFFD\uFFFD"} {
		if got := tok.Decode(tok.Encode(text, false), false); got != want {
			t.Errorf("%q came back as %q, want %q", text, got, want)
		}
	}
}

// Text that comes in pieces is the text that comes at once, and pieces never hold half a character.
func TestStreamEqualsDecode(t *testing.T) {
	for _, base := range []string{"bytelevel", "sentence"} {
		tok := ownTokenizer(t, base)
		r := rand.New(rand.NewPCG(5, 6))
		for range 2000 {
			ids := make([]int32, r.IntN(30))
			for i := range ids {
				ids[i] = int32(r.IntN(tok.VocabSize()+4)) - 2 // some are no token's
				if r.IntN(3) > 0 {
					ids[i] = 3 + int32(r.IntN(256)) // mostly single bytes
				}
			}
			var b strings.Builder
			s := tok.NewStream(true)
			for _, id := range ids {
				part := s.Push(id)
				if !utf8.ValidString(part) {
					t.Fatalf("%s %v: %q", base, ids, part)
				}
				b.WriteString(part)
			}
			b.WriteString(s.Flush())
			if want := tok.Decode(ids, true); b.String() != want {
				t.Fatalf("%s %v: stream %q, Decode %q", base, ids, b.String(), want)
			}
		}
	}
}

// A stream gives a character as soon as it is whole.
func TestStreamPrompt(t *testing.T) {
	tok := ownTokenizer(t, "bytelevel")
	for _, text := range []string{"License", "déjà vu", "x🧮y"} {
		s := tok.NewStream(true)
		got := ""
		for _, id := range tok.Encode(text, false) {
			got += s.Push(id)
		}
		if got != text {
			t.Errorf("before Flush: %q of %q", got, text)
		}
	}
}

// naiveMerge is byte-pair encoding by its definition.
func naiveMerge(m *bpe, ids []int32) []int32 {
	for {
		at, best := -1, int32(noRank)
		for i := range len(ids) - 1 {
			if r := m.merges.rank(ids[i], ids[i+1]); r < best {
				at, best = i, r
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, m.merges.merged(ids[at], ids[at+1]))
	}
}

func TestMerge(t *testing.T) {
	// A vocabulary of all strings of a and b up to four letters, with merges in random order.
	var vocab, merges []string
	for n := 1; n <= 4; n++ {
		for bits := range 1 << n {
			word := ""
			for i := range n {
				word += string("ab"[bits>>i&1])
			}
			vocab = append(vocab, fmt.Sprintf("%q:%d", word, len(vocab)))
			for cut := 1; cut < n; cut++ {
				merges = append(merges, fmt.Sprintf("%q", word[:cut]+" "+word[cut:]))
			}
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	for range 30 {
		r.Shuffle(len(merges), func(i, j int) { merges[i], merges[j] = merges[j], merges[i] })
		kept := merges[:1+r.IntN(len(merges))]
		tok, err := Load(fstest.MapFS{"tokenizer.json": {Data: []byte(`{"model":{"type":"BPE","vocab":{` +
			strings.Join(vocab, ",") + `},"merges":[` + strings.Join(kept, ",") + `]}}`)}}, "m")
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			ids := make([]int32, 1+r.IntN(100))
			for i := range ids {
				ids[i] = int32(r.IntN(2))
			}
			want := naiveMerge(tok.model, slices.Clone(ids))
			for name, merge := range map[string]func(*workspace){"scanning": tok.model.mergeScanning, "heaping": tok.model.mergeHeaping} {
				w := &workspace{ids: slices.Clone(ids)}
				merge(w)
				if !slices.Equal(w.ids, want) {
					t.Fatalf("%s: %v became %v, want %v", name, ids, w.ids, want)
				}
			}
		}
	}
}

// Cutting SentencePiece text at its words changes nothing.
func TestWordwise(t *testing.T) {
	tok := ownTokenizer(t, "sentence")
	if !tok.model.wordwise {
		t.Fatal("the tokenizer does not cut at words")
	}
	whole := *tok.model
	whole.wordwise = false
	r := rand.New(rand.NewPCG(9, 10))
	for range 2000 {
		text := tok.normalize(randomText(r, r.IntN(80)))
		got := tok.model.encode(text, nil, newWorkspace().(*workspace))
		want := whole.encode(text, nil, newWorkspace().(*workspace))
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %v, in one piece %v", text, got, want)
		}
	}
}

func TestEncodeConcurrently(t *testing.T) {
	tok := ownTokenizer(t, "bytelevel")
	texts := loadCases(t).Texts
	done := make(chan error)
	for range 4 {
		go func() {
			var err error
			for _, text := range texts {
				if got := tok.Decode(tok.Encode(text, false), false); got != text {
					err = fmt.Errorf("%q came back as %q", text, got)
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, text := range loadCases(f).Texts {
		f.Add(text)
	}
	f.Add("\xf0\x9f\x99")
	level, sentence := ownTokenizer(f, "bytelevel"), ownTokenizer(f, "sentence")
	f.Fuzz(func(t *testing.T, text string) {
		if got := level.Decode(level.Encode(text, true), false); got != string(appendLossy(nil, []byte(text))) {
			t.Errorf("%q came back as %q", text, got)
		}
		ids := sentence.Encode(text, true)
		s := sentence.NewStream(false)
		var b strings.Builder
		for _, id := range ids {
			b.WriteString(s.Push(id))
		}
		b.WriteString(s.Flush())
		if want := sentence.Decode(ids, false); b.String() != want {
			t.Errorf("stream of %q: %q, Decode %q", text, b.String(), want)
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(tinyJSON("", `,"normalizer":{"type":"Prepend","prepend":"a"},"decoder":{"type":"Strip","content":"a","start":1,"stop":1}`)))
	f.Add([]byte(tinyJSON("", `,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a|b"},"behavior":"MergedWithNext"},"added_tokens":[{"id":1,"content":"x","lstrip":true}]`)))
	f.Add([]byte(tinyJSON("", `,"decoder":{"type":"Strip","content":"a","start":9000000000000000000,"stop":9000000000000000000}`)))
	f.Add([]byte(tinyJSON("", `,"normalizer":{"type":"Replace","pattern":{"Regex":"(?:|a){65000}"},"content":"a"}`)))
	f.Add([]byte(`{"model":{"vocab":{"\u0061\ud83d\ude42":0},"merges":[["a","b"]],"byte_fallback":true}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tok, err := Load(fstest.MapFS{"tokenizer.json": {Data: data}}, "m")
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
			return
		}
		ids := tok.Encode("a b ab\xff  x", true)
		tok.Decode(ids, true)
	})
}

// Time per byte should not depend on the length: compare the sizes.
func BenchmarkPathological(b *testing.B) {
	for _, model := range []string{"bytelevel", "sentence"} {
		tok := ownTokenizer(b, model)
		for _, text := range []struct{ name, unit string }{{"a", "a"}, {"space", " "}, {"ab", "abcab"}, {"emoji", "🙂"}, {"newline", "\r\n"}, {"special", "<|endo"}} {
			for _, n := range []int{10_000, 100_000, 1_000_000} {
				b.Run(fmt.Sprintf("%s/%s/%d", model, text.name, n), func(b *testing.B) {
					s := strings.Repeat(text.unit, n/len(text.unit))
					b.SetBytes(int64(len(s)))
					for b.Loop() {
						tok.Encode(s, true)
					}
				})
			}
		}
	}
}
