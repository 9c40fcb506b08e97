package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is committed is what the generator writes.
func TestCommitted(t *testing.T) {
	text, declarations := generate()
	for name, want := range map[string][]byte{"neon_arm64.s": text, "neon_arm64.go": declarations} {
		got, err := os.ReadFile(filepath.Join("..", "..", "asm", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate in llm/tensor/internal/asm", name)
		}
	}
}

// Each word is what another assembler makes of its mnemonic.
func TestEncodings(t *testing.T) {
	const as, objcopy = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"
	for _, tool := range []string{as, objcopy} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("no assembler to compare with: install binutils-aarch64-linux-gnu")
		}
	}
	text, _ := generate()
	words := map[string]string{} // by mnemonic
	var mnemonics []string
	for _, match := range regexp.MustCompile(`(?m)^\tWORD +\$0x([0-9a-f]{8}) // (.*)$`).FindAllSubmatch(text, -1) {
		word, mnemonic := string(match[1]), string(match[2])
		if before, ok := words[mnemonic]; !ok {
			mnemonics = append(mnemonics, mnemonic)
		} else if before != word {
			t.Errorf("%s is both %s and %s", mnemonic, before, word)
		}
		words[mnemonic] = word
	}
	if all := bytes.Count(text, []byte("\tWORD ")); all == 0 || len(mnemonics) == 0 {
		t.Fatalf("%d words, %d with a mnemonic", all, len(mnemonics))
	}

	folder := t.TempDir()
	source, object, bits := filepath.Join(folder, "a.s"), filepath.Join(folder, "a.o"), filepath.Join(folder, "a.bin")
	program := ".arch armv8.2-a+dotprod\n" + strings.Join(mnemonics, "\n") + "\n"
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{as, "-o", object, source}, {objcopy, "-O", "binary", "-j", ".text", object, bits}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, out)
		}
	}
	assembled, err := os.ReadFile(bits)
	if err != nil {
		t.Fatal(err)
	}
	if len(assembled) != 4*len(mnemonics) {
		t.Fatalf("%d bytes for %d instructions", len(assembled), len(mnemonics))
	}
	for i, mnemonic := range mnemonics {
		b := assembled[4*i:]
		if want := fmt.Sprintf("%02x%02x%02x%02x", b[3], b[2], b[1], b[0]); words[mnemonic] != want {
			t.Errorf("%s is %s, want %s", mnemonic, words[mnemonic], want)
		}
	}
}
