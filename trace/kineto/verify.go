package kineto

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/inferprof/inferprof/trace"
)

// Verification is what a look at every byte of a trace file found.
type Verification struct {
	Path        string `json:"path"`
	Bytes       int64  `json:"bytes"` // of the file
	SHA256      string `json:"sha256"`
	Compression string `json:"compression"` // "gzip", "zstd" or "none"
	TextBytes   int64  `json:"text_bytes"`  // decompressed

	Whole    bool `json:"whole"`    // nothing is missing and nothing is damaged
	Closed   bool `json:"closed"`   // the document's last bracket is there
	Checksum bool `json:"checksum"` // the compressed data are what was written; true without compression

	Events     int            `json:"events"` // without metadata events
	GPUEvents  int            `json:"gpu_events"`
	Categories map[string]int `json:"categories"` // events by category
	Steps      int            `json:"steps"`      // engine iterations annotated on the CPU

	Rank       int    `json:"rank"`        // -1 if unknown
	RankSource string `json:"rank_source"` // "distributedInfo", "file name" or ""
	WorldSize  int    `json:"world_size,omitempty"`

	StartUnixNs int64 `json:"start_unix_ns"` // of the first event
	EndUnixNs   int64 `json:"end_unix_ns"`   // of the last one

	Damage []trace.Damage `json:"damage,omitempty"`
}

// Verify reads a trace file once, to its end, and says whether it is whole and what it holds, without keeping its
// events. The name "-" is standard input. The error is for files that cannot be read or are no traces (NotTraceError); damage is no error.
func Verify(path string) (Verification, error) {
	v := Verification{Path: path, Rank: -1}
	f := os.Stdin
	if path != "-" {
		var err error
		if f, err = openRegular(path); err != nil {
			return v, err
		}
		defer f.Close()
	}
	sum := &digest{r: f, h: sha256.New()}
	p, err := sniff(bufio.NewReaderSize(sum, readAhead))
	if err != nil {
		return v, named(err, path)
	}
	w := openWindow(p)
	defer w.close()
	s := newScanner(w)
	s.tally = &tally{}
	s.t.Meta.Path = path
	if err := s.document(); err != nil {
		return v, named(err, path)
	}
	if _, err := io.Copy(io.Discard, sum); err != nil { // what follows the compressed data
		return v, fmt.Errorf("verify %s: %w", path, err)
	}
	v.Bytes, v.SHA256 = sum.n, hex.EncodeToString(sum.h.Sum(nil))
	v.fill(s, p)
	return v, nil
}

// fill takes over what the scanner found.
func (v *Verification) fill(s *scanner, p producer) {
	v.Compression = compressionName(p)
	v.TextBytes = s.w.offset + int64(s.w.n)
	v.Closed = s.closed
	v.Checksum = true
	for _, d := range s.t.Damage {
		if d.Kind == DamageCRC || d.Kind == DamageInput || d.Kind == DamageTruncated && v.Compression != "none" {
			v.Checksum = false
		}
	}
	v.Damage = s.t.Damage
	v.Whole = v.Closed && len(v.Damage) == 0
	v.Events, v.GPUEvents, v.Steps = s.tally.events, s.tally.gpu, s.tally.steps
	v.Categories = map[string]int{}
	for c, n := range s.tally.categories {
		if n > 0 {
			name := trace.Category(c).String()
			if trace.Category(c) == trace.CategoryNone {
				name = "none"
			}
			v.Categories[name] = n
		}
	}
	if base := s.t.Meta.BaseTimeNanoseconds; s.tally.timed {
		v.StartUnixNs, v.EndUnixNs = base+s.tally.first, base+s.tally.last
	}
	v.Rank, v.RankSource = Rank(s.t)
	if d := s.t.Meta.Distributed; d != nil {
		v.WorldSize = d.WorldSize
	}
}

// Rank is the rank that a trace says it is of, and where it says so: its distributedInfo, else its file name. It is -1
// if neither does.
func Rank(t *trace.Trace) (rank int, source string) {
	if d := t.Meta.Distributed; d != nil {
		return d.Rank, "distributedInfo"
	}
	if r := trace.ParseFileName(t.Meta.Path).Rank; r >= 0 {
		return r, "file name"
	}
	return -1, ""
}

// tally counts events instead of keeping them.
type tally struct {
	events, gpu, steps int
	categories         [int(trace.CategoryOther) + 1]int
	first, last        int64
	timed              bool
}

// add counts a row.
func (c *tally) add(r *row, t *trace.Trace) {
	c.events++
	category := min(r.category, trace.CategoryOther)
	c.categories[category]++
	switch category {
	case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
		c.gpu++
	case trace.CategoryUserAnnotation:
		if _, ok := trace.ParseStep(t.Strings.At(r.name)); ok {
			c.steps++
		}
	}
	if !c.timed {
		c.timed, c.first, c.last = true, r.start, r.start
	}
	c.first, c.last = min(c.first, r.start), max(c.last, r.start+r.dur)
}

// digest is a reader that hashes what it reads.
type digest struct {
	r io.Reader
	h hash.Hash
	n int64
}

func (d *digest) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	d.h.Write(b[:n])
	d.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("read: %w", err)
	}
	return n, err
}
