package kineto

import (
	"github.com/inferprof/inferprof/trace"
)

// maxDamage bounds the list; what lies beyond is only counted.
const maxDamage = 1000

// damageText is how many bytes of the damaged place are kept.
const damageText = 80

func (s *scanner) damage(kind string, at int, lost int) {
	text := s.w.text()
	at = min(at, len(text))
	s.damageText(kind, at, string(text[at:min(len(text), at+damageText)]), lost)
}

func (s *scanner) damageText(kind string, at int, text string, lost int) {
	s.damageAt(kind, place{s.w.offset + int64(at), s.w.line(at)}, text, lost)
}

// place is where something stands in the text.
type place struct {
	offset int64 // in bytes, from 0
	line   int64 // from 1
}

func (s *scanner) damageAt(kind string, at place, text string, lost int) {
	if len(s.t.Damage) == maxDamage {
		last := &s.t.Damage[maxDamage-1]
		if last.Kind != "more" {
			*last = trace.Damage{Kind: "more", Offset: last.Offset, Lost: last.Lost, Text: "further places are not listed"}
		}
		last.Lost += lost
		return
	}
	s.t.Damage = append(s.t.Damage, trace.Damage{Kind: kind, Offset: at.offset, Line: at.line, Text: text, Lost: lost})
}
