package tensor

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// withoutDots makes the CPU one without products of bytes and of bfloat16 until the test ends.
func withoutDots(t *testing.T) {
	vnni, avxVNNI, bf16 := hasVNNI, hasAVXVNNI, hasBF16Dot
	hasVNNI, hasAVXVNNI, hasBF16Dot = false, false, false
	t.Cleanup(func() { hasVNNI, hasAVXVNNI, hasBF16Dot = vnni, avxVNNI, bf16 })
}

// Every kernel for 4-bit weights and rounded activations gives AVX2's results, bit for bit.
func TestInt8KernelsAgree(t *testing.T) {
	if bestSet() < setAVX2 {
		t.Skip("this CPU has no AVX2")
	}
	for _, other := range []struct {
		name    string
		has     bool
		kernels *[int8TileRows]int4Kernel
	}{
		{"AVX512", bestSet() == setAVX512, &tilesInt8AVX512},
		{"AVX512-VNNI", bestSet() == setAVX512 && hasVNNI, &tilesInt8AVX512VNNI},
		{"AVX-VNNI", hasAVXVNNI, &tilesInt8AVXVNNI},
	} {
		t.Run(other.name, func(t *testing.T) {
			if !other.has {
				t.Skipf("this CPU has no %s", other.name)
			}
			for rows := 1; rows <= int8TileRows; rows++ {
				for blocks := 1; blocks <= 6; blocks++ {
					r := newRand(10*rows + blocks)
					w := randomInt4(r, panelRows, EvenGroups(blocks*int8Block, blocks*int8Block))
					for i := range w.q {
						if i/100%3 == 0 {
							w.q[i] = 15 // sums in 16 bits come near their limit
						}
					}
					m := w.matrix(panelRows)
					x, records := random(r, rows*m.K), make([]float32, blocks*recordSize*rows)
					for i := range x {
						if i/int8Block%3 == 1 {
							x[i] = float32(1 - i%2*2) // ±127
						}
					}
					for i := range rows {
						roundRowPortable(x[i*m.K:(i+1)*m.K], records[i:], rows)
					}
					const stride = panelRows + 5
					want := random(r, (rows-1)*stride+panelRows)
					got := clone(want)
					tilesInt8AVX2[rows-1](blocks, &m.data[0], &records[0], &m.data[headerSize], &want[0], stride)
					other.kernels[rows-1](blocks, &m.data[0], &records[0], &m.data[headerSize], &got[0], stride)
					if !sameBits(got, want) {
						t.Fatalf("%d rows, %d blocks: %v, want %v", rows, blocks, got, want)
					}
				}
			}
		})
	}
}

// A generator that runs out of AVX2's 16 registers takes AVX-512's, which a machine that has them would not notice.
func TestAVX2KeepsToItsRegisters(t *testing.T) {
	for _, file := range []string{"avx2_amd64.s", "avxvnni_amd64.s"} {
		text, err := os.ReadFile(filepath.Join("internal", "asm", file))
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|[ZK]\d+)\b`).Find(text); found != nil {
			t.Errorf("the kernels in %s use register %s", file, found)
		}
	}
}
