package sample

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferprof/inferprof/sampling"
)

// What a sampler sees is what vLLM's formulas make of the logits and of all tokens before, computed here the plain way.
func TestPenalties(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const vocab = 20
	for range 200 {
		p := sampling.Params{Temperature: 1, TopP: 1, MaxTokens: 64, RepetitionPenalty: []float64{0, 1, 1.5, 0.7}[r.IntN(4)]}
		p.FrequencyPenalty, p.PresencePenalty = []float64{0, 0.5, -1}[r.IntN(3)], []float64{0, 0.25, -2}[r.IntN(3)]
		p.MinTokens = []int{0, 5}[r.IntN(2)]
		prompt, ends := []int32{1, 2, 2, 3}, []int32{0, 7, 1000}
		s := New(p, r.Uint64(), prompt, ends)
		plain := s.history == nil
		if want := p.MinTokens == 0 && p.FrequencyPenalty == 0 && p.PresencePenalty == 0 && (p.RepetitionPenalty == 0 || p.RepetitionPenalty == 1); plain != want {
			t.Fatalf("%+v: keeps a history: %v", p, !plain)
		}
		if plain {
			continue
		}
		var output []int32
		for range 12 {
			logits := randomLogits(r, vocab)
			before := slices.Clone(logits)
			want := slices.Clone(logits)
			for id := range want {
				in := slices.Contains(output, int32(id))
				if rep := float32(p.RepetitionPenalty); rep != 0 && (in || slices.Contains(prompt, int32(id))) {
					if want[id] > 0 {
						want[id] /= rep
					} else {
						want[id] *= rep
					}
				}
				n := 0
				for _, o := range output {
					if o == int32(id) {
						n++
					}
				}
				if in {
					want[id] -= float32(p.FrequencyPenalty)*float32(n) + float32(p.PresencePenalty)
				}
				if len(output) < p.MinTokens && (id == 0 || id == 7) {
					want[id] = float32(math.Inf(-1))
				}
			}
			if got := s.history.apply(logits); !slices.Equal(got, want) {
				t.Fatalf("%+v after %v: %v, want %v", p, output, got, want)
			}
			id, err := s.Next(logits)
			if err != nil || math.IsInf(float64(want[id]), -1) || !slices.Equal(logits, before) {
				t.Fatalf("token %d, %v; logits changed: %v", id, err, !slices.Equal(logits, before))
			}
			output = append(output, id)
		}
	}
}

// A presence penalty counts once, a frequency penalty every time; greedy with min_p, top_k and top_p is still greedy.
func TestGreedyHeedsPenalties(t *testing.T) {
	logits := []float32{1, 5, 4, 3}
	for _, test := range []struct {
		params sampling.Params
		want   []int32
	}{
		{sampling.Params{TopP: 0.5, MinP: 0.5, TopK: 3}, []int32{1, 1, 1, 1}},
		{sampling.Params{TopP: 1, PresencePenalty: 2}, []int32{1, 2, 1, 1}}, // 5, then 4 against 3, then 3 that come first
		{sampling.Params{TopP: 1, FrequencyPenalty: 2}, []int32{1, 2, 1, 3}},
		{sampling.Params{TopP: 1, RepetitionPenalty: 2}, []int32{1, 2, 3, 1}}, // 5, 4, 3, then 2.5
	} {
		s := New(test.params, 1, nil, nil)
		var got []int32
		for range test.want {
			id, err := s.Next(logits)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, id)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.params, got, test.want)
		}
	}
}

func TestLogprobs(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 100 {
		logits := randomLogits(r, 2+r.IntN(50))
		chosen, n := int32(r.IntN(len(logits))), r.IntN(6)
		got := Logprobs(logits, chosen, n)
		sum := 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v))
		}
		of := func(id int32) float64 { return float64(logits[id]) - math.Log(sum) }
		order := make([]int32, len(logits))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int {
			switch {
			case logits[a] > logits[b]:
				return -1
			case logits[a] < logits[b]:
				return 1
			}
			return 0
		})
		if got.Chosen.ID != chosen || math.Abs(got.Chosen.Logprob-of(chosen)) > 1e-9 || order[got.Chosen.Rank-1] != chosen {
			t.Fatalf("chosen %+v of %v", got.Chosen, logits)
		}
		if len(got.Top) != min(n, len(logits)) {
			t.Fatalf("%d tokens, want %d", len(got.Top), n)
		}
		for i, top := range got.Top {
			if top.ID != order[i] || top.Rank != i+1 || math.Abs(top.Logprob-of(top.ID)) > 1e-9 {
				t.Fatalf("place %d: %+v, want token %d with %v", i, top, order[i], of(order[i]))
			}
		}
	}
}
