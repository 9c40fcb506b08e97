package model

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/inferprof/inferprof/llm/tensor"
)

// changed is a checkpoint whose integers are changed as they are read.
type changed struct {
	weightSource
	change func(name string, x []int32)
}

func (c changed) ints(name string) ([]int32, error) {
	x, err := c.weightSource.ints(name)
	c.change(name, x)
	return x, err
}

// GPTQ's format v2 keeps zeros as they are, v1 less one: the same model in both.
func TestGPTQZeros(t *testing.T) {
	g := loadGolden(t, "testdata/llama-gptq-desc_act")
	w, err := OpenWeights(g.dir, g.name, g.config)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	overflow := false
	w.source = changed{w.source, func(name string, x []int32) {
		if !strings.HasSuffix(name, ".qzeros") {
			return
		}
		for i, v := range x {
			for nibble := range 8 {
				overflow = overflow || uint32(v)>>(4*nibble)&15 == 15
			}
			x[i] = int32(uint32(v) + 0x11111111)
		}
	}}
	g.config.quantization.zeroOffset = 0
	logits := newSplit(t, w, 1, 1, len(g.ids)).run(g.ids, 0)
	if overflow {
		t.Skip("the model has zeros of 16, which v2 cannot keep")
	}
	if d := maxDifference(logits, g.logits); d > 1e-4 {
		t.Errorf("logits differ by up to %g", d)
	}
}

// Layers that are computed as one but have their inputs in other groups are kept in 16 bits.
func TestPartsInOtherGroups(t *testing.T) {
	g := loadGolden(t, "testdata/llama-gptq-desc_act")
	load := func(k string) *split {
		w, err := OpenWeights(g.dir, g.name, g.config)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		w.source = changed{w.source, func(name string, x []int32) {
			if strings.Contains(name, k) && strings.HasSuffix(name, ".g_idx") {
				slices.Reverse(x)
			}
		}}
		return newSplit(t, w, 1, 1, len(g.ids))
	}
	for k, want := range map[string]tensor.Format{"layers.0.self_attn.k_proj": tensor.Float32, "layers.0.self_attn": tensor.Int4} {
		s := load(k)
		if got := s.shards[0].layers[0].qkv.weight.Format(); got != want {
			t.Errorf("with other groups in %s: %v, want %v", k, got, want)
		}
		if name := s.shards[0].layers[0].qkv.site.Name; (name == "aten::linear") != (want == tensor.Float32) {
			t.Errorf("with other groups in %s: recorded as %s", k, name)
		}
		s.run(g.ids, 0)
	}
}

func TestBadPackedWeights(t *testing.T) {
	dir := os.DirFS("testdata/llama-awq")
	config, err := os.ReadFile("testdata/llama-awq/config.json")
	if err != nil {
		t.Fatal(err)
	}
	weights, err := os.ReadFile("testdata/llama-awq/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if err := openFolder(dir); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, new, want string }{
		{`"group_size": 32`, `"group_size": 64`, "the layout is not supported, or does not belong to config.json"},
		{`"quant_method": "awq"`, `"quant_method": "gptq"`, "the layout is not supported"},
		{`o_proj.qzeros`, `o_proj.qzerox`, "o_proj.qzeros is missing"},
		{`o_proj.scales`, `o_proj.scalex`, "o_proj.scales is missing"},
		{`o_proj.qweight`, `o_proj.qweighx`, "o_proj.weight is missing"},
	} {
		folder := fstest.MapFS{
			"config.json":       {Data: []byte(strings.ReplaceAll(string(config), test.old, test.new))},
			"model.safetensors": {Data: []byte(strings.ReplaceAll(string(weights), test.old, test.new))},
		}
		if err := openFolder(folder); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: error %v, want one with %q", test.new, test.old, err, test.want)
		}
	}
	c, err := ReadConfig(dir, "llama-awq")
	if err != nil {
		t.Fatal(err)
	}
	w, err := OpenWeights(dir, "llama-awq", c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if p, err := w.readPacked("layers.0.mlp.up_proj"); err != nil || p.inputs != c.Hidden || p.outputs != c.FFN {
		t.Errorf("%+v, %v", p, err)
	}
}
