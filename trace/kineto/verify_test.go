package kineto_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

func TestVerifyWhole(t *testing.T) {
	for _, path := range ownTraces(t) {
		v, err := formats.Verify(path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(path)
		sum := sha256.Sum256(b)
		tr := mustRead(t, path)
		if !v.Whole || !v.Closed || !v.Checksum || v.Bytes != int64(len(b)) || v.SHA256 != hex.EncodeToString(sum[:]) ||
			v.TextBytes != int64(len(inflated(t, path))) || v.Events != tr.Events.Len() || v.Compression != "gzip" {
			t.Errorf("%s: %+v", path, v)
		}
		want := -1
		for r, part := range []string{"rank0.", "rank1."} {
			if strings.Contains(path, part) {
				want = r
			}
		}
		if v.Rank != want {
			t.Errorf("%s: rank %d, want %d", path, v.Rank, want)
		}
	}
}

// deflated compresses text with the standard library.
func deflated(tb testing.TB, text []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// squeezed compresses text with zstd.
func squeezed(tb testing.TB, text []byte) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return z.EncodeAll(text, nil)
}

func TestVerifyDamaged(t *testing.T) {
	path := filepath.Join("testdata", "second_rank0.1795476518553437643.pt.trace.json.gz")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := inflated(t, path)
	all := mustRead(t, path).Events.Len()
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for _, c := range []struct {
		name     string
		file     []byte
		kind     string
		least    int // events
		checksum bool
		closed   bool
	}{
		{"half the gzip", cut(whole), source.DamageTruncated, all / 3, false, false},
		{"half the text", cut(text), source.DamageTruncated, all / 3, true, false},
		{"last byte missing", text[:len(text)-1], source.DamageTruncated, all, true, false},
		{"checksum", flipped, source.DamageCRC, all, false, true},
		{"garbage after", append(bytes.Clone(text), "\x00\x00\x00"...), source.DamageTrailing, all, true, true},
		{"garbage after the gzip", append(bytes.Clone(whole), 0, 0, 0), source.DamageTrailing, all, true, true},
		{"whole text", text, "", all, true, true},
		{"byte order mark", append([]byte("\xef\xbb\xbf"), text...), "", all, true, true},
		{"zstd", squeezed(t, text), "", all, true, true},
		{"half the zstd", cut(squeezed(t, text)), source.DamageTruncated, all / 3, false, false},
		{"two members", append(deflated(t, text[:1000]), deflated(t, text[1000:])...), "", all, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := filepath.Join(t.TempDir(), "t.json")
			if err := os.WriteFile(p, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			v, err := formats.Verify(p)
			if err != nil {
				t.Fatal(err)
			}
			if v.Whole != (c.kind == "") || v.Checksum != c.checksum || v.Closed != c.closed || v.Events < c.least || v.Events > all {
				t.Errorf("%+v", v)
			}
			if c.kind != "" && v.Damage[len(v.Damage)-1].Kind != c.kind {
				t.Errorf("damage %+v, want %s", v.Damage, c.kind)
			}
			_, err = formats.ReadFile(p, source.Options{Strict: true})
			var damage *source.DamageError
			if got := errors.As(err, &damage); got != (c.kind != "") {
				t.Errorf("strict error %v", err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"white space", " \n ", "empty"},
		{"execution trace", `{"schema": "1.0.1", "pid": 1, "nodes": [{"id": 1}]}`, "execution trace"},
		{"memory timeline", `[[1695, 1, 4096, 2], [1696, 0, 1, 1]]`, "memory timeline"},
		{"rocprof", `{"rocprofiler-sdk-tool": [{"metadata": {}}]}`, "rocprof"},
		{"execution details", `[{"file": "a.json.gz", "batch_size": 32, "mode": "FULL"}]`, "graph-capture"},
		{"other object", `{"a": 1, "b": [2]}`, "its keys are a, b"},
		{"other array", `[1, 2]`, "array"},
		{"no JSON", "hello world", "no JSON"},
		{"HTML", "<html></html>", "HTML"},
		{"binary", "\x7fELF\x02\x01", "binary"},
		{"zip", "PK\x03\x04aaaa", "zip"},
		{"gzip of nothing", string(deflated(t, nil)), "empty"},
		{"gzip header", "\x1f\x8b\x08", "compressed"},
		{"cut before the events", `{"schemaVersion": 1, "deviceProp`, "ends before its events"},
		{"string", `"a"`, "no JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := formats.Read(strings.NewReader(c.text), "x.json", source.Options{})
			if _, ok := errors.AsType[*source.NotTraceError](err); !ok {
				t.Fatalf("error %v, want a NotTraceError", err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.json: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in it", err, c.want)
			}
		})
	}
}
