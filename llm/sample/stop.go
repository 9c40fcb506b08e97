package sample

import "strings"

// StopMatcher watches text as it is generated for the strings that end it. What may still turn out to be the beginning
// of a stop string is held back, and nothing else, so that text can be shown as it comes. Where several stop strings
// match, the one that is complete first ends the text, and of those the longest: how the text is cut into pieces makes
// no difference.
type StopMatcher struct {
	stops []string
	held  string
	met   string
}

// NewStopMatcher watches for any of stops, none of which may be empty.
func NewStopMatcher(stops []string) *StopMatcher { return &StopMatcher{stops: stops} }

// Push takes the next piece of text. It returns the text that may be released, and the stop string if one has been
// met. The stop string itself is not released, nor anything after it.
func (m *StopMatcher) Push(piece string) (released, met string) {
	if m.met != "" {
		return "", m.met
	}
	text := m.held + piece
	start, end := 0, len(text)+1
	for _, s := range m.stops {
		// A match that is complete no later than the best so far.
		if i := strings.Index(text[:min(end, len(text))], s); i >= 0 && (i+len(s) < end || i < start) {
			start, end, m.met = i, i+len(s), s
		}
	}
	if m.met != "" {
		m.held = ""
		return text[:start], m.met
	}
	return m.release(text), ""
}

// Skip takes the next piece of text where nothing may end it yet (min_tokens), and returns the text that may be released.
// What it ends with may be the beginning of a stop string that a later Push completes.
func (m *StopMatcher) Skip(piece string) (released string) { return m.release(m.held + piece) }

// release holds back what may be the beginning of a stop string, and returns the rest.
func (m *StopMatcher) release(text string) string {
	hold := 0
	for _, s := range m.stops {
		for n := min(len(s)-1, len(text)); n > hold; n-- {
			if strings.HasSuffix(text, s[:n]) {
				hold = n
			}
		}
	}
	m.held = text[len(text)-hold:]
	return text[:len(text)-hold]
}

// Flush ends the text and returns what was held back.
func (m *StopMatcher) Flush() string {
	held := m.held
	m.held = ""
	return held
}
