package model

import (
	"fmt"
	"strings"
)

// GPT-2 keeps its linear layers as Conv1D: inputs by outputs, PyTorch's Linear turned around, and queries, keys and
// values in one. conv1D shows them the way the other families store theirs: c_attn as c_attn.q, c_attn.k and c_attn.v,
// outputs by inputs.
type conv1D struct{ weightSource }

// stored is the tensor that a shown name is part of, and which third of its outputs; third is -1 for all.
func (conv1D) stored(name string) (tensor string, third int, turned bool) {
	for i, part := range []string{".c_attn.q.", ".c_attn.k.", ".c_attn.v."} {
		if before, after, ok := strings.Cut(name, part); ok {
			return before + ".c_attn." + after, i, after == "weight"
		}
	}
	turned = strings.HasSuffix(name, ".c_proj.weight") || strings.HasSuffix(name, ".c_fc.weight")
	return name, -1, turned
}

func (c conv1D) shape(name string) ([]int, bool) {
	tensor, third, turned := c.stored(name)
	s, ok := c.weightSource.shape(tensor)
	if !ok || len(s) == 0 {
		return s, ok
	}
	outputs := s[len(s)-1]
	if third >= 0 {
		outputs /= 3
	}
	switch {
	case turned && len(s) == 2:
		return []int{outputs, s[0]}, true
	case third >= 0:
		return []int{outputs}, true
	}
	return s, true
}

func (c conv1D) check(name string) error {
	tensor, _, _ := c.stored(name)
	return c.weightSource.check(tensor)
}

func (c conv1D) read(name string, row, rows, col, cols int, dst []float32) error {
	tensor, third, turned := c.stored(name)
	s, _ := c.weightSource.shape(tensor)
	first := max(third, 0) * s[len(s)-1] / 3
	if !turned { // a bias: its elements are columns of one row
		return c.weightSource.read(tensor, row, rows, first+col, cols, dst)
	}
	piece := make([]float32, cols*rows)
	if err := c.weightSource.read(tensor, col, cols, first+row, rows, piece); err != nil {
		return err
	}
	for i := range rows {
		for j := range cols {
			dst[i*cols+j] = piece[j*rows+i]
		}
	}
	return nil
}

var gpt2Names = names{
	prefixes:  []string{"transformer.", ""},
	embed:     "wte",
	positions: "wpe",
	finalNorm: "ln_f",
	lmHead:    "lm_head",
	layer:     "h.%d.",
	attnNorm:  "ln_1",
	q:         "attn.c_attn.q", k: "attn.c_attn.k", v: "attn.c_attn.v", o: "attn.c_proj",
	ffnNorm: "ln_2",
	up:      "mlp.c_fc", down: "mlp.c_proj",
}

func configureGPT2(c *Config, h *hfConfig) error {
	if h.Activation != "" && h.Activation != "gelu_new" {
		return fmt.Errorf("activation_function %q: GPT-2 with gelu_new alone is supported", h.Activation)
	}
	if !or(h.ScaleAttention, true) || h.ScaleByLayer {
		return fmt.Errorf("scale_attn_weights false and scale_attn_by_inverse_layer_idx true are not supported")
	}
	c.Hidden, c.Embedding, c.Layers, c.Heads, c.KVHeads, c.MaxLen = h.Embd, h.Embd, h.Layer, h.Head, h.Head, h.Positions
	c.FFN = or(h.Inner, 4*h.Embd)
	c.NormEps = or(h.LayerNormEps, 1e-5)
	c.GELU, c.QKVBias, c.OutBias = true, true, true
	return nil
}
