package model

import "fmt"

// family is what a model family adds: how its config.json reads, and what its weights are called.
type family struct {
	configure     func(*Config, *hfConfig) error
	tiesByDefault bool // tie_word_embeddings when config.json is silent
	names         names
	show          func(weightSource) weightSource // how its files are to be read; nil: as they are
}

// names are a family's weight names. %d is the layer. Weights alone; biases are the same with .bias for .weight.
type names struct {
	prefixes     []string // tried in turn before each name
	embed        string
	positions    string
	projectIn    string
	projectOut   string
	finalNorm    string
	lmHead       string
	layer        string // prefix of the rest
	attnNorm     string
	q, k, v, o   string
	qNorm, kNorm string
	ffnNorm      string
	gate, up     string
	down         string
}

var optNames = names{
	prefixes:   []string{"model.decoder.", "decoder.", ""},
	embed:      "embed_tokens",
	positions:  "embed_positions",
	projectIn:  "project_in",
	projectOut: "project_out",
	finalNorm:  "final_layer_norm",
	lmHead:     "lm_head",
	layer:      "layers.%d.",
	attnNorm:   "self_attn_layer_norm",
	q:          "self_attn.q_proj", k: "self_attn.k_proj", v: "self_attn.v_proj", o: "self_attn.out_proj",
	ffnNorm: "final_layer_norm",
	up:      "fc1", down: "fc2",
}

var llamaNames = names{
	prefixes:  []string{"model.", ""},
	embed:     "embed_tokens",
	finalNorm: "norm",
	lmHead:    "lm_head",
	layer:     "layers.%d.",
	attnNorm:  "input_layernorm",
	q:         "self_attn.q_proj", k: "self_attn.k_proj", v: "self_attn.v_proj", o: "self_attn.o_proj",
	qNorm: "self_attn.q_norm", kNorm: "self_attn.k_norm",
	ffnNorm: "post_attention_layernorm",
	gate:    "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj",
}

// families by the architecture that config.json names.
var families = map[string]*family{
	"GPT2LMHeadModel":    {configure: configureGPT2, tiesByDefault: true, names: gpt2Names, show: func(s weightSource) weightSource { return conv1D{s} }},
	"OPTForCausalLM":     {configure: configureOPT, tiesByDefault: true, names: optNames},
	"LlamaForCausalLM":   {configure: configureLlama, names: llamaNames},
	"MistralForCausalLM": {configure: configureMistral, names: llamaNames},
	"Qwen2ForCausalLM":   {configure: configureQwen2, names: llamaNames},
	"Qwen3ForCausalLM":   {configure: configureQwen3, names: llamaNames},
}

// inLayer is the name of a weight of layer i, e.g. layers.3.fc1.
func (n *names) inLayer(i int, part string) string { return fmt.Sprintf(n.layer, i) + part }
