package source

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
)

// texts are of lengths around those of blocks.
func texts() []string {
	var all []string
	for _, n := range []int{0, 1, HeadBytes - 1, HeadBytes, HeadBytes + 1, HeadBytes + BlockBytes, 5*BlockBytes + 77} {
		all = append(all, strings.Repeat("0123456789abcdef\n", n/17+1)[:n])
	}
	return all
}

func open(tb testing.TB, r io.Reader) *Input {
	tb.Helper()
	in, err := NewInput(r, "x")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(in.Close)
	return in
}

// TestHeadIsTheBeginning: looking at the head takes nothing away, whatever way the text is read then.
func TestHeadIsTheBeginning(t *testing.T) {
	for _, text := range texts() {
		for how, read := range map[string]func(in *Input) string{
			"reads": func(in *Input) string { b, _ := io.ReadAll(in); return string(b) },
			"bytes": func(in *Input) string { b, _ := io.ReadAll(iotest.OneByteReader(in)); return string(b) },
			"blocks": func(in *Input) string {
				var b strings.Builder
				for {
					block := in.Take()
					b.Write(block.Text())
					if block.Last != nil {
						return b.String()
					}
					in.Free(block)
				}
			},
			"the beginning": func(in *Input) string { return string(in.Beginning(len(text))) },
		} {
			in := open(t, strings.NewReader(text))
			for range 2 {
				if got, want := string(in.Head()), text[:min(len(text), HeadBytes)]; got != want {
					t.Fatalf("%d bytes: a head of %d, want %d", len(text), len(got), len(want))
				}
			}
			if got := read(in); got != text {
				t.Errorf("%d bytes: %s: %d come out", len(text), how, len(got))
			}
			if err := in.Drain(); err != nil || in.TextBytes != int64(len(text)) || in.Compression != "none" {
				t.Errorf("%d bytes: %s: %+v, %v", len(text), how, in, err)
			}
		}
	}
}

// TestEndDamage: what is said of text that ends as it should not.
func TestEndDamage(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, texts()[6]); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(b.Bytes())
	flipped[len(flipped)-6] ^= 1
	broken := errors.New("broken pipe")
	for name, c := range map[string]struct {
		r    io.Reader
		kind string
	}{
		"whole":    {bytes.NewReader(b.Bytes()), ""},
		"half":     {bytes.NewReader(b.Bytes()[:b.Len()/2]), DamageTruncated},
		"checksum": {bytes.NewReader(flipped), DamageCRC},
		"garbage":  {io.MultiReader(&b, strings.NewReader("garbage")), DamageTrailing},
		"input":    {io.MultiReader(strings.NewReader("text"), iotest.ErrReader(broken)), DamageInput},
	} {
		in := open(t, c.r)
		kind, text, damaged := EndDamage(in.Drain())
		if kind != c.kind || damaged != (c.kind != "") || (text != "") != damaged {
			t.Errorf("%s: %q, %q, %t; want %q", name, kind, text, damaged, c.kind)
		}
		if last := in.Take(); last.N != 0 || last.Last == nil {
			t.Errorf("%s: behind the end there are %d bytes, %v", name, last.N, last.Last)
		}
	}
}
