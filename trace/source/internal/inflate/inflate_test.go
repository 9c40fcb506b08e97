package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
)

var spoilt = bytes.Repeat([]byte{0xaa}, History)

// all fills blocks of a size until an error comes. The space between blocks is filled with noise, as a caller may.
func all(r io.Reader, blockBytes int) ([]byte, error) {
	z := NewReader(r)
	var out []byte
	blocks := [2][]byte{make([]byte, History+blockBytes+Slack), make([]byte, History+blockBytes+Slack)}
	for i := 0; ; i++ {
		b := blocks[i&1]
		n, err := z.Fill(b, History, History+blockBytes)
		out = append(out, b[History:History+n]...)
		if err != nil {
			return out, err
		}
		if n != blockBytes {
			return out, fmt.Errorf("filled %d of %d bytes without an error", n, blockBytes)
		}
		copy(b[:History], spoilt)
	}
}

func zip(tb testing.TB, level int, texts ...[]byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	for _, text := range texts {
		z, err := gzip.NewWriterLevel(&b, level)
		if err != nil {
			tb.Fatal(err)
		}
		z.Name, z.Comment, z.Extra = "name", "comment", []byte("extra")
		if _, err := z.Write(text); err != nil {
			tb.Fatal(err)
		}
		if err := z.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

// samples are texts that make DEFLATE use all of itself.
func samples() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 200_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	skewed := make([]byte, 300_000) // codes of all lengths
	for i := range skewed {
		skewed[i] = byte(r.ExpFloat64() * 20)
	}
	var text []byte
	for i := range 8000 {
		text = fmt.Appendf(text, "{\"ph\": \"X\", \"name\": \"kernel_%d\", \"ts\": %d.%03d},\n", r.IntN(30), 4565046131617+int64(i)*31, r.IntN(1000))
	}
	far := append(bytes.Clone(noise[:32768]), noise[:32768]...) // the farthest distance
	var short []byte                                            // distances 1 to 20
	for d := 1; d <= 20; d++ {
		short = append(short, bytes.Repeat(noise[:d], 400/d)...)
	}
	return map[string][]byte{
		"nothing": nil, "one": []byte("a"), "noise": noise, "skewed": skewed, "text": text, "far": far,
		"short distances": short, "zeros": make([]byte, 100_000),
	}
}

func TestEqualsStandardLibrary(t *testing.T) {
	for name, text := range samples() {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
			file := zip(t, level, text, text[:len(text)/3])
			want := append(bytes.Clone(text), text[:len(text)/3]...)
			for _, blockBytes := range []int{1, 7, 300, 5000, 40_000, 1 << 20} {
				if blockBytes < 300 && len(text) > 40_000 {
					continue
				}
				got, err := all(bytes.NewReader(file), blockBytes)
				if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
					t.Fatalf("%s, level %d, blocks of %d: %d bytes, want %d; %v", name, level, blockBytes, len(got), len(want), err)
				}
			}
			if len(file) < 50_000 {
				if got, err := all(iotest.OneByteReader(bytes.NewReader(file)), 4096); !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
					t.Fatalf("%s, level %d, byte by byte: %v", name, level, err)
				}
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	text := samples()["text"][:6000]
	for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression} {
		file := zip(t, level, text)
		longest := 0
		for n := range file {
			got, err := all(bytes.NewReader(file[:n]), 512)
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("cut at %d of %d: %v", n, len(file), err)
			}
			z, zerr := gzip.NewReader(bytes.NewReader(file[:n]))
			var want []byte
			if zerr == nil {
				want, _ = io.ReadAll(z)
			}
			if !bytes.HasPrefix(text, got) || len(got) < len(want) {
				t.Fatalf("cut at %d of %d: %d bytes, the standard library gives %d", n, len(file), len(got), len(want))
			}
			longest = max(longest, len(got))
		}
		if longest != len(text) {
			t.Errorf("level %d: at most %d bytes of %d", level, longest, len(text))
		}
	}
}

func TestFaults(t *testing.T) {
	text := samples()["text"]
	whole := zip(t, 6, text)
	edit := func(at int, mask byte) []byte {
		b := bytes.Clone(whole)
		b[(at+len(b))%len(b)] ^= mask
		return b
	}
	broken := errors.New("the disk is broken")
	for _, c := range []struct {
		name string
		r    io.Reader
		want error
		all  bool
	}{
		{"checksum", bytes.NewReader(edit(-8, 1)), ErrChecksum, true},
		{"size", bytes.NewReader(edit(-1, 1)), ErrChecksum, true},
		{"a header's checksum", bytes.NewReader(withHeaderSum(t, whole, 1)), ErrChecksum, true},
		{"a header with a checksum", bytes.NewReader(withHeaderSum(t, whole, 0)), io.EOF, true},
		{"zeros after", bytes.NewReader(append(bytes.Clone(whole), 0, 0, 0)), ErrTrailing, true},
		{"text after", bytes.NewReader(append(bytes.Clone(whole), "\x1fhello, world"...)), ErrTrailing, true},
		{"reader", io.MultiReader(bytes.NewReader(whole[:5000]), iotest.ErrReader(broken)), broken, false},
		{"empty", bytes.NewReader(nil), io.ErrUnexpectedEOF, false},
		{"block type 3", bytes.NewReader([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x07")), ErrCorrupt, false},
	} {
		got, err := all(c.r, 4096)
		if !errors.Is(err, c.want) || !bytes.HasPrefix(text, got) || c.all != (len(got) == len(text)) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
	}
}

// withHeaderSum gives the member that zip made a checksum of its header, off by so much.
func withHeaderSum(tb testing.TB, file []byte, off uint16) []byte {
	tb.Helper()
	end := bytes.Index(file, []byte("comment\x00")) + len("comment\x00")
	head := bytes.Clone(file[:end])
	head[3] |= flagCRC
	return append(binary.LittleEndian.AppendUint16(head, uint16(crc32.ChecksumIEEE(head))+off), file[end:]...)
}

// longText tells whether a file may have a name or comment of 512 bytes or more, which the standard library does not take.
func longText(file []byte) bool {
	return slices.ContainsFunc(bytes.Split(file, []byte{0}), func(run []byte) bool { return len(run) >= 512 })
}

// chunks are what a reader returns, one at a time.
type chunks [][]byte

func (c *chunks) Read(b []byte) (int, error) {
	if len(*c) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*c)[0])
	if (*c)[0] = (*c)[0][n:]; len((*c)[0]) == 0 {
		*c = (*c)[1:]
	}
	return n, nil
}

// TestInputEndsAnywhere: a member may end anywhere in the input that is there, whatever follows it.
func TestInputEndsAnywhere(t *testing.T) {
	text := samples()["skewed"]
	for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.HuffmanOnly} {
		for _, size := range []int{120_000, 120_123} {
			first, second := zip(t, level, text[:size]), zip(t, level, text[size:size+300])
			if len(first) < inputBytes/2 || len(first) > inputBytes-60 {
				t.Fatalf("%d bytes: not one reading", len(first))
			}
			for _, after := range []struct {
				file []byte
				want error
			}{{second, io.EOF}, {[]byte("junkjunk"), ErrTrailing}, {[]byte("x"), ErrTrailing}, {bytes.Repeat([]byte{0}, 40), ErrTrailing}} {
				want := text[:size]
				if after.want == io.EOF {
					want = text[:size+300]
				}
				file := append(bytes.Clone(first), after.file...)
				for cut := len(first) - 40; cut < min(len(first)+20, len(file)); cut++ {
					got, err := all(&chunks{file[:cut:cut], file[cut:]}, 4096)
					if !errors.Is(err, after.want) || !bytes.Equal(got, want) {
						t.Fatalf("level %d, %d bytes of %d at first: %d bytes, want %d; %v", level, cut, len(file), len(got), len(want), err)
					}
				}
			}
		}
	}
}

// FuzzInflate holds any input against the standard library: the same bytes, and success together.
func FuzzInflate(f *testing.F) {
	for _, text := range samples() {
		f.Add(zip(f, 6, text[:min(len(text), 4000)]))
	}
	f.Add(zip(f, 0, []byte("abc")))
	f.Add(zip(f, 6, []byte("abc"), []byte("def")))
	f.Add(withHeaderSum(f, zip(f, 6, []byte("abc")), 0))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := all(bytes.NewReader(file), 3000)
		z, wantErr := gzip.NewReader(bytes.NewReader(file))
		var want []byte
		if wantErr == nil {
			want, wantErr = io.ReadAll(z)
		}
		if wantErr == nil && (!errors.Is(err, io.EOF) || !bytes.Equal(got, want)) {
			t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
		}
		if wantErr != nil && errors.Is(err, io.EOF) && !(errors.Is(wantErr, gzip.ErrHeader) && longText(file)) {
			t.Fatalf("no error; want %v", wantErr)
		}
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatal("other bytes before the error")
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	paths, _ := filepath.Glob(filepath.Join("..", "..", "testdata", "mistral*rank0*.gz"))
	if env := os.Getenv("INFERPROF_TRACE"); env != "" {
		paths = []string{env}
	}
	if len(paths) == 0 {
		b.Fatal("no trace")
	}
	file, err := os.ReadFile(paths[0])
	if err != nil {
		b.Fatal(err)
	}
	const blockBytes = 256 << 10
	blocks := [2][]byte{make([]byte, History+blockBytes+Slack), make([]byte, History+blockBytes+Slack)}
	b.Run("own", func(b *testing.B) {
		for b.Loop() {
			z := NewReader(bytes.NewReader(file))
			total := 0
			for i := 0; ; i++ {
				n, err := z.Fill(blocks[i&1], History, History+blockBytes)
				total += n
				if err != nil {
					break
				}
			}
			b.SetBytes(int64(total))
		}
	})
	b.Run("standard library", func(b *testing.B) {
		for b.Loop() {
			z, err := gzip.NewReader(bytes.NewReader(file))
			if err != nil {
				b.Fatal(err)
			}
			total := 0
			for err == nil {
				var n int
				n, err = z.Read(blocks[0])
				total += n
			}
			b.SetBytes(int64(total))
		}
	})
}
