package tensor

import "fmt"

// Softmax replaces x by exp(x-max x), scaled to the sum 1. -Inf becomes 0, unless all elements are -Inf: those, and
// vectors with NaN or +Inf, become NaN, as in PyTorch.
func Softmax(x []float32) {
	if len(x) == 0 {
		return
	}
	sum := expSum(x, maximum(x))
	scale(x, 1/sum)
}

// Rope rotates one head of one token by its position, in Hugging Face's rotate_half form: element i is paired with
// i+d/2. x has length d; cos and sin have length d/2 and belong to the position.
func Rope(x, cos, sin []float32) {
	half := len(x) / 2
	rope(x[:half], x[half:2*half], cos[:half], sin[:half])
}

// DotRows is attention's q·Kᵀ: out[i] = scale · (q · k[i*stride : i*stride+len(q)]) for i = 0 … rows-1.
func DotRows(q, k []float32, rows, stride int, scale float32, out []float32) {
	if rows <= 0 {
		return
	}
	checkRows("dot", k, rows, stride, len(q))
	dotRows(q, k, stride, scale, out[:rows])
}

// MixRows is attention's p·V: out += Σ p[i] · v[i*stride : i*stride+len(out)] for i = 0 … rows-1, in this order.
func MixRows(p, v []float32, rows, stride int, out []float32) {
	if rows <= 0 {
		return
	}
	checkRows("mix", v, rows, stride, len(out))
	mixRows(p[:rows], v, stride, out)
}

func checkRows(op string, x []float32, rows, stride, width int) {
	if stride < 0 || len(x) < (rows-1)*stride+width {
		panic(fmt.Sprintf("tensor: %s %d rows of %d values, %d apart, in %d values", op, rows, width, stride, len(x)))
	}
}
