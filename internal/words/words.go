// Package words puts into words what people read: sizes, durations, counts and lists, and errors that name a path once.
package words

import (
	"errors"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// List writes the first of total things, which names are.
func List(names []string, total int) string {
	s := strings.Join(names, ", ")
	if total > len(names) {
		s += ", …"
	}
	return s
}

// WithoutPath takes the path off an error whose message names it already.
func WithoutPath(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// OneLine is an error's text without line breaks, which errors.Join puts in.
func OneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// Shorten cuts a text to so many letters, in its middle, where names differ least.
func Shorten(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	r := []rune(s)
	if width <= 1 {
		return string(r[:max(width, 0)])
	}
	tail := (width - 1) / 3
	return string(r[:width-1-tail]) + "…" + string(r[len(r)-tail:])
}
