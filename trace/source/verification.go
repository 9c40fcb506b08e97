package source

import (
	"slices"

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

// Judge fills in what follows from the rest of v, whatever the format: whether the file is whole.
func (v *Verification) Judge() {
	v.Checksum = true
	for _, d := range v.Damage {
		if d.Kind == DamageCRC || d.Kind == DamageInput || d.Kind == DamageTruncated && v.Compression != "none" {
			v.Checksum = false
		}
	}
	v.Whole = v.Closed && len(v.Damage) == 0
}

// Count is what is to be verified of a trace that has been read.
func Count(t *trace.Trace) Verification {
	var c Tally
	for i := range t.Events.Len() {
		e := t.Events.At(i)
		c.Add(t, e.Category, e.Name, e.StartNs, e.DurationNs)
	}
	v := c.Verification(&t.Meta)
	v.Damage = t.Damage
	v.Closed = !slices.ContainsFunc(t.Damage, func(d trace.Damage) bool { return d.Kind == DamageTruncated || d.Kind == DamageInput })
	return v
}

// Tally counts the events of a trace.
type Tally struct {
	events, gpu, steps int
	categories         [int(trace.CategoryOther) + 1]int
	first, last        int64
	timed              bool
}

// Add counts an event of t, which need not hold it.
func (c *Tally) Add(t *trace.Trace, category trace.Category, name trace.StringID, startNs, durationNs int64) {
	c.events++
	category = min(category, trace.CategoryOther)
	c.categories[category]++
	switch category {
	case trace.CategoryKernel, trace.CategoryMemcpy, trace.CategoryMemset:
		c.gpu++
	case trace.CategoryUserAnnotation:
		if _, ok := trace.ParseStep(t.Strings.At(name)); ok {
			c.steps++
		}
	}
	if !c.timed {
		c.timed, c.first, c.last = true, startNs, startNs
	}
	c.first, c.last = min(c.first, startNs), max(c.last, startNs+durationNs)
}

// Verification is what the counted events and a trace's word about itself come to.
func (c *Tally) Verification(m *trace.Meta) Verification {
	v := Verification{Rank: -1, Events: c.events, GPUEvents: c.gpu, Steps: c.steps, Categories: map[string]int{}}
	for k, n := range c.categories {
		if n > 0 {
			name := trace.Category(k).String()
			if trace.Category(k) == trace.CategoryNone {
				name = "none"
			}
			v.Categories[name] = n
		}
	}
	if c.timed {
		v.StartUnixNs, v.EndUnixNs = m.BaseTimeNanoseconds+c.first, m.BaseTimeNanoseconds+c.last
	}
	if d := m.Distributed; d != nil {
		v.Rank, v.RankSource, v.WorldSize = d.Rank, "distributedInfo", d.WorldSize
	}
	return v
}
