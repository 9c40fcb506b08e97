package tensor

// ReLU replaces negative elements by zero. NaN stays.
func ReLU(x []float32) { relu(x) }

// GELU replaces x by x·Φ(x), where Φ is the normal distribution function: PyTorch's gelu, "gelu" in Hugging Face
// configurations. Its error is below 3e-7·max(1, |x|).
func GELU(x []float32) { gelu(x) }

// GELUTanh replaces x by x/2·(1+tanh(√(2/π)(x+0.044715x³))): PyTorch's gelu with approximate="tanh", "gelu_new" and
// "gelu_pytorch_tanh" in Hugging Face configurations.
func GELUTanh(x []float32) { geluTanh(x) }

// SiLUMul writes silu(gate)·up to dst, silu(g) = g/(1+exp(-g)): the gated part of Llama's MLP. gate and up are at least as
// long as dst; dst may be one of them.
func SiLUMul(dst, gate, up []float32) { siluMul(dst, gate[:len(dst)], up[:len(dst)]) }
