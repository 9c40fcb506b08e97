package model

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Config is what a model is, whatever family it is of.
type Config struct {
	Architecture string // as config.json says: OPTForCausalLM …
	Dtype        string // of the weights, as config.json says: float16 …; "" if it does not
	family       *family
	quantization *quantization // nil: none

	VocabSize int
	Hidden    int // width of the residual stream
	Embedding int // width of the token embeddings; differs from Hidden in OPT-350M alone
	Layers    int
	Heads     int
	KVHeads   int // < Heads: grouped-query attention
	HeadDim   int
	FFN       int // inner width of the feed-forward block
	MaxLen    int // positions

	RMSNorm       bool    // else LayerNorm
	NormEps       float64 //
	PostNorm      bool    // norm after each sublayer (OPT-350M) instead of before
	NoFinalNorm   bool
	Gated         bool // silu(gate)·up instead of relu(up)
	GELU          bool // gelu (its tanh form) instead of relu
	RopeTheta     float64
	RopeScaling   *ropeScaling // nil: none
	Rope          bool         // else learned positions
	PosOffset     int          // learned positions start here (OPT: 2)
	QKNorm        bool         // RMS norm on each query and key head (Qwen3)
	QKVBias       bool
	OutBias       bool // on attention output and feed-forward
	SlidingWindow int  // attend to so many last positions; 0: all
	TieEmbeddings bool

	BOS int32   // -1: none
	EOS []int32 // any of these ends a text
}

// ropeScaling is Llama 3's stretching of low rotary frequencies.
type ropeScaling struct {
	Type        string  `json:"rope_type"`
	OldType     string  `json:"type"`
	Factor      float64 `json:"factor"`
	LowFactor   float64 `json:"low_freq_factor"`
	HighFactor  float64 `json:"high_freq_factor"`
	OriginalMax float64 `json:"original_max_position_embeddings"`
	Theta       float64 `json:"rope_theta"`
}

// hfConfig is config.json, the keys of all families together.
type hfConfig struct {
	Architectures []string `json:"architectures"`
	ModelType     string   `json:"model_type"`
	VocabSize     int      `json:"vocab_size"`
	HiddenSize    int      `json:"hidden_size"`
	Layers        int      `json:"num_hidden_layers"`
	Heads         int      `json:"num_attention_heads"`
	KVHeads       *int     `json:"num_key_value_heads"`
	HeadDim       *int     `json:"head_dim"`
	MaxPositions  int      `json:"max_position_embeddings"`
	Tie           *bool    `json:"tie_word_embeddings"`

	// OPT
	FFNDim      int    `json:"ffn_dim"`
	EmbedDim    int    `json:"word_embed_proj_dim"`
	NormBefore  *bool  `json:"do_layer_norm_before"`
	NoFinalNorm bool   `json:"_remove_final_layer_norm"`
	EnableBias  *bool  `json:"enable_bias"`
	AffineNorm  *bool  `json:"layer_norm_elementwise_affine"`
	Activation  string `json:"activation_function"`

	// GPT-2
	Embd           int      `json:"n_embd"`
	Layer          int      `json:"n_layer"`
	Head           int      `json:"n_head"`
	Positions      int      `json:"n_positions"`
	Inner          *int     `json:"n_inner"`
	LayerNormEps   *float64 `json:"layer_norm_epsilon"`
	ScaleAttention *bool    `json:"scale_attn_weights"`
	ScaleByLayer   bool     `json:"scale_attn_by_inverse_layer_idx"`

	// Llama and its kin
	Intermediate  int          `json:"intermediate_size"`
	HiddenAct     string       `json:"hidden_act"`
	RMSEps        float64      `json:"rms_norm_eps"`
	RopeTheta     float64      `json:"rope_theta"`
	RopeScaling   *ropeScaling `json:"rope_scaling"`
	RopeParams    *ropeScaling `json:"rope_parameters"` // transformers 5
	AttentionBias bool         `json:"attention_bias"`
	MLPBias       bool         `json:"mlp_bias"`
	SlidingWindow *int         `json:"sliding_window"`
	UseSliding    *bool        `json:"use_sliding_window"`

	BOS          *int32          `json:"bos_token_id"`
	EOS          json.RawMessage `json:"eos_token_id"`
	TorchDtype   string          `json:"torch_dtype"`
	Dtype        string          `json:"dtype"` // transformers 5
	Quantization json.RawMessage `json:"quantization_config"`
}

// ReadConfig reads config.json of a Hugging Face folder. name is the folder's, for errors.
func ReadConfig(fsys fs.FS, name string) (*Config, error) {
	text, err := fs.ReadFile(fsys, "config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no config.json there: a Hugging Face model folder is needed (config.json, *.safetensors, tokenizer.json)", name)
	}
	if err != nil {
		return nil, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s/config.json: %w", name, err)
	}
	return c, nil
}

// ParseConfig reads the text of a config.json.
func ParseConfig(text []byte) (*Config, error) {
	var h hfConfig
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	if len(h.Architectures) == 0 {
		return nil, fmt.Errorf("no \"architectures\": cannot tell what kind of model this is")
	}
	arch := h.Architectures[0]
	f, ok := families[arch]
	if !ok {
		return nil, fmt.Errorf("architecture %s is not supported: supported are %s", arch, strings.Join(Architectures(), ", "))
	}
	q, err := parseQuantization(h.Quantization, arch)
	if err != nil {
		return nil, err
	}
	c := &Config{
		Architecture: arch, family: f, quantization: q, Dtype: cmp.Or(h.Dtype, h.TorchDtype),
		VocabSize: h.VocabSize, Hidden: h.HiddenSize, Embedding: h.HiddenSize, Layers: h.Layers,
		Heads: h.Heads, KVHeads: h.Heads, FFN: h.Intermediate, MaxLen: h.MaxPositions,
		TieEmbeddings: or(h.Tie, f.tiesByDefault), BOS: or(h.BOS, -1),
	}
	if c.EOS, err = tokenIDs(h.EOS); err != nil {
		return nil, fmt.Errorf("eos_token_id: %w", err)
	}
	if err := f.configure(c, &h); err != nil {
		return nil, err
	}
	if c.HeadDim == 0 && c.Heads > 0 {
		c.HeadDim = c.Hidden / c.Heads
	}
	return c, c.validate()
}

// Architectures lists what ParseConfig knows.
func Architectures() []string {
	var names []string
	for n := range families {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// configureOPT: OPT of all sizes; 350M alone has post-norm and a narrower embedding.
func configureOPT(c *Config, h *hfConfig) error {
	if h.Activation != "" && h.Activation != "relu" {
		return fmt.Errorf("activation_function %q: OPT with relu alone is supported", h.Activation)
	}
	if !or(h.AffineNorm, true) {
		return fmt.Errorf("layer_norm_elementwise_affine false is not supported")
	}
	c.FFN, c.NormEps = h.FFNDim, 1e-5
	c.PostNorm = !or(h.NormBefore, true)
	c.NoFinalNorm = c.PostNorm || h.NoFinalNorm
	c.PosOffset = 2
	c.QKVBias, c.OutBias = or(h.EnableBias, true), or(h.EnableBias, true)
	if h.EmbedDim != 0 {
		c.Embedding = h.EmbedDim
	}
	return nil
}

// configureLlama: Llama 1 to 3, and what Mistral and Qwen share with it.
func configureLlama(c *Config, h *hfConfig) error {
	if h.HiddenAct != "" && h.HiddenAct != "silu" {
		return fmt.Errorf("hidden_act %q: silu alone is supported", h.HiddenAct)
	}
	if h.MLPBias {
		return fmt.Errorf("mlp_bias true is not supported")
	}
	c.RMSNorm, c.Gated, c.Rope = true, true, true
	c.NormEps = h.RMSEps
	c.KVHeads, c.HeadDim = or(h.KVHeads, h.Heads), or(h.HeadDim, 0)
	c.QKVBias, c.OutBias = h.AttentionBias, h.AttentionBias
	c.RopeTheta = h.RopeTheta
	c.RopeScaling = h.RopeScaling
	if p := h.RopeParams; p != nil {
		c.RopeScaling = p
		if p.Theta != 0 {
			c.RopeTheta = p.Theta
		}
	}
	if c.RopeTheta == 0 {
		c.RopeTheta = 10000
	}
	if s := c.RopeScaling; s != nil {
		if s.Type == "" {
			s.Type = s.OldType
		}
		switch s.Type {
		case "default", "":
			c.RopeScaling = nil
		case "llama3":
			if s.Factor <= 0 || s.OriginalMax <= 0 || s.HighFactor <= s.LowFactor {
				return fmt.Errorf("rope_scaling of type llama3 needs factor, original_max_position_embeddings and low_freq_factor < high_freq_factor")
			}
		default:
			return fmt.Errorf("rope_type %q is not supported: default and llama3 are", s.Type)
		}
	}
	return nil
}

func configureMistral(c *Config, h *hfConfig) error {
	c.SlidingWindow = or(h.SlidingWindow, 0)
	return configureLlama(c, h)
}

func configureQwen2(c *Config, h *hfConfig) error {
	if or(h.UseSliding, false) {
		return fmt.Errorf("use_sliding_window true is not supported")
	}
	if err := configureLlama(c, h); err != nil {
		return err
	}
	c.QKVBias, c.OutBias = true, false
	return nil
}

func configureQwen3(c *Config, h *hfConfig) error {
	if or(h.UseSliding, false) {
		return fmt.Errorf("use_sliding_window true is not supported")
	}
	c.QKNorm = true
	return configureLlama(c, h)
}

// Limits beyond which a config.json is a mistake or an attack rather than a model: they keep the products of sizes
// that are computed from it inside an int.
const (
	maxWidth  = 1 << 20
	maxLayers = 1 << 12
	maxVocab  = 1 << 24
)

func (c *Config) validate() error {
	for _, f := range []struct {
		key   string
		value int
		limit int
	}{
		{"vocab_size", c.VocabSize, maxVocab}, {"hidden_size", c.Hidden, maxWidth}, {"word_embed_proj_dim", c.Embedding, maxWidth},
		{"num_hidden_layers", c.Layers, maxLayers}, {"num_attention_heads", c.Heads, maxWidth}, {"num_key_value_heads", c.KVHeads, maxWidth},
		{"head_dim", c.HeadDim, maxWidth}, {"the feed-forward width", c.FFN, maxWidth}, {"max_position_embeddings", c.MaxLen, maxVocab},
	} {
		if f.value < 1 || f.value > f.limit {
			return fmt.Errorf("%s is %d: must be between 1 and %d", f.key, f.value, f.limit)
		}
	}
	switch {
	case c.Heads*c.HeadDim > maxWidth:
		return fmt.Errorf("num_attention_heads %d of head_dim %d are wider than %d together", c.Heads, c.HeadDim, maxWidth)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_attention_heads %d is not a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	case c.Rope && c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim %d is odd: rotary positions need pairs", c.HeadDim)
	case !c.Rope && c.Heads*c.HeadDim != c.Hidden:
		return fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d", c.Hidden, c.Heads)
	case !(c.NormEps > 0):
		return fmt.Errorf("rms_norm_eps is %v: must be above 0", c.NormEps)
	case c.Rope && !(c.RopeTheta > 0):
		return fmt.Errorf("rope_theta is %v: must be above 0", c.RopeTheta)
	case c.SlidingWindow < 0:
		return fmt.Errorf("sliding_window is %d: must be 0 or more", c.SlidingWindow)
	}
	return nil
}

// CheckSplit says whether the model can be split over n ranks.
func (c *Config) CheckSplit(n int) error {
	switch {
	case n < 1:
		return fmt.Errorf("tensor_parallel_size %d: must be 1 or more", n)
	case c.Heads%n != 0:
		return fmt.Errorf("tensor_parallel_size %d does not divide the model's %d attention heads: %s", n, c.Heads, divisorsHint(c.Heads))
	case c.KVHeads%n != 0 && n%c.KVHeads != 0:
		return fmt.Errorf("tensor_parallel_size %d neither divides nor is a multiple of the model's %d key-value heads", n, c.KVHeads)
	case c.FFN%n != 0:
		return fmt.Errorf("tensor_parallel_size %d does not divide the feed-forward width %d", n, c.FFN)
	}
	return nil
}

func divisorsHint(heads int) string {
	var ok []string
	for n := 1; n <= heads && n <= 64; n++ {
		if heads%n == 0 {
			ok = append(ok, fmt.Sprint(n))
		}
	}
	return "use " + strings.Join(ok, ", ")
}

// Quantization is the method of the checkpoint's 4-bit weights, awq or gptq; "" if it has none.
func (c *Config) Quantization() string {
	if c.quantization == nil {
		return ""
	}
	return c.quantization.method
}

// IsEOS tells whether id ends a text.
func (c *Config) IsEOS(id int32) bool { return slices.Contains(c.EOS, id) }

// Parameters is the number of weights.
func (c *Config) Parameters() int64 {
	h, kv := int64(c.Hidden), int64(c.KVHeads*c.HeadDim)
	q := int64(c.Heads * c.HeadDim)
	perLayer := h*q*2 + h*kv*2 // q, o, k, v
	if c.Gated {
		perLayer += 3 * h * int64(c.FFN)
	} else {
		perLayer += 2 * h * int64(c.FFN)
	}
	norms := int64(2) * h
	if !c.RMSNorm {
		norms *= 2
	}
	if c.QKVBias {
		perLayer += q + 2*kv
	}
	if c.OutBias {
		perLayer += h
		if !c.Gated {
			perLayer += int64(c.FFN) + h
		}
	}
	if c.QKNorm {
		perLayer += 2 * int64(c.HeadDim)
	}
	n := int64(c.Layers)*(perLayer+norms) + int64(c.VocabSize)*int64(c.Embedding)
	if !c.TieEmbeddings {
		n += int64(c.VocabSize) * int64(c.Embedding)
	}
	if !c.Rope {
		n += int64(c.MaxLen+c.PosOffset) * h
	}
	if c.Embedding != c.Hidden {
		n += 2 * h * int64(c.Embedding)
	}
	if !c.NoFinalNorm {
		n += norms / 2
	}
	return n
}

// tokenIDs reads a number, a list of numbers or null.
func tokenIDs(raw json.RawMessage) ([]int32, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var one int32
	if json.Unmarshal(raw, &one) == nil {
		return []int32{one}, nil
	}
	var many []int32
	err := json.Unmarshal(raw, &many)
	return many, err
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
