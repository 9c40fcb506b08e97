// Package model loads decoder-only language models from Hugging Face folders and runs them.
//
// There is one decoder (forward.go) with feature flags for what the families differ in: learned or rotary positions,
// layer or RMS norm, before or after the sublayer, biases, grouped keys and values, gated or plain feed-forward. A
// family is a Config reader (config.go, one function each, and gpt2.go) and a table of weight names (names.go).
//
// A model may be split over N ranks (tensor parallelism, as vLLM and Megatron do it): rank r owns a slice of every
// attention head group, feed-forward column and vocabulary row, and Shard.Forward of all ranks runs at once, meeting
// in all-reduces after each attention and feed-forward block.
package model
