package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is committed is what the generator writes, in every file that it has ever written.
func TestCommitted(t *testing.T) {
	committed, err := filepath.Glob(filepath.Join("..", "asm", "*_amd64.s"))
	if err != nil || len(committed) == 0 {
		t.Fatalf("no assembly: %v", err)
	}
	// A set is a process's: the assembler's library keeps what it was told.
	folder := t.TempDir()
	gen := filepath.Join(folder, "gen")
	if out, err := exec.Command("go", "build", "-o", gen, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, file := range committed {
		set := strings.TrimSuffix(filepath.Base(file), "_amd64.s")
		t.Run(set, func(t *testing.T) {
			text, stubs := filepath.Join(folder, set+"_amd64.s"), filepath.Join(folder, set+"_amd64.go")
			if out, err := exec.Command(gen, "-set", set, "-out", text, "-stubs", stubs).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, generated := range []string{text, stubs} {
				name := filepath.Base(generated)
				if !bytes.Equal(read(t, generated), read(t, filepath.Join("..", "asm", name))) {
					t.Errorf("%s is out of date: run go generate in llm/tensor/internal/asm", name)
				}
			}
		})
	}
}

func read(t *testing.T, file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
