package sample

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/sampling"
)

func params(temperature float64, k int, p float64) sampling.Params {
	return sampling.Params{Temperature: temperature, TopK: k, TopP: p, MaxTokens: 1}
}

func randomLogits(r *rand.Rand, n int) []float32 {
	logits := make([]float32, n)
	for i := range logits {
		logits[i] = float32(math.Round(r.NormFloat64()*16) / 8) // ties are frequent
	}
	return logits
}

// distribution is what vLLM's definition gives, computed the plain way: the probability of each token.
func distribution(logits []float32, p sampling.Params) []float64 {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	if p.MinP > 0 {
		best := float64(logits[order[0]])
		order = slices.DeleteFunc(order, func(i int) bool { return math.Exp((float64(logits[i])-best)/p.Temperature) < p.MinP })
	}
	if p.TopK > 0 && p.TopK < len(order) {
		order = order[:p.TopK]
	}
	probs := make([]float64, len(logits))
	softmax := func() {
		sum := 0.0
		for _, i := range order {
			sum += math.Exp(float64(logits[i]) / p.Temperature)
		}
		clear(probs)
		for _, i := range order {
			probs[i] = math.Exp(float64(logits[i])/p.Temperature) / sum
		}
	}
	softmax()
	before := 0.0
	for n, i := range order {
		if before >= p.TopP {
			order = order[:n]
			break
		}
		before += probs[i]
	}
	softmax()
	return probs
}

// Draws follow the distribution (chi-square over the tokens that can be drawn, at a fixed seed), and no others are drawn.
func TestNextDistribution(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const draws = 20000
	for _, p := range []sampling.Params{
		params(1, 0, 1), params(0.5, -1, 1), params(2, 5, 1), params(1, 0, 0.8), params(1.3, 12, 0.7), params(1, 100, 1),
		{Temperature: 1, TopP: 1, MinP: 0.05}, {Temperature: 1.5, TopP: 0.9, MinP: 0.1}, {Temperature: 1, TopP: 0.8, TopK: 6, MinP: 0.02},
		{Temperature: 0.7, TopP: 1, TopK: 3, MinP: 1},
	} {
		t.Run(fmt.Sprintf("T%v_k%d_p%v_m%v", p.Temperature, p.TopK, p.TopP, p.MinP), func(t *testing.T) {
			logits := randomLogits(r, 24)
			want := distribution(logits, p)
			s := New(p, 42, nil, nil)
			counts := make([]int, len(logits))
			for range draws {
				id, err := s.Next(logits)
				if err != nil {
					t.Fatal(err)
				}
				counts[id]++
			}
			chi, freedom := 0.0, -1.0
			for i, n := range counts {
				if want[i] == 0 {
					if n > 0 {
						t.Errorf("token %d drawn %d times, is excluded", i, n)
					}
					continue
				}
				expected := want[i] * draws
				chi += (float64(n) - expected) * (float64(n) - expected) / expected
				freedom++
			}
			// Wilson and Hilferty's approximation of the 99.9 % quantile.
			bar := freedom * math.Pow(1-2/(9*freedom)+3.09*math.Sqrt(2/(9*freedom)), 3)
			if freedom > 0 && chi > bar {
				t.Errorf("chi-square %.1f, over %.1f for %v degrees of freedom", chi, bar, freedom)
			}
		})
	}
}

// At every size the same tokens are kept as by sorting everything.
func TestNextKeeps(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		logits := randomLogits(r, 1+r.IntN(3000))
		p := params(0.1+2*r.Float64(), r.IntN(40), 0.05+0.9*r.Float64())
		want := distribution(logits, p)
		s := New(p, r.Uint64(), nil, nil)
		for range 20 {
			id, err := s.Next(logits)
			if err != nil {
				t.Fatal(err)
			}
			if want[id] == 0 {
				t.Fatalf("%+v over %d logits: drew token %d, which is not kept", p, len(logits), id)
			}
		}
	}
}

func TestNextGreedy(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		logits := randomLogits(r, 1+r.IntN(500))
		want := int32(slices.Index(logits, slices.Max(logits)))
		for _, p := range []sampling.Params{params(0, 0, 1), params(1, 1, 1), params(1, 0, 1e-12), params(1, 7, 1e-12), params(1e-300, 0, 1)} {
			got, err := New(p, 1, nil, nil).Next(logits)
			if err != nil {
				t.Fatal(err)
			}
			// At a temperature of next to nothing, equal logits still have equal chances.
			if got != want && (p.Temperature > 1e-200 || logits[got] != logits[want]) {
				t.Fatalf("%+v: token %d, want the best, %d", p, got, want)
			}
		}
	}
}

func TestNextReproducible(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	logits := randomLogits(r, 1000)
	draw := func(seed uint64, between func()) []int32 {
		s := New(params(1, 50, 0.95), seed, nil, nil)
		var ids []int32
		for range 50 {
			id, err := s.Next(logits)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
			between()
		}
		return ids
	}
	other := New(params(1, 0, 0.5), 99, nil, nil)
	alone := draw(1, func() {})
	beside := draw(1, func() {
		if _, err := other.Next(logits[:700]); err != nil {
			t.Fatal(err)
		}
	})
	if !slices.Equal(alone, beside) {
		t.Error("another request's sampler changed the tokens")
	}
	if slices.Equal(alone, draw(2, func() {})) {
		t.Error("two seeds gave the same 50 tokens")
	}
}

func TestNextBadLogits(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, p := range []sampling.Params{params(0, 0, 1), params(1, 0, 1), params(1, 2, 0.5)} {
		for _, tt := range []struct {
			logits []float32
			want   string
		}{
			{nil, "none of 0 logits"},
			{[]float32{-inf, -inf}, "none of 2 logits"},
			{[]float32{1, nan, 2}, "token 1 is NaN"},
			{[]float32{nan, nan}, "token 0 is NaN"},
			{[]float32{1, 2, inf}, "token 2 is +Inf"},
		} {
			if _, err := New(p, 1, nil, nil).Next(tt.logits); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v: error %v, want one with %q", tt.logits, err, tt.want)
			}
		}
		if id, err := New(p, 1, nil, nil).Next([]float32{-inf, -3e38, -inf}); id != 1 || err != nil {
			t.Errorf("one token possible: got %d, %v", id, err)
		}
	}
}

func TestNextLeavesLogits(t *testing.T) {
	logits := randomLogits(rand.New(rand.NewPCG(1, 1)), 5000)
	original := slices.Clone(logits)
	for _, p := range []sampling.Params{params(0, 0, 1), params(1, 0, 1), params(1, 50, 1), params(1, 0, 0.9)} {
		if _, err := New(p, 1, nil, nil).Next(logits); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(logits, original) {
		t.Error("Next changed the logits")
	}
}

func TestKey(t *testing.T) {
	values := []float32{float32(math.Inf(-1)), -3e38, -1, -1e-40, 0, 1e-40, 1, 3e38}
	for i, v := range values {
		k := newKey(v, i)
		if k.logit() != v || k.id() != int32(i) || k == 0 {
			t.Errorf("key of %v, %d is of %v, %d", v, i, k.logit(), k.id())
		}
		if i > 0 && k <= newKey(values[i-1], 0) {
			t.Errorf("key of %v is not above that of %v", v, values[i-1])
		}
	}
	if newKey(float32(math.Copysign(0, -1)), 1) != newKey(0, 1) || newKey(2, 1) <= newKey(2, 2) {
		t.Error("equal logits are not ordered by id alone")
	}
}

func BenchmarkNext(b *testing.B) {
	for _, n := range []int{50272, 128256} {
		r := rand.New(rand.NewPCG(1, 2))
		logits := make([]float32, n)
		for i := range logits {
			logits[i] = float32(3 * r.NormFloat64())
		}
		for i := range 20 {
			logits[i*97] += 12 // as peaked as a language model's
		}
		for _, p := range []sampling.Params{params(0, 0, 1), params(1, 0, 1), params(1, 50, 1), params(1, 0, 0.9), params(1, 50, 0.9), params(2, 0, 0.99)} {
			b.Run(fmt.Sprintf("%d/T%v_k%d_p%v", n, p.Temperature, p.TopK, p.TopP), func(b *testing.B) {
				s := New(p, 1, nil, nil)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Next(logits); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
