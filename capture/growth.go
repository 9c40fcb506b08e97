package capture

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/inferprof/inferprof/capture/ondisk"
	"github.com/inferprof/inferprof/trace/formats"
)

// growth is how fast a file grows that somebody waits for.
type growth struct {
	size int64
	at   time.Time // when that was new
	rate float64   // bytes per second
}

// next is the growth at a later look.
func (g growth) next(size int64, at time.Time) growth {
	if size == g.size {
		return g
	}
	if seconds := at.Sub(g.at).Seconds(); !g.at.IsZero() && seconds > 0 {
		rate := float64(size-g.size) / seconds
		if g.rate == 0 {
			g.rate = rate
		}
		g.rate += 0.3 * (rate - g.rate) // of the last few looks
	}
	g.size, g.at = size, at
	return g
}

// text is a size and, as long as it is one, the rate.
func (g growth) text(now time.Time) string {
	text := fmt.Sprintf("%.1f MB", float64(g.size)/1e6)
	if g.rate > 0 && now.Sub(g.at) < 2*time.Second {
		text += fmt.Sprintf(" and %.1f MB/s", g.rate/1e6)
	}
	return text
}

// tellGrowth tells how large the trace of each rank is by now, and what PyTorch has written so far of those that are not
// in their place yet.
func (s *session) tellGrowth(first string) {
	if s.grown == nil {
		s.grown = map[string]growth{}
	}
	var parts []string
	if first != "" {
		parts = append(parts, first)
	}
	now := time.Now()
	look := func(name, path string) {
		st, ok := stateOf(path)
		if !ok {
			return
		}
		g := s.grown[path].next(st.size, now)
		s.grown[path] = g
		if g.size > 0 {
			parts = append(parts, name+": "+g.text(now))
		}
	}
	for _, path := range s.newTraces() {
		name := filepath.Base(path)
		if rank := formats.ParseFileName(path).Rank; rank >= 0 {
			name = fmt.Sprintf("rank %d", rank)
		}
		look(name, path)
	}
	for _, path := range s.temporary.new() {
		look(filepath.Base(path), path)
	}
	const most = 5
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	if len(parts) > 0 {
		s.progress(Progress{Stage: ondisk.StageStop, Item: strings.Join(parts, "; ")})
	}
}
