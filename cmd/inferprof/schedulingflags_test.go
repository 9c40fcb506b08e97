package main

import "testing"

func TestByteSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "1k": 1000, "1K": 1024, "2M": 2 << 20, "1.5G": 3 << 29, "1g": 1e9, "1GiB": 1 << 30, "3T": 3 << 40,
		"": 0, "0": 0, "-1": 0, "x": 0, "K": 0, "1e30": 0, "NaN": 0, "1Q": 0,
	} {
		var b byteSize
		if err := b.Set(text); (err == nil) != (want > 0) || int64(b) != want {
			t.Errorf("%q: %d, %v; want %d", text, b, err, want)
		}
	}
}
