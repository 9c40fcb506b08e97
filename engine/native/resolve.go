package native

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/engine/native/demo"
	"github.com/inferprof/inferprof/llm/model"
	"github.com/inferprof/inferprof/llm/tokenizer"
)

// DemoModel is the name of the model that is part of the binary.
const DemoModel = "demo"

//go:embed shapes/*.json
var shapes embed.FS

// ShapeNames lists the models whose sizes are built in, for dummy weights.
func ShapeNames() []string {
	entries, err := shapes.ReadDir("shapes")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// source is where a model comes from: its configuration, weights and tokenizer.
type source struct {
	config    *model.Config
	weights   *model.Weights
	tokenizer *tokenizer.Tokenizer
	// readable says that the tokenizer is the model's own, so that its output can be read as text.
	readable bool
	commit   string // of a model of the hub
	note     string // what to know of it; "" as a rule
}

// resolve finds a model by name (hub.go says what names mean).
func resolve(ctx context.Context, c engine.Config) (*source, error) {
	dummy := false
	switch c.LoadFormat {
	case "", "auto", "safetensors":
	case "dummy":
		dummy = true
	default:
		return nil, usagef("load format %q: must be auto, safetensors or dummy", c.LoadFormat)
	}
	if c.Model == "" || c.Model == DemoModel {
		return open(demo.FS(), "the demo model", dummy)
	}
	if shape, ok := builtinShape(c.Model); ok && dummy {
		config, err := model.ParseConfig(shape)
		if err != nil {
			return nil, err
		}
		return withDemoTokenizer(&source{config: config, weights: model.DummyWeights(config)})
	}
	dir, commit, note, err := folder(ctx, c, dummy)
	if err != nil {
		return nil, err
	}
	s, err := open(os.DirFS(dir), dir, dummy)
	if err != nil {
		return nil, err
	}
	s.commit, s.note = commit, note
	return s, nil
}

// builtinShape is the config.json of a built-in shape. A hub name such as facebook/opt-125m is taken by its last part.
func builtinShape(name string) ([]byte, bool) {
	if _, err := os.Stat(name); err == nil {
		return nil, false
	}
	text, err := shapes.ReadFile("shapes/" + strings.ToLower(path.Base(name)) + ".json")
	return text, err == nil
}

func open(fsys fs.FS, name string, dummy bool) (*source, error) {
	config, err := model.ReadConfig(fsys, name)
	if err != nil {
		return nil, err
	}
	s := &source{config: config}
	if dummy {
		s.weights = model.DummyWeights(config)
	} else if s.weights, err = model.OpenWeights(fsys, name, config); err != nil {
		return nil, err
	}
	s.tokenizer, err = tokenizer.Load(fsys, name)
	if err == nil {
		s.readable = true
		return s, nil
	}
	if dummy { // shapes alone are asked for
		return withDemoTokenizer(s)
	}
	s.weights.Close()
	return nil, err
}

// withDemoTokenizer lends the demo model's tokenizer to a model that has none: prompts need to become some tokens.
func withDemoTokenizer(s *source) (*source, error) {
	var err error
	s.tokenizer, err = tokenizer.Load(demo.FS(), "the demo model")
	return s, err
}

func usagef(format string, args ...any) error {
	return &engine.UsageError{Text: fmt.Sprintf(format, args...)}
}
