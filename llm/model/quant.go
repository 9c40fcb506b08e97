package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/inferprof/inferprof/llm/tensor"
)

// Weights of 4 bits, as AWQ and GPTQ store them. A linear layer of K inputs and N outputs is, instead of a weight,
//
//	        AWQ (GEMM)                         GPTQ
//	qweight [K][N/8], 8 outputs to a word      [K/8][N], 8 inputs to a word
//	qzeros  [K/group][N/8]                     the same, but each output in its place
//	scales  [K/group][N]                       the same
//	g_idx                                      [K], the group of each input
//
// AWQ keeps the outputs of a word in the order 0 2 4 6 1 3 5 7. GPTQ keeps zeros less one, but in its format v2.
// A weight is scale·(q-zero).

// quantization is config.json's quantization_config.
type quantization struct {
	method     string // awq, gptq
	groupSize  int    // inputs; 0: all are one group
	zeroOffset int    // what is to be added to a stored zero
}

// hfQuantization has the keys of both methods.
type hfQuantization struct {
	Method           string          `json:"quant_method"`
	Bits             int             `json:"bits"`
	WBit             int             `json:"w_bit"` // AutoAWQ's own file
	GroupSize        *int            `json:"group_size"`
	QGroupSize       *int            `json:"q_group_size"`
	ZeroPoint        *bool           `json:"zero_point"`
	Version          string          `json:"version"`
	CheckpointFormat string          `json:"checkpoint_format"`
	IsMarlin         bool            `json:"is_marlin_format"`
	Dynamic          json.RawMessage `json:"dynamic"`
}

// parseQuantization reads a quantization_config; nil if there is none.
func parseQuantization(raw json.RawMessage, arch string) (*quantization, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var h hfQuantization
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("quantization_config: %w", err)
	}
	const otherwise = "use the model's float16, bfloat16 or float32 version"
	q := &quantization{method: strings.ToLower(h.Method)}
	if h.Bits == 0 {
		h.Bits = h.WBit
	}
	switch {
	case q.method != "awq" && q.method != "gptq":
		return nil, fmt.Errorf("quantization_config: quant_method %q is not supported: awq and gptq of 4 bits are; %s", h.Method, otherwise)
	case h.Bits != 4:
		return nil, fmt.Errorf("quantization_config: %s of %d bits is not supported: 4 bits are; %s", q.method, h.Bits, otherwise)
	case arch == "GPT2LMHeadModel":
		return nil, fmt.Errorf("quantization_config: %s of GPT-2 is not supported; %s", q.method, otherwise)
	case h.IsMarlin:
		return nil, fmt.Errorf("quantization_config: weights in Marlin's layout are not supported; use the model's plain %s version", q.method)
	case len(h.Dynamic) > 0 && string(h.Dynamic) != "null" && string(h.Dynamic) != "{}":
		return nil, fmt.Errorf("quantization_config: \"dynamic\", with other settings for some layers, is not supported; %s", otherwise)
	}
	size := or(h.GroupSize, or(h.QGroupSize, 128))
	if size < -1 || size == 0 || size > maxWidth {
		return nil, fmt.Errorf("quantization_config: group_size %d: must be -1 or at least 1", size)
	}
	q.groupSize = max(size, 0)
	if q.method == "awq" {
		if v := strings.ToLower(h.Version); v != "" && v != "gemm" {
			return nil, fmt.Errorf("quantization_config: awq's layout %q is not supported: gemm is; use a model in that layout, or %s", h.Version, otherwise)
		}
		if !or(h.ZeroPoint, true) {
			return nil, fmt.Errorf("quantization_config: awq with zero_point false is not supported; %s", otherwise)
		}
		return q, nil
	}
	switch h.CheckpointFormat {
	case "", "gptq":
		q.zeroOffset = 1
	case "gptq_v2":
	default:
		return nil, fmt.Errorf("quantization_config: checkpoint_format %q is not supported: gptq and gptq_v2 are; %s", h.CheckpointFormat, otherwise)
	}
	return q, nil
}

// groups is how many groups k inputs are in.
func (q *quantization) groups(k int) int {
	if q.groupSize == 0 {
		return 1
	}
	return (k + q.groupSize - 1) / q.groupSize
}

// checkPacked says whether a linear layer is stored in 4 bits under a name, and whether it is stored right.
func (w *Weights) checkPacked(name string, outputs, inputs int) (found bool, err error) {
	q := w.config.quantization
	if q == nil {
		return false, nil
	}
	if _, ok := w.source.shape(name + ".qweight"); !ok {
		return false, nil
	}
	if outputs%8 != 0 || inputs%8 != 0 {
		return true, fmt.Errorf("%s: %s has %d outputs of %d inputs in 4 bits: both must be multiples of 8", w.where, name, outputs, inputs)
	}
	groups := q.groups(inputs)
	qweight := []int{inputs, outputs / 8}
	if q.method == "gptq" {
		qweight = []int{inputs / 8, outputs}
	}
	want := map[string][]int{".qweight": qweight, ".qzeros": {groups, outputs / 8}, ".scales": {groups, outputs}}
	if _, ok := w.source.shape(name + ".g_idx"); ok {
		want[".g_idx"] = []int{inputs}
	}
	for _, part := range []string{".qweight", ".qzeros", ".scales", ".g_idx"} {
		shape, called := want[part]
		if !called {
			continue
		}
		got, ok := w.source.shape(name + part)
		if !ok {
			return true, fmt.Errorf("%s: tensor %s is missing, %s is there: the weights are incomplete", w.where, name+part, name+".qweight")
		}
		if !equalShape(got, shape) {
			return true, fmt.Errorf("%s: tensor %s has shape %v, %s with groups of %d calls for %v: the layout is not supported, or does not belong to config.json",
				w.where, name+part, got, q.method, q.groupSize, shape)
		}
		if part == ".scales" {
			err = w.source.check(name + part)
		} else {
			err = w.source.checkInts(name + part)
		}
		if err != nil {
			return true, err
		}
	}
	return true, nil
}

// packed is a linear layer of 4 bits as it is stored.
type packed struct {
	*quantization
	outputs, inputs int
	groupOf         []int32 // [inputs]
	groups          int
	qweight, qzeros []int32
	scales          []float32 // [groups][outputs]
}

// readPacked reads a linear layer.
func (w *Weights) readPacked(name string) (*packed, error) {
	path, q := w.packed[name], w.config.quantization
	shape, _ := w.source.shape(path + ".scales")
	p := &packed{quantization: q, groups: shape[0], outputs: shape[1]}
	shape, _ = w.source.shape(path + ".qweight")
	if p.inputs = shape[0]; q.method == "gptq" {
		p.inputs *= 8
	}
	var err error
	ints := func(part string) (x []int32) {
		if err == nil {
			x, err = w.source.ints(path + part)
		}
		return x
	}
	p.qweight, p.qzeros = ints(".qweight"), ints(".qzeros")
	if _, ok := w.source.shape(path + ".g_idx"); ok {
		p.groupOf = ints(".g_idx")
	} else {
		size := q.groupSize
		if size == 0 {
			size = p.inputs
		}
		p.groupOf = tensor.EvenGroups(p.inputs, size)
	}
	if err != nil {
		return nil, err
	}
	for i, g := range p.groupOf {
		if g < 0 || int(g) >= p.groups {
			return nil, fmt.Errorf("%s: %s.g_idx puts input %d in group %d of %d: the file is damaged", w.where, path, i, g, p.groups)
		}
	}
	p.scales = make([]float32, p.groups*p.outputs)
	return p, w.source.read(path+".scales", 0, p.groups, 0, p.outputs, p.scales)
}

// place is where output n is in its word.
func (p *packed) place(n int) int {
	if p.method == "awq" {
		return n%8/2 + n%2*4
	}
	return n % 8
}

// rows unpacks outputs first and following of some inputs: q is [rows][inputs], scales and zeros [rows][groups].
func (p *packed) rows(first, rows int, inputs span, q []uint8, scales []uint16, zeros []uint8) {
	words := p.outputs / 8
	for r := range rows {
		n := first + r
		shift := 4 * p.place(n)
		for g := range p.groups {
			scales[r*p.groups+g] = tensor.Float16Bits(p.scales[g*p.outputs+n])
			zeros[r*p.groups+g] = uint8(uint32(p.qzeros[g*words+n/8])>>shift&15) + uint8(p.zeroOffset)
		}
		out := q[r*inputs.len() : (r+1)*inputs.len()]
		if p.method == "awq" {
			for i := range out {
				out[i] = uint8(uint32(p.qweight[(inputs.lo+i)*words+n/8]) >> shift & 15)
			}
			continue
		}
		for i := range out {
			k := inputs.lo + i
			out[i] = uint8(uint32(p.qweight[k/8*p.outputs+n]) >> (4 * (k % 8)) & 15)
		}
	}
}

// dense writes the weights of some outputs and inputs to dst, [rows][inputs].
func (p *packed) dense(first, rows int, inputs span, dst []float32) {
	q, scales, zeros := make([]uint8, rows*inputs.len()), make([]uint16, rows*p.groups), make([]uint8, rows*p.groups)
	p.rows(first, rows, inputs, q, scales, zeros)
	for r := range rows {
		for i := range inputs.len() {
			g := r*p.groups + int(p.groupOf[inputs.lo+i])
			dst[r*inputs.len()+i] = tensor.Float16Value(scales[g]) * (float32(q[r*inputs.len()+i]) - float32(zeros[g]))
		}
	}
}

// roundingGroup is the inputs to a group of weights that are rounded as they are loaded.
const roundingGroup = 128

// roundToInt4 rounds a group of one output to 4 bits: what AWQ and GPTQ start from, without what they do to make up for
// the errors. AWQ's zeros are free, so that the group's range, with 0 in it, is used; GPTQ's usual ones are in the middle.
func roundToInt4(method string, w []float32, q []uint8) (scale uint16, zero uint8) {
	low, high := float32(0), float32(0)
	for _, v := range w {
		low, high = min(low, v), max(high, v)
	}
	if method == "gptq" {
		high = max(high, -low)
		low = -high
	}
	scale = tensor.Float16Bits((high - low) / 15)
	s := float64(tensor.Float16Value(scale))
	if s == 0 || math.IsInf(s, 0) || math.IsNaN(s) { // nothing to tell apart, or nothing that can be
		clear(q)
		return scale, 0
	}
	zero = 8
	if method == "awq" {
		zero = uint8(min(max(math.Round(float64(-low)/s), 0), 15))
	}
	for i, v := range w {
		q[i] = uint8(min(max(math.RoundToEven(float64(v)/s)+float64(zero), 0), 15))
	}
	return scale, zero
}
