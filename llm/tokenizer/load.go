package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// Load reads the tokenizer of a model's folder: tokenizer.json if there is one, else vocab.json and merges.txt
// (GPT-2, OPT). tokenizer_config.json, special_tokens_map.json and config.json are asked for the beginning- and
// end-of-sequence tokens. name is what the folder is called in errors.
func Load(fsys fs.FS, name string) (*Tokenizer, error) {
	f := folder{fsys, name}
	t, err := f.load()
	if err != nil {
		return nil, fmt.Errorf("reading tokenizer %w", err)
	}
	return t, nil
}

// folder is a model's folder.
type folder struct {
	fs.FS
	name string
}

func (f folder) load() (*Tokenizer, error) {
	s, err := f.settings()
	if err != nil {
		return nil, err
	}
	var t *Tokenizer
	switch {
	case f.has("tokenizer.json"):
		t, err = f.loadTokenizerJSON()
	case f.has("vocab.json"):
		t, err = f.loadVocabAndMerges(s)
	case f.has("tokenizer.model"):
		err = fmt.Errorf("%s: only the SentencePiece file tokenizer.model is here: tokenizer.json is needed; "+
			"AutoTokenizer.from_pretrained(…).save_pretrained(…) of transformers writes it", f.name)
	default:
		err = fmt.Errorf("%s: no tokenizer.json, nor vocab.json and merges.txt: copy them there from the model's repository", f.name)
	}
	if err != nil {
		return nil, err
	}
	t.bos = t.find(s.BOS)
	t.eos = t.find(s.EOS)
	return t, nil
}

func (f folder) has(file string) bool {
	_, err := fs.Stat(f, file)
	return err == nil
}

// read returns a file's text.
func (f folder) read(file string) ([]byte, error) {
	data, err := fs.ReadFile(f, file)
	if err == nil {
		err = checkText(data)
	}
	if err != nil {
		return nil, f.errorIn(file, err)
	}
	return data, nil
}

// errorIn says which file an error is about.
func (f folder) errorIn(file string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path.Join(f.name, file), err)
}
