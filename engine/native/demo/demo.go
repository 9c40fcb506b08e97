// Package demo holds a small language model, so that inferprof can generate text, and profile itself doing so, with no network
// and no download.
//
// The model has the architecture of OPT (three million parameters, float16) and its own byte-level BPE tokenizer. It writes
// short, simple English; it is made to be profiled, not to be believed. train/PROVENANCE.md tells what it was trained on and
// how to train it again.
package demo

import (
	"embed"
	"io/fs"
)

//go:embed model
var files embed.FS

// FS returns the model's folder as Hugging Face lays it out: config.json, generation_config.json, model.safetensors,
// tokenizer.json and tokenizer_config.json, all at the root.
func FS() fs.FS {
	model, err := fs.Sub(files, "model")
	if err != nil {
		panic(err) // cannot happen: "model" is a valid path
	}
	return model
}
