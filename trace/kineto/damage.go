package kineto

import (
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

// The kinds that the scanner finds.
const (
	DamageSyntax    = source.DamageSyntax
	DamageValue     = source.DamageValue
	DamageTruncated = source.DamageTruncated
	DamageTrailing  = source.DamageTrailing
	DamageInput     = source.DamageInput
	DamageMetadata  = source.DamageMetadata
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
	if len(s.t.Damage) == maxDamage {
		last := &s.t.Damage[maxDamage-1]
		if last.Kind != "more" {
			*last = trace.Damage{Kind: "more", Offset: last.Offset, Lost: last.Lost, Text: "further places are not listed"}
		}
		last.Lost += lost
		return
	}
	s.t.Damage = append(s.t.Damage, trace.Damage{Kind: kind, Offset: s.w.offset + int64(at), Line: s.w.line(at), Text: text, Lost: lost})
}
