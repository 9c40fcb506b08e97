package kineto

import "github.com/inferprof/inferprof/trace"

// Kinds of trace.Damage.
const (
	DamageSyntax    = "syntax"           // text that is no JSON; the events it hid are lost
	DamageValue     = "value"            // a value that is no JSON (inf, N/A, nothing); the event is kept
	DamageTruncated = "truncated"        // the file ends too early
	DamageCRC       = "crc"              // the compressed data are not what was written
	DamageTrailing  = "trailing garbage" // bytes after the end
	DamageInput     = "input"            // the file could not be read or decompressed to its end
	DamageMetadata  = "metadata"         // a top-level key that is not what it should be
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
