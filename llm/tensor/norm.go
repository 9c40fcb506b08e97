package tensor

// LayerNorm writes (x-mean)/√(variance+eps)·weight + bias to dst, with mean and (biased) variance of x: PyTorch's
// LayerNorm over the last dimension. All slices are at least as long as x; dst may be x.
func LayerNorm(dst, x, weight, bias []float32, eps float32) {
	n := len(x)
	if n > 0 {
		layerNorm(dst[:n], x, weight[:n], bias[:n], eps)
	}
}

// RMSNorm writes x/√(mean of squares+eps)·weight to dst, as Llama's and Qwen's norms do. All slices are at least as long as
// x; dst may be x.
func RMSNorm(dst, x, weight []float32, eps float32) {
	n := len(x)
	if n > 0 {
		rmsNorm(dst[:n], x, weight[:n], eps)
	}
}
