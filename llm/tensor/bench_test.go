package tensor

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// The shapes of opt-125m: attention, MLP, head; and one of a model of 7 billion weights.
var benchShapes = [][2]int{{768, 768}, {3072, 768}, {768, 3072}, {50272, 768}, {4096, 4096}}

// streamedBytes is what benchmarks of single rows go through, so that weights come from memory, not from a cache.
const streamedBytes = 256 << 20

// A roofline compares the best of many equal pieces of work with the best rounds of MeasureBandwidth before and after:
// on a machine that others use too, means of either say more about them.
type roofline struct {
	bytesPerSecond float64
	best           time.Duration
}

func newRoofline() *roofline {
	return &roofline{bytesPerSecond: MeasureBandwidth(streamedBytes, 20), best: math.MaxInt64}
}

// time runs one piece of work.
func (r *roofline) time(work func()) {
	start := time.Now()
	work()
	r.best = min(r.best, time.Since(start))
}

// report says how fast the best piece read its bytes.
func (r *roofline) report(b *testing.B, bytes int64) {
	b.StopTimer()
	r.bytesPerSecond = max(r.bytesPerSecond, MeasureBandwidth(streamedBytes, 20))
	speed := float64(bytes) / r.best.Seconds()
	b.ReportMetric(speed/1e9, "GB/s")
	b.ReportMetric(r.bytesPerSecond/1e9, "roofline-GB/s")
	b.ReportMetric(100*speed/r.bytesPerSecond, "%roofline")
}

func benchSets(b *testing.B, run func(b *testing.B)) {
	for _, set := range KernelSets() {
		b.Run(set, func(b *testing.B) {
			useSet(b, set)
			run(b)
		})
	}
}

func filled(n, k int) *Matrix {
	m := NewMatrix(n, k)
	for i := range m.data {
		m.data[i] = float32(i%7) * 0.01
	}
	return m
}

// BenchmarkBandwidth is the roofline of one core.
func BenchmarkBandwidth(b *testing.B) {
	benchSets(b, func(b *testing.B) {
		best := 0.0
		for b.Loop() {
			best = max(best, MeasureBandwidth(512<<20, 3))
		}
		b.ReportMetric(best/1e9, "GB/s")
	})
}

// BenchmarkMatVec is decoding at batch 1, an operation being a pass over enough equal matrices to exceed the caches.
func BenchmarkMatVec(b *testing.B) {
	benchSets(b, func(b *testing.B) {
		p := newPool(b, 1)
		for _, s := range benchShapes {
			b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) {
				ms := []*Matrix{filled(s[0], s[1])}
				for int64(len(ms))*ms[0].Bytes() < streamedBytes {
					ms = append(ms, filled(s[0], s[1]))
				}
				x, y := make([]float32, s[1]), make([]float32, s[0])
				r := newRoofline()
				for b.Loop() {
					r.time(func() {
						for _, m := range ms {
							m.MatMul(p, x, 1, y, nil)
						}
					})
				}
				r.report(b, int64(len(ms))*ms[0].Bytes())
			})
		}
	})
}

// BenchmarkMatMul is prefill and batched decoding.
func BenchmarkMatMul(b *testing.B) {
	benchSets(b, func(b *testing.B) {
		for _, threads := range []int{1, 2} {
			p := newPool(b, threads)
			for _, rows := range []int{2, 4, 8, 16, 128, 512} {
				for _, s := range benchShapes[:3] {
					b.Run(fmt.Sprintf("threads=%d/rows=%d/%dx%d", threads, rows, s[0], s[1]), func(b *testing.B) {
						m := filled(s[0], s[1])
						x, y := make([]float32, rows*s[1]), make([]float32, rows*s[0])
						for b.Loop() {
							m.MatMul(p, x, rows, y, nil)
						}
						flops := 2 * float64(rows) * float64(s[0]) * float64(s[1]) * float64(b.N)
						b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					})
				}
			}
		}
	})
}

// BenchmarkDecode is the matrices of opt-125m, 12 layers and the head, at batch 1 and more.
func BenchmarkDecode(b *testing.B) {
	var layers []*Matrix
	bytes := int64(0)
	for range 12 {
		for _, s := range [][2]int{{3 * 768, 768}, {768, 768}, {3072, 768}, {768, 3072}} {
			layers = append(layers, filled(s[0], s[1]))
		}
	}
	layers = append(layers, filled(50272, 768))
	for _, m := range layers {
		bytes += m.Bytes()
	}
	benchSets(b, func(b *testing.B) {
		for _, threads := range []int{1, 2} {
			for _, batch := range []int{1, 4, 16} {
				b.Run(fmt.Sprintf("threads=%d/batch=%d", threads, batch), func(b *testing.B) {
					p := newPool(b, threads)
					x, y := make([]float32, batch*3072), make([]float32, batch*50272)
					r := newRoofline()
					for b.Loop() {
						r.time(func() {
							for _, m := range layers {
								m.MatMul(p, x, batch, y, nil)
							}
						})
					}
					r.report(b, bytes)
					b.ReportMetric(float64(batch)/r.best.Seconds(), "tokens/s")
				})
			}
		}
	})
}

// BenchmarkPack is loading: weights packed per second.
func BenchmarkPack(b *testing.B) {
	benchSets(b, func(b *testing.B) {
		const n, k = 3072, 768
		w := make([]float32, n*k)
		m := NewMatrix(n, k)
		for b.Loop() {
			m.SetRows(0, w)
		}
		b.ReportMetric(float64(n*k)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mweights/s")
	})
}

// BenchmarkOps are the operations between the matrices, as opt-125m and a small Llama use them after 512 tokens.
func BenchmarkOps(b *testing.B) {
	const n, tokens, head = 768, 512, 64
	r := newRand(1)
	x, y, w, bias, out := random(r, n), random(r, n), random(r, n), random(r, n), make([]float32, n)
	ffn, gate := random(r, 3072), random(r, 3072)
	kv, scores, logits := random(r, tokens*n), random(r, tokens), random(r, 50272)
	benchSets(b, func(b *testing.B) {
		for _, op := range []struct {
			name string
			run  func()
		}{
			{"LayerNorm768", func() { LayerNorm(out, x, w, bias, 1e-5) }},
			{"RMSNorm768", func() { RMSNorm(out, x, w, 1e-5) }},
			{"Add768", func() { Add(out, y) }},
			{"ReLU3072", func() { ReLU(ffn) }},
			{"GELU3072", func() { GELU(ffn) }},
			{"GELUTanh3072", func() { GELUTanh(ffn) }},
			{"SiLUMul3072", func() { SiLUMul(ffn, gate, gate) }},
			{"Softmax512", func() { Softmax(scores) }},
			{"Rope64", func() { Rope(x[:head], w[:head/2], bias[:head/2]) }},
			{"DotRows512x64", func() { DotRows(x[:head], kv, tokens, n, 0.125, scores) }},
			{"MixRows512x64", func() { MixRows(scores, kv, tokens, n, out[:head]) }},
			{"Argmax50272", func() { Argmax(logits) }},
		} {
			b.Run(op.name, func(b *testing.B) {
				for b.Loop() {
					op.run()
				}
			})
		}
	})
}
