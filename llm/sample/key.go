package sample

import "math"

// key is a logit and its token's id in one integer. The better token has the larger key: the larger logit, or of equal
// ones the smaller id. Comparing two is one instruction, and no two are equal. No finite logit's key is 0.
type key uint64

func newKey(logit float32, id int) key {
	// A float's bits order like an integer's, but for the sign: negative ones are reversed and belong below. Adding 0
	// makes -0 a 0, which it equals.
	b := math.Float32bits(logit + 0)
	if b>>31 == 1 {
		b = ^b
	} else {
		b |= 1 << 31
	}
	return key(b)<<32 | key(^uint32(id))
}

func (k key) logit() float32 {
	b := uint32(k >> 32)
	if b>>31 == 1 {
		b &^= 1 << 31
	} else {
		b = ^b
	}
	return math.Float32frombits(b)
}

func (k key) id() int32 { return int32(^uint32(k)) }

// selectTop moves the n largest keys to the front, in no order (quickselect). 0 < n < len(keys).
func selectTop(keys []key, n int) {
	for len(keys) > 1 {
		middle := partition(keys)
		switch {
		case n <= middle:
			keys = keys[:middle]
		case n == middle+1:
			return
		default:
			keys, n = keys[middle+1:], n-middle-1
		}
	}
}

// partition takes one of keys, which are all different, moves the larger ones before it and the smaller ones behind it,
// and returns where it then is. It takes the median of the first, the middle and the last one.
func partition(keys []key) int {
	last := len(keys) - 1
	for _, i := range [...]int{0, last / 2} { // now the median to the end
		if other := last/2 - i; (keys[i] > keys[last]) != (keys[i] > keys[other]) {
			keys[i], keys[last] = keys[last], keys[i]
			break
		}
	}
	pivot, middle := keys[last], 0
	for i, k := range keys[:last] {
		if k > pivot {
			keys[i], keys[middle] = keys[middle], k
			middle++
		}
	}
	keys[middle], keys[last] = pivot, keys[middle]
	return middle
}
