package sampling

// TokenLogprob is the natural logarithm of a token's probability.
type TokenLogprob struct {
	ID      int32   `json:"token_id"`
	Logprob float64 `json:"logprob"` // LeastLogprob or more
	Rank    int     `json:"rank"`    // 1 is the likeliest
}

// LeastLogprob stands for the logarithm of 0, which JSON cannot write. OpenAI's servers and vLLM's give the same.
const LeastLogprob = -9999

// PlaceLogprobs are those at one place of an output.
type PlaceLogprobs struct {
	Chosen TokenLogprob   `json:"chosen"`
	Top    []TokenLogprob `json:"top,omitempty"` // likeliest first
}
