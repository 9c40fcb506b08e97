package tokenizer

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const tinyVocab = `{"a":0,"b":1,"c":2,"ab":3,"abc":4,"</s>":5,"<pad>":6,"<|endoftext|>":7}`

func files(nameAndText ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(nameAndText); i += 2 {
		fsys[nameAndText[i]] = &fstest.MapFile{Data: []byte(nameAndText[i+1])}
	}
	return fsys
}

func tinyJSON(model, rest string) string {
	if model == "" {
		model = `{"type":"BPE","vocab":` + tinyVocab + `,"merges":["a b",["ab","c"]]}`
	}
	return `{"model":` + model + rest + `}`
}

// The two ways to store one tokenizer give the same ids.
func TestVocabAndMerges(t *testing.T) {
	byJSON, err := Load(os.DirFS("testdata/bytelevel"), "json")
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{}
	for _, name := range []string{"vocab.json", "merges.txt"} {
		data, err := os.ReadFile("testdata/bytelevel/" + name)
		if err != nil {
			t.Fatal(err)
		}
		folder[name] = &fstest.MapFile{Data: data}
	}
	byFiles, err := Load(folder, "files")
	if err != nil {
		t.Fatal(err)
	}
	if byJSON.VocabSize() != byFiles.VocabSize() {
		t.Errorf("VocabSize %d and %d", byJSON.VocabSize(), byFiles.VocabSize())
	}
	for _, text := range loadCases(t).Texts {
		if text != "" && strings.Contains(text, "<|endoftext|>") {
			continue // tested below
		}
		if a, b := byJSON.Encode(text, true), byFiles.Encode(text, true); !slices.Equal(a, b) {
			t.Errorf("%q: %v and %v", text, a, b)
		}
	}
}

func TestSpecialTokens(t *testing.T) {
	const none = -1
	tests := []struct {
		name     string
		fsys     fs.FS
		bos, eos int32
		encoded  []int32 // of "ab</s>" with special tokens
	}{
		{"GPT-2", files("vocab.json", tinyVocab, "merges.txt", "#version: 0.2\na b\n"), 7, 7, []int32{3}},
		{"OPT", files("vocab.json", tinyVocab, "merges.txt", "a b\nab c\n",
			"tokenizer_config.json", `{"add_bos_token":true,"bos_token":{"content":"</s>","__type":"AddedToken"},"eos_token":"</s>","pad_token":"<pad>"}`), 5, 5, []int32{5, 3, 5}},
		{"OPT, only config.json", files("vocab.json", tinyVocab, "merges.txt", "a b\r\nab c\r\n",
			"config.json", `{"model_type":"opt","bos_token_id":5,"eos_token_id":[5,7]}`), 5, 5, []int32{5, 3, 5}},
		{"OPT without the leading one", files("vocab.json", tinyVocab, "merges.txt", "a b\nab c\n",
			"config.json", `{"model_type":"opt","bos_token_id":5,"eos_token_id":5}`, "tokenizer_config.json", `{"add_bos_token":false}`), 5, 5, []int32{3, 5}},
		{"map", files("vocab.json", tinyVocab, "merges.txt", "a b\n",
			"special_tokens_map.json", `{"bos_token":"a","eos_token":"</s>"}`, "tokenizer_config.json", `{"bos_token":null,"add_eos_token":true}`), none, 5, []int32{3, 5, 5}},
		{"added", files("vocab.json", tinyVocab, "merges.txt", "a b\n", "added_tokens.json", `{"b</s>":9}`), 7, 7, []int32{0, 9}},
		{"tokenizer.json", files("tokenizer.json", tinyJSON("", `,"added_tokens":[{"id":5,"content":"</s>","special":true}]`),
			"tokenizer_config.json", `{"bos_token":null,"eos_token":"</s>"}`, "config.json", `{"bos_token_id":5}`), none, 5, []int32{3, 5}},
		{"tokenizer.json, unknown name", files("tokenizer.json", tinyJSON("", ""),
			"tokenizer_config.json", `{"bos_token":"<nope>"}`, "config.json", `{"eos_token_id":99}`), none, none, []int32{3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tok, err := Load(tt.fsys, "m")
			if err != nil {
				t.Fatal(err)
			}
			if bos, ok := tok.BOS(); bos != tt.bos || ok != (tt.bos >= 0) {
				t.Errorf("BOS %d, %v", bos, ok)
			}
			if eos, ok := tok.EOS(); eos != tt.eos || ok != (tt.eos >= 0) {
				t.Errorf("EOS %d, %v", eos, ok)
			}
			if ids := tok.Encode("ab</s>", true); !slices.Equal(ids, tt.encoded) {
				t.Errorf("Encode: %v, want %v", ids, tt.encoded)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	bpe := func(fields string) fs.FS { return files("tokenizer.json", tinyJSON(`{"type":"BPE",`+fields+`}`, "")) }
	with := func(rest string) fs.FS { return files("tokenizer.json", tinyJSON("", ","+rest)) }
	tests := []struct {
		name string
		fsys fs.FS
		want []string
	}{
		{"nothing", files(), []string{"m: no tokenizer.json"}},
		{"SentencePiece", files("tokenizer.model", "x"), []string{"tokenizer.model", "save_pretrained"}},
		{"no merges.txt", files("vocab.json", tinyVocab), []string{"no merges.txt"}},
		{"empty merges.txt", files("vocab.json", tinyVocab, "merges.txt", ""), []string{"m/merges.txt: the file is empty"}},
		{"merges.txt of a comment", files("vocab.json", tinyVocab, "merges.txt", "#version: 0.2\n"), []string{"m/merges.txt: no merges"}},
		{"other model's merges.txt", files("vocab.json", tinyVocab, "merges.txt", "a b\na x\n"), []string{"m/merges.txt: line 2", `"x"`}},
		{"merges.txt with a lone token", files("vocab.json", tinyVocab, "merges.txt", "a b\nab\n"), []string{"line 2", "not a pair"}},
		{"vocab.json is a list", files("vocab.json", "[1]", "merges.txt", "a b"), []string{"m/vocab.json: malformed JSON at byte 0"}},
		{"vocab.json ends early", files("vocab.json", `{"a":0,`, "merges.txt", "a b"), []string{"m/vocab.json", "ends"}},
		{"vocab.json and more", files("vocab.json", `{"a":0}{`, "merges.txt", "a b"), []string{"text after the end"}},
		{"empty", files("tokenizer.json", " \n"), []string{"m/tokenizer.json: the file is empty"}},
		{"LFS pointer", files("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n"), []string{"git lfs pull"}},
		{"not text", files("tokenizer.json", "{\"\xff\":1}"), []string{"not UTF-8"}},
		{"cut off", files("tokenizer.json", tinyJSON("", "")[:60]), []string{"m/tokenizer.json: malformed JSON", "ends"}},
		{"not a tokenizer", files("tokenizer.json", `{"a":1}`), []string{`no "model"`}},
		{"config.json", files("tokenizer.json", tinyJSON("", ""), "config.json", "{"), []string{"m/config.json: malformed JSON"}},
		{"tokenizer_config.json", files("tokenizer.json", tinyJSON("", ""), "tokenizer_config.json", `{"bos_token":7}`), []string{"m/tokenizer_config.json"}},

		{"Unigram", files("tokenizer.json", `{"model":{"type":"Unigram","vocab":[["a",-1]]}}`), []string{`m/tokenizer.json: model type "Unigram" is not supported`}},
		{"WordPiece", files("tokenizer.json", `{"model":{"type":"WordPiece","vocab":{"a":1}}}`), []string{`"WordPiece" is not supported`}},
		{"no vocabulary", bpe(`"merges":[]`), []string{"no vocabulary"}},
		{"empty vocabulary", bpe(`"vocab":{},"merges":[]`), []string{"vocabulary is empty"}},
		{"no merges", bpe(`"vocab":{"a":0,"b":1}`), []string{"no merges"}},
		{"empty merges", bpe(`"vocab":{"a":0,"b":1},"merges":[]`), []string{"no merges"}},
		{"merge's token missing", bpe(`"vocab":{"a":0,"b":1,"ab":2},"merges":["a c"]`), []string{"merge 1", `"c"`, "different models"}},
		{"merge's result missing", bpe(`"vocab":{"a":0,"b":1},"merges":["a b"]`), []string{`"ab"`}},
		{"merge of three", bpe(`"vocab":{"a":0},"merges":[["a","a","a"]]`), []string{"merge 1"}},
		{"merge of one", bpe(`"vocab":{"a":0},"merges":[["a"]]`), []string{"merge 1"}},
		{"merge that is a number", bpe(`"vocab":{"a":0},"merges":[1]`), []string{"merges: malformed JSON"}},
		{"negative id", bpe(`"vocab":{"a":-1},"merges":["a a"]`), []string{`-1 of "a"`}},
		{"enormous id", bpe(`"vocab":{"a":2000000000},"merges":["a a"]`), []string{"2000000000"}},
		{"fractional id", bpe(`"vocab":{"a":1.5},"merges":["a a"]`), []string{"no integer"}},
		{"unknown token unknown", bpe(`"vocab":{"a":0,"aa":1},"merges":["a a"],"unk_token":"<unk>"`), []string{`lacks the unknown token "<unk>"`}},

		{"normalizer", with(`"normalizer":{"type":"Precompiled"}`), []string{`normalizer "Precompiled" is not supported`}},
		{"normalizer within", with(`"normalizer":{"type":"Sequence","normalizers":[{"type":"Odd"}]}`), []string{`normalizer "Odd"`}},
		{"pre-tokenizer", with(`"pre_tokenizer":{"type":"UnicodeScripts"}`), []string{`pre-tokenizer "UnicodeScripts" is not supported`}},
		{"pattern", with(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"}`), []string{`regular expression "(a"`}},
		{"foreign pattern", with(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"[[:alpha:]]"},"behavior":"Isolated"}`), []string{"[[: is not supported"}},
		{"pattern that counts far", with(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?:|a){2000000000}"},"behavior":"Isolated"}`), []string{"repeats something more than"}},
		{"pattern that counts beyond numbers", with(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a{99999999999999999999,}"},"behavior":"Isolated"}`), []string{"repeats something more than"}},
		{"pattern of counts within counts", with(`"normalizer":{"type":"Replace","pattern":{"Regex":"(?:(?:|a){1,300}\\x{2028}\\p{L}){300}"},"content":""}`), []string{"repeats something more than"}},
		{"pattern without end", with(`"pre_tokenizer":{"type":"Split","pattern":{"Regex":"` + strings.Repeat("(", 40_000) + strings.Repeat(")", 40_000) + `"},"behavior":"Isolated"}`), []string{"longer than 65536 bytes"}},
		{"behavior", with(`"pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Odd"}`), []string{`behavior "Odd"`}},
		{"scheme", with(`"pre_tokenizer":{"type":"Metaspace","prepend_scheme":"odd"}`), []string{`prepend_scheme "odd"`}},
		{"decoder", with(`"decoder":{"type":"CTC"}`), []string{`decoder "CTC" is not supported`}},
		{"decoder without type", with(`"decoder":{}`), []string{"decoder without a type"}},
		{"post-processor", with(`"post_processor":{"type":"Odd"}`), []string{`post-processor "Odd"`}},
		{"template", with(`"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}]}`), []string{`"<s>" is not among`}},
		{"template without text", with(`"post_processor":{"type":"TemplateProcessing","single":[]}`), []string{"0 times"}},
		{"added token", with(`"added_tokens":[{"id":-3,"content":"x"}]`), []string{"-3"}},
		{"component that is a list", with(`"normalizer":[]`), []string{"normalizer: malformed JSON"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tok, err := Load(tt.fsys, "m")
			if err == nil {
				t.Fatalf("no error; encodes ab as %v", tok.Encode("ab", true))
			}
			for _, want := range append(tt.want, "reading tokenizer m") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of more than one line: %q", err)
			}
		})
	}
}

// What counts in a pattern is told from what only looks so.
func TestRepeats(t *testing.T) {
	for pattern, want := range map[string]bool{
		patternLlama3: false, `\p{N}{1,3}[\x{3400}-\x{9999}]{300}\u{2028}`: false, `\{300}\{300}`: false, `a{65536}`: false, `a{,70000}`: false,
		`a{65537}`: true, `(?:a{300}){300}`: true, `(?:a{1,300}b){300,}`: true, `\d{300}\\{300}`: true, `a{99999999999999999999}`: true,
	} {
		if got := repeatsTooOften(pattern); got != want {
			t.Errorf("%s: %t", pattern, got)
		}
	}
}

// Strip takes as many characters off a token as there are, however many it may take.
func TestStripsNoMoreThanThereIs(t *testing.T) {
	tok, err := Load(files("tokenizer.json", tinyJSON(`{"vocab":{"a":0,"b":1,"ab":2,"aba":3,"aa":4,"baa":5},"merges":["a b"]}`,
		`,"decoder":{"type":"Strip","content":"a","start":1,"stop":9000000000000000000}`)), "m")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range []string{"", "b", "b", "b", "", "b"} {
		if got := tok.Decode([]int32{int32(id)}, false); got != want {
			t.Errorf("%q became %q, want %q", tok.TokenText(int32(id)), got, want)
		}
	}
}

// Where a folder contradicts itself, it does so every time in the same way.
func TestContradictions(t *testing.T) {
	folder := files("vocab.json", tinyVocab, "merges.txt", "a b\n", "added_tokens.json", `{"x":9,"y":9,"z":9}`,
		"tokenizer_config.json", `{"added_tokens_decoder":{"8":{"content":"u"},"08":{"content":"v"},"10":{"content":"w"},"11":{"content":"w"}},"eos_token":"w"}`)
	for range 50 {
		tok, err := Load(folder, "m")
		if err != nil {
			t.Fatal(err)
		}
		if eos, _ := tok.EOS(); eos != 10 || !slices.Equal(tok.Encode("w", false), []int32{10}) {
			t.Fatalf("w is %d, and in text %v", eos, tok.Encode("w", false))
		}
		if got := tok.Decode([]int32{8, 9}, false); got != "uz" {
			t.Fatalf("8 and 9 are %q", got)
		}
	}
}
