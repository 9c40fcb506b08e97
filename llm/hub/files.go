package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Which of a model's files are needed. A folder on the hub often holds the same weights for several frameworks, and
// photographs of llamas.

// small are the files beside the weights; those that a model has are all wanted.
var small = []string{
	"config.json", "generation_config.json", "quantize_config.json", "quant_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model",
}

// weightSets are the forms that weights come in, best first: one file, or an index of several.
var weightSets = []struct{ file, index string }{
	{"model.safetensors", "model.safetensors.index.json"},
	{"pytorch_model.bin", "pytorch_model.bin.index.json"},
}

// smallFiles are the wanted files of those that there are, without the weights.
func smallFiles(there []string) []string {
	return slices.DeleteFunc(slices.Clone(small), func(f string) bool { return !slices.Contains(there, f) })
}

// weightFiles are the files that hold the weights: those of the first form that there is. read gives an index's text.
func weightFiles(there []string, read func(name string) ([]byte, error)) ([]string, error) {
	for _, set := range weightSets {
		if slices.Contains(there, set.index) {
			text, err := read(set.index)
			if err != nil {
				return nil, err
			}
			shards, err := shardsOf(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", set.index, err)
			}
			return append([]string{set.index}, shards...), nil
		}
		if slices.Contains(there, set.file) {
			return []string{set.file}, nil
		}
	}
	only := slices.DeleteFunc(slices.Clone(there), func(f string) bool { return path.Ext(f) != ".safetensors" || strings.Contains(f, "/") })
	if len(only) == 1 {
		return only, nil
	}
	var found []string
	for _, f := range there {
		switch path.Ext(f) {
		case ".gguf", ".bin", ".safetensors", ".msgpack", ".h5", ".onnx", ".pt", ".pth":
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("its weights are in no form that can be read here: it has %s; model.safetensors or pytorch_model.bin is needed", shorten(found))
	}
	return nil, errors.New("it has no weights")
}

func shorten(files []string) string {
	if len(files) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(files[:3], ", "), len(files)-3)
	}
	return strings.Join(files, ", ")
}

// shardsOf lists the files that an index names.
func shardsOf(text []byte) ([]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, err
	}
	files := map[string]bool{}
	for _, f := range index.WeightMap {
		if !fs.ValidPath(f) || f == "." {
			return nil, fmt.Errorf("%q is no file's name", f)
		}
		files[f] = true
	}
	if len(files) == 0 {
		return nil, errors.New("it names no files")
	}
	return slices.Sorted(maps.Keys(files)), nil
}
