package model

import (
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/inferprof/inferprof/llm/tensor"
)

// weightSource gives weights by name: a checkpoint's, or made-up ones.
type weightSource interface {
	shape(name string) ([]int, bool)
	check(name string) error
	read(name string, row, rows, col, cols int, dst []float32) error
	checkInts(name string) error       // like check, for a tensor of int32s
	ints(name string) ([]int32, error) // all of it
	Close() error
}

// Weights are a model's weights before they are split over ranks.
type Weights struct {
	config *Config
	source weightSource
	where  string            // for errors
	path   map[string]string // our name → the name in the source
	packed map[string]string // a linear layer in 4 bits → the name in the source

	format   tensor.Format // of the matrices
	rounding string        // awq, gptq: round linear layers to 4 bits; "": leave them as they are
	rounds   bool          // round activations where they meet weights that gain by it
}

// Store says how matrices are kept in memory; the default is float32, as they are. A quantization (awq or gptq) rounds the
// linear layers between embeddings and head to 4 bits as they are loaded, unless the checkpoint has them in 4 bits
// already. Vectors stay float32.
func (w *Weights) Store(f tensor.Format, quantization string) { w.format, w.rounding = f, quantization }

// RoundActivations has activations rounded before they meet certain weights: to 8 bits, with a scale for each 32 of them, before
// those of 4 bits in groups of whole blocks of 32, which is several times faster; to bfloat16 before those of bfloat16, on
// CPUs that multiply such values. Products are no longer exact then.
func (w *Weights) RoundActivations() { w.rounds = true }

// OpenWeights opens the weights of a Hugging Face folder and checks that every tensor which the configuration calls
// for is there in the right shape. name is the folder's, for errors.
func OpenWeights(fsys fs.FS, name string, c *Config) (*Weights, error) {
	source, err := openCheckpoint(fsys, name)
	if err != nil {
		return nil, err
	}
	w := &Weights{config: c, source: source, where: name, path: map[string]string{}, packed: map[string]string{}}
	if c.family.show != nil {
		w.source = c.family.show(source)
	}
	if err := w.resolve(); err != nil {
		source.Close()
		return nil, err
	}
	return w, nil
}

// DummyWeights makes random weights for a configuration.
func DummyWeights(c *Config) *Weights {
	d := &dummyWeights{shapes: map[string][]int{}}
	w := &Weights{config: c, source: d, where: "dummy", path: map[string]string{}, packed: map[string]string{}}
	for _, t := range c.tensors() {
		d.shapes[t.name], w.path[t.name] = t.shape, t.name
	}
	return w
}

// Close closes the files.
func (w *Weights) Close() error { return w.source.Close() }

// tensorSpec is one tensor that a configuration calls for.
type tensorSpec struct {
	name   string // without the family's prefix
	shape  []int
	linear bool // the weight of a linear layer between embeddings and head, which may be in 4 bits
}

// tensors lists what a configuration calls for.
func (c *Config) tensors() []tensorSpec {
	n := &c.family.names
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	var list []tensorSpec
	add := func(name string, shape ...int) { list = append(list, tensorSpec{name: name, shape: shape}) }
	linear := func(name string, bias bool, out, in int) {
		add(name+".weight", out, in)
		if bias {
			add(name+".bias", out)
		}
	}
	norm := func(name string, width int) {
		add(name+".weight", width)
		if !c.RMSNorm {
			add(name+".bias", width)
		}
	}
	add(n.embed+".weight", c.VocabSize, c.Embedding)
	if !c.Rope {
		add(n.positions+".weight", c.MaxLen+c.PosOffset, c.Hidden)
	}
	if c.Embedding != c.Hidden {
		linear(n.projectIn, false, c.Hidden, c.Embedding)
		linear(n.projectOut, false, c.Embedding, c.Hidden)
	}
	for i := range c.Layers {
		at := func(part string) string { return n.inLayer(i, part) }
		norm(at(n.attnNorm), c.Hidden)
		first := len(list)
		linear(at(n.q), c.QKVBias, q, c.Hidden)
		linear(at(n.k), c.QKVBias, kv, c.Hidden)
		linear(at(n.v), c.QKVBias, kv, c.Hidden)
		linear(at(n.o), c.OutBias, c.Hidden, q)
		if c.QKNorm {
			add(at(n.qNorm)+".weight", c.HeadDim)
			add(at(n.kNorm)+".weight", c.HeadDim)
		}
		norm(at(n.ffnNorm), c.Hidden)
		if c.Gated {
			linear(at(n.gate), false, c.FFN, c.Hidden)
		}
		linear(at(n.up), c.OutBias && !c.Gated, c.FFN, c.Hidden)
		linear(at(n.down), c.OutBias && !c.Gated, c.Hidden, c.FFN)
		for j := first; j < len(list); j++ {
			list[j].linear = len(list[j].shape) == 2
		}
	}
	if !c.NoFinalNorm {
		norm(n.finalNorm, c.Hidden)
	}
	if !c.TieEmbeddings {
		linear(n.lmHead, false, c.VocabSize, c.Embedding)
	}
	return list
}

// resolve finds each tensor under one of the family's prefixes and checks its shape. A missing lm_head is tied to the
// embeddings, as published copies of OPT need it.
func (w *Weights) resolve() error {
	for _, t := range w.config.tensors() {
		found := false
		for _, prefix := range w.config.family.names.prefixes {
			shape, ok := w.source.shape(prefix + t.name)
			if !ok && t.linear {
				name := strings.TrimSuffix(t.name, ".weight")
				var err error
				if found, err = w.checkPacked(prefix+name, t.shape[0], t.shape[1]); err != nil {
					return err
				}
				if found {
					w.packed[name] = prefix + name
					break
				}
			}
			if !ok {
				continue
			}
			if !equalShape(shape, t.shape) {
				return fmt.Errorf("%s: tensor %s has shape %v, config.json calls for %v: the two do not belong together", w.where, prefix+t.name, shape, t.shape)
			}
			if err := w.source.check(prefix + t.name); err != nil {
				return err
			}
			w.path[t.name], found = prefix+t.name, true
			break
		}
		if found {
			continue
		}
		if t.name == w.config.family.names.lmHead+".weight" {
			w.config.TieEmbeddings = true
			continue
		}
		return fmt.Errorf("%s: tensor %s is missing: the weights are incomplete or of another architecture than %s", w.where, w.config.family.names.prefixes[0]+t.name, w.config.Architecture)
	}
	return nil
}

// vector reads elements [from, to) of a vector.
func (w *Weights) vector(name string, from, to int) ([]float32, error) {
	v := make([]float32, to-from)
	return v, w.source.read(w.path[name], 0, 1, from, to-from, v)
}

// uniformScale turns a random int32 into a number uniform around 0 with standard deviation 1/√columns.
func uniformScale(columns int) float32 {
	return float32(math.Sqrt(3/float64(columns)) / (1 << 31))
}

func equalShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
