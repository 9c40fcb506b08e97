package tensor

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sort"
)

// Weights of 4 bits, as AWQ and GPTQ make them: along its inputs an output's weights are in groups, each of which has a
// scale s and a zero z, and w = s·(q-z) with q from 0 to 15. s is a float16 and z a small integer, so that w is a float32
// without rounding, and the products are those of a float32 matrix of the same weights, bit for bit.
//
// A panel is one stream, group after group. A group is a header of 32 scales and 32 zeros in float16 (a
// zero of GPTQ can be 16), then its weights, 8 along K to a word of 32 bits: [steps/8][32]. Byte b of a word has weight b
// in its low half and weight 4+b in its high half, so that one mask gives four consecutive weights in four bytes.
//
// Inputs may be in groups in any order (GPTQ with desc_act). They are sorted by group, and MatMul reorders the
// activations to match. A group that is no multiple of 8 inputs (a rank's part of one may be) is padded with weights
// that multiply nothing.

const (
	wordWeights = 8
	headerSize  = panelRows // in float32s: scales and zeros
)

// group is one group of inputs in a panel.
type group struct {
	id         int // in the scales
	first, end int // steps
	offset     int // of the header in the panel; the weights follow it
}

// NewInt4Matrix returns a matrix of zeros of n outputs and as many inputs as groupOf has: it tells each input's group.
func NewInt4Matrix(n int, groupOf []int32) *Matrix {
	if n < 1 || len(groupOf) == 0 {
		panic(fmt.Sprintf("tensor: matrix of %d outputs by %d inputs in int4", n, len(groupOf)))
	}
	inputs := make([]int32, len(groupOf))
	for i := range inputs {
		inputs[i] = int32(i)
	}
	slices.SortStableFunc(inputs, func(a, b int32) int { return cmp.Compare(groupOf[a], groupOf[b]) })
	m := &Matrix{N: n, K: len(groupOf), format: Int4}
	for len(inputs) > 0 {
		g := group{id: int(groupOf[inputs[0]]), first: len(m.order), offset: m.panelSize}
		for len(inputs) > 0 && int(groupOf[inputs[0]]) == g.id {
			m.order = append(m.order, inputs[0])
			inputs = inputs[1:]
		}
		for len(m.order)%wordWeights != 0 {
			m.order = append(m.order, -1)
		}
		g.end = len(m.order)
		m.groups = append(m.groups, g)
		m.panelSize += headerSize + (g.end-g.first)/wordWeights*panelRows
	}
	m.steps = len(m.order)
	inPlace := m.steps == m.K
	for step, input := range m.order {
		inPlace = inPlace && int(input) == step
	}
	if inPlace {
		m.order = nil
	}
	return m.allocate()
}

// EvenGroups are the groups of k inputs in order, size to a group.
func EvenGroups(k, size int) []int32 {
	groupOf := make([]int32, k)
	for i := range groupOf {
		groupOf[i] = int32(i / size)
	}
	return groupOf
}

// SetInt4Rows packs outputs firstRow and following. q is [rows][K], each 0 to 15; scales (float16) and zeros are
// [rows][groups], by the numbers that NewInt4Matrix was given. Goroutines may set different rows at once.
func (m *Matrix) SetInt4Rows(firstRow int, q []uint8, scales []uint16, zeros []uint8, groups int) {
	rows := len(q) / m.K
	if m.format != Int4 || len(q) != rows*m.K || firstRow < 0 || firstRow+rows > m.N || len(scales) < rows*groups || len(zeros) < rows*groups {
		panic(fmt.Sprintf("tensor: set %d values with %d scales and %d zeros from row %d in a matrix of %d by %d in %v",
			len(q), len(scales), len(zeros), firstRow, m.N, m.K, m.format))
	}
	for r := range rows {
		panel, lane := m.panel((firstRow+r)/panelRows), (firstRow+r)%panelRows
		row := q[r*m.K : (r+1)*m.K]
		for _, g := range m.groups {
			header := halves(panel[g.offset:])
			zero := zeros[r*groups+g.id]
			header[lane] = scales[r*groups+g.id]
			header[panelRows+lane] = Float16Bits(float32(zero))
			out := words(panel[g.offset+headerSize:])[lane:]
			for step := g.first; step < g.end; step += wordWeights {
				word := uint32(0)
				for i := range wordWeights {
					input := step + i
					if m.order != nil {
						input = int(m.order[step+i])
					}
					v := uint32(zero) & 15 // of padding: any, it multiplies nothing
					if input >= 0 {
						v = uint32(row[input] & 15)
					}
					word |= v << nibble(i)
				}
				out[(step-g.first)/wordWeights*panelRows] = word
			}
		}
	}
	runtime.KeepAlive(m)
}

// nibble is where weight i of 8 begins in its word.
func nibble(i int) int { return i%4*8 + i/4*4 }

// gather writes the inputs of x in the order of the steps to dst.
func (m *Matrix) gather(x, dst []float32) {
	for step, input := range m.order {
		if input < 0 {
			dst[step] = 0
		} else {
			dst[step] = x[input]
		}
	}
}

func (m *Matrix) rowInt4(panel []float32, lane int, dst []float32) {
	for _, g := range m.groups {
		header, weights := halves(panel[g.offset:]), words(panel[g.offset+headerSize:])[lane:]
		scale, zero := Float16Value(header[lane]), Float16Value(header[panelRows+lane])
		for step := g.first; step < g.end; step++ {
			input := step
			if m.order != nil {
				input = int(m.order[step])
			}
			if input < 0 {
				continue
			}
			i := step - g.first
			q := weights[i/wordWeights*panelRows] >> nibble(i%wordWeights) & 15
			dst[input] = scale * (float32(q) - zero)
		}
	}
}

// Groups is how many groups the inputs are in; 0 if the weights are not Int4.
func (m *Matrix) Groups() int { return len(m.groups) }

// groupAt is the index of the group of a step.
func (m *Matrix) groupAt(step int) int {
	return sort.Search(len(m.groups), func(i int) bool { return m.groups[i].end > step })
}

func (m *Matrix) widenInt4(panel []float32, first, count int, dst []float32) {
	for i := m.groupAt(first); count > 0; i++ {
		g := &m.groups[i]
		n := min(count, g.end-first)
		weights := panel[g.offset+headerSize+(first-g.first)/wordWeights*panelRows:]
		widenInt4(panel[g.offset:], weights, dst[:n*panelRows])
		dst, first, count = dst[n*panelRows:], first+n, count-n
	}
}

// widenInt4Portable writes len(dst)/32 steps of a group's weights to dst.
func widenInt4Portable(header, weights, dst []float32) {
	var scales, zeros [panelRows]float32
	for lane := range panelRows {
		scales[lane] = Float16Value(halves(header)[lane])
		zeros[lane] = Float16Value(halves(header)[panelRows+lane])
	}
	w := words(weights)
	for step := range len(dst) / panelRows {
		row, shift := w[step/wordWeights*panelRows:][:panelRows], nibble(step%wordWeights)
		out := dst[step*panelRows:][:panelRows]
		for lane, word := range row {
			out[lane] = scales[lane] * (float32(word>>shift&15) - zeros[lane])
		}
	}
}
