package model

import (
	"fmt"
	"hash/fnv"
)

// dummyWeights are random weights of the right shapes (--load-format dummy): for profiling a model whose weights are
// not at hand. Each element is a function of tensor, row and column alone, so that every split over ranks and every
// run sees the same model. Matrices are uniform with standard deviation 1/√columns, which keeps activations near 1
// through any number of layers (all-zero or vanishing ones would meet denormals, and time a different program); norms
// are 1, biases 0.
type dummyWeights struct{ shapes map[string][]int }

func (d *dummyWeights) shape(name string) ([]int, bool) { s, ok := d.shapes[name]; return s, ok }

func (d *dummyWeights) check(string) error { return nil }

func (d *dummyWeights) checkInts(string) error { return nil }

func (d *dummyWeights) ints(name string) ([]int32, error) {
	return nil, fmt.Errorf("dummy weights have no %s", name)
}

func (d *dummyWeights) Close() error { return nil }

func (d *dummyWeights) read(name string, row, rows, col, cols int, dst []float32) error {
	shape := d.shapes[name]
	if len(shape) == 1 {
		value := float32(1)
		if len(name) > 5 && name[len(name)-5:] == ".bias" {
			value = 0
		}
		for i := range dst[:rows*cols] {
			dst[i] = value
		}
		return nil
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	seed := h.Sum64()
	scale := uniformScale(shape[1])
	for i := range rows {
		base := mix64(seed + uint64(row+i))
		out := dst[i*cols : (i+1)*cols]
		for j := range out {
			out[j] = float32(int32(mix64(base+uint64(col+j)))) * scale
		}
	}
	return nil
}

// mix64 is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func mix64(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
