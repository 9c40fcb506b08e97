package tokenizer

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// newNormalizer builds the function that a normalizer component describes.
func newNormalizer(c *component) (func(string) string, error) {
	switch c.Type {
	case "Sequence":
		var steps []func(string) string
		for i := range c.Normalizers {
			step, err := newNormalizer(&c.Normalizers[i])
			if err != nil {
				return nil, err
			}
			steps = append(steps, step)
		}
		return func(s string) string {
			for _, step := range steps {
				s = step(s)
			}
			return s
		}, nil
	case "NFC":
		return normalForm(norm.NFC), nil
	case "NFD":
		return normalForm(norm.NFD), nil
	case "NFKC":
		return normalForm(norm.NFKC), nil
	case "NFKD":
		return normalForm(norm.NFKD), nil
	case "Lowercase":
		return lowercase, nil
	case "Prepend":
		return func(s string) string {
			if s == "" {
				return s
			}
			return c.Prepend + s
		}, nil
	case "Replace":
		return newReplace(c)
	case "Strip":
		return func(s string) string {
			if c.StripLeft {
				s = strings.TrimLeftFunc(s, unicode.IsSpace)
			}
			if c.StripRight {
				s = strings.TrimRightFunc(s, unicode.IsSpace)
			}
			return s
		}, nil
	case "StripAccents":
		return func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.Is(unicode.Mn, r) {
					return -1
				}
				return r
			}, s)
		}, nil
	}
	return nil, fmt.Errorf("normalizer %s is not supported", quoteType(c.Type))
}

// lowercase maps each character by itself, as Rust's char::to_lowercase does: İ becomes two, Σ is always σ.
func lowercase(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307"))
}

// newReplace builds the replacement that a Replace normalizer or decoder describes.
func newReplace(c *component) (func(string) string, error) {
	if c.Pattern.String != nil {
		old, with := *c.Pattern.String, c.Content
		if old == "" {
			return func(s string) string { return s }, nil
		}
		return func(s string) string { return strings.ReplaceAll(s, old, with) }, nil
	}
	if c.Pattern.Regex == nil {
		return nil, fmt.Errorf("a Replace has no pattern")
	}
	find, err := compileRegex(*c.Pattern.Regex)
	if err != nil {
		return nil, err
	}
	return func(s string) string {
		var b strings.Builder
		find(s, func(part string, match bool) {
			if match {
				part = c.Content
			}
			b.WriteString(part)
		})
		return b.String()
	}, nil
}
