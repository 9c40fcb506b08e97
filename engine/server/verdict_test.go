package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/inferprof/inferprof/capture"
	"github.com/inferprof/inferprof/engine/enginetest"
)

// BenchmarkVerdict measures how long after the last byte of the last trace a capture is complete, whether the stop is
// answered with that byte, before it, or never.
func BenchmarkVerdict(b *testing.B) {
	never := make(chan struct{})
	defer close(never)
	for name, server := range map[string]func() *enginetest.Server{
		"with the answer": func() *enginetest.Server { return &enginetest.Server{Pieces: 5, PieceEvery: 20 * time.Millisecond} },
		"after it": func() *enginetest.Server {
			return &enginetest.Server{Late: 50 * time.Millisecond, Pieces: 5, PieceEvery: 20 * time.Millisecond}
		},
		"without one": func() *enginetest.Server { return &enginetest.Server{HoldStop: never} },
	} {
		b.Run(name, func(b *testing.B) {
			var sum, longest time.Duration
			for b.Loop() {
				s := server()
				s.Kind, s.Ranks = "vllm-body", 4
				o := options(b, s)
				o.Warmup = 0
				if _, err := capture.Run(context.Background(), o); err != nil {
					b.Fatal(err)
				}
				took := time.Since(s.LastByte())
				sum, longest = sum+took, max(longest, took)
			}
			b.ReportMetric(float64(sum.Milliseconds())/float64(b.N), "ms-mean")
			b.ReportMetric(float64(longest.Milliseconds()), "ms-longest")
		})
	}
}
