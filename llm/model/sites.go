package model

import (
	"strings"

	"github.com/inferprof/inferprof/llm"
)

// The places of a model where work is recorded. Ops bear the names that PyTorch and vLLM give them, modules those of
// the Hugging Face model, with vLLM's fused projections.

// modelSites are those outside the layers.
type modelSites struct {
	embed, embedSum, positions, selectRows, gather, model *llm.Site
}

func newModelSites(c *Config) modelSites {
	n := &c.family.names
	embed := "model." + n.embed
	return modelSites{
		embed:      opSite("aten::embedding", embed),
		embedSum:   collectiveSite("c10d::allreduce_", embed),
		positions:  opSite("aten::add_", "model."+n.positions),
		selectRows: opSite("aten::index_select", "logits_processor"),
		gather:     collectiveSite("c10d::allgather_", "logits_processor"),
		model:      moduleSite(c.className()+"Model", "model"),
	}
}

// layerSites are those of one layer.
type layerSites struct {
	qkv, rope, store, attend, out, outSum, addAttention *llm.Site
	up, activation, down, downSum, addFFN               *llm.Site
	layer, attention, ffn                               *llm.Site
}

func newLayerSites(c *Config, i int) layerSites {
	n := &c.family.names
	at := func(part string) string { return "model." + n.inLayer(i, part) }
	layer := strings.TrimSuffix(at(""), ".")
	attention, ffn := layer+".self_attn", layer+".mlp"
	s := layerSites{
		qkv:          opSite("aten::linear", attention+".qkv_proj"),
		rope:         opSite("_C::rotary_embedding", attention+".rotary_emb"),
		store:        opSite("_C_cache_ops::reshape_and_cache", attention+".attn"),
		attend:       opSite("vllm::unified_attention", attention+".attn"),
		out:          opSite("aten::linear", at(n.o)),
		outSum:       collectiveSite("c10d::allreduce_", at(n.o)),
		addAttention: opSite("aten::add_", attention),
		up:           opSite("aten::linear", at(n.up)),
		activation:   opSite("aten::relu_", ffn+".activation_fn"),
		down:         opSite("aten::linear", at(n.down)),
		downSum:      collectiveSite("c10d::allreduce_", at(n.down)),
		addFFN:       opSite("aten::add_", ffn),
		layer:        moduleSite(c.className()+"DecoderLayer", layer),
		attention:    moduleSite(c.className()+"Attention", attention),
		ffn:          moduleSite(c.className()+"MLP", ffn),
	}
	switch {
	case c.Gated:
		s.up = opSite("aten::linear", ffn+".gate_up_proj")
		s.activation = opSite("_C::silu_and_mul", ffn+".act_fn")
	case c.GELU:
		s.activation = opSite("aten::gelu", ffn+".act")
	}
	return s
}

// normOp is the op that the family's norms are.
func (c *Config) normOp() string {
	if c.RMSNorm {
		return "_C::rms_norm"
	}
	return "aten::layer_norm"
}

// className is the prefix of the family's class names: OPT, Llama …
func (c *Config) className() string {
	return strings.TrimSuffix(strings.TrimSuffix(c.Architecture, "ForCausalLM"), "LMHeadModel")
}
