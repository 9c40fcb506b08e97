// Package asm has the kernels of package tensor that are in assembly, a file for each kernel set. All of it is generated, by
// the module in ../gen, and committed. Names end in what the CPU must have: which it has, and what an operation is without,
// is for tensor to decide. The functions trust their arguments: tensor checks lengths.
package asm

//go:generate go -C ../gen run . -set avx2 -out ../asm/avx2_amd64.s -stubs ../asm/avx2_amd64.go
//go:generate go -C ../gen run . -set avx512 -out ../asm/avx512_amd64.s -stubs ../asm/avx512_amd64.go
//go:generate go -C ../gen run . -set avxvnni -out ../asm/avxvnni_amd64.s -stubs ../asm/avxvnni_amd64.go
//go:generate go -C ../gen run . -set avx512dot -out ../asm/avx512dot_amd64.s -stubs ../asm/avx512dot_amd64.go
//go:generate go -C ../gen run ./neon -out ../asm/neon_arm64.s -stubs ../asm/neon_arm64.go
