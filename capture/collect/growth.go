package collect

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/inferprof/inferprof/internal/words"
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
	text := words.Size(g.size)
	if g.rate > 0 && now.Sub(g.at) < 2*time.Second {
		text += " and " + words.Rate(g.rate)
	}
	return text
}

// tellProgress tells how many ranks are whole, how large the traces of the others are by now, and what writers have written
// of those that are not in their place yet.
func (c *Collection) tellProgress() {
	whole, expected := 0, 0
	for _, p := range c.places {
		ranks, _, _ := c.expectedAt(p)
		n, _ := p.progress(ranks)
		whole, expected = whole+n, expected+ranks
	}
	now := time.Now()
	if c.tell == nil || whole == c.told && now.Before(c.nextTelling) {
		return
	}
	c.told, c.nextTelling = whole, now.Add(tellEvery)
	text := fmt.Sprintf("%d of %d ranks whole", whole, expected)
	if c.open {
		text += ", the stop is not answered yet"
	}
	parts := c.unfinished(now)
	const most = 5
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("and %d more", len(parts)-most))
	}
	c.tell(strings.Join(append([]string{text}, parts...), "; "))
}

// unfinished says how large each file is that is not whole.
func (c *Collection) unfinished(now time.Time) (parts []string) {
	for _, p := range c.places {
		for _, f := range p.sorted() {
			if f.whole || !f.ofRank() || f.now.SizeBytes == 0 {
				continue
			}
			name := f.name
			if f.own() >= 0 {
				name = fmt.Sprintf("rank %d", f.own())
			}
			how := f.growth.text(now)
			if f.noRoom {
				how = "no room for it in the capture"
			}
			parts = append(parts, name+": "+how)
		}
	}
	for _, path := range c.scratch.left() {
		parts = append(parts, filepath.Base(path)+": "+c.scratch.seen[path].growth.text(now))
	}
	return parts
}
