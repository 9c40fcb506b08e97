package sample

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestStopMatcher(t *testing.T) {
	tests := []struct {
		name   string
		stops  []string
		pieces []string
		want   []string // released by each piece
		met    string
		rest   string // released by Flush
	}{
		{"in one piece", []string{"STOP"}, []string{"go STOP now"}, []string{"go "}, "STOP", ""},
		{"over pieces", []string{"\n\n"}, []string{"a\n", "\nb"}, []string{"a", ""}, "\n\n", ""},
		{"not after all", []string{"abc"}, []string{"xab", "d"}, []string{"x", "abd"}, "", ""},
		{"at the end", []string{"abc"}, []string{"xab"}, []string{"x"}, "", "ab"},
		{"itself within", []string{"aab"}, []string{"aa", "a", "b"}, []string{"", "a", ""}, "aab", ""},
		{"first complete", []string{"abcd", "bc"}, []string{"abcd"}, []string{"a"}, "bc", ""},
		{"longest of those", []string{"c", "abc"}, []string{"xabc"}, []string{"x"}, "abc", ""},
		{"pieces after it", []string{"a"}, []string{"xa", "more"}, []string{"x", ""}, "a", ""},
		{"none", nil, []string{"x"}, []string{"x"}, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewStopMatcher(tt.stops)
			met := ""
			for i, p := range tt.pieces {
				var got string
				if got, met = m.Push(p); got != tt.want[i] {
					t.Errorf("Push(%q) released %q, want %q", p, got, tt.want[i])
				}
			}
			if rest := m.Flush(); met != tt.met || rest != tt.rest {
				t.Errorf("met %q and %q left, want %q and %q", met, rest, tt.met, tt.rest)
			}
		})
	}
}

// However a text is cut into pieces, the same comes out, and a plain search finds the same end.
func TestStopMatcherPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("ab"[r.IntN(2)])
		}
		return b.String()
	}
	for range 5000 {
		stops := []string{word(1 + r.IntN(5)), word(1 + r.IntN(5)), word(1 + r.IntN(5))}
		text := word(r.IntN(30))
		want, wantMet := text, ""
	search:
		for end := range len(text) + 1 {
			for start := range end { // the longest first
				for _, s := range stops {
					if text[start:end] == s {
						want, wantMet = text[:start], s
						break search
					}
				}
			}
		}
		m := NewStopMatcher(stops)
		got, met := "", ""
		for rest := text; rest != ""; {
			n := 1 + r.IntN(len(rest))
			var released string
			released, met = m.Push(rest[:n])
			got += released
			rest = rest[n:]
		}
		got += m.Flush()
		if got != want || met != wantMet {
			t.Fatalf("stops %q, text %q: released %q and met %q, want %q and %q", stops, text, got, met, want, wantMet)
		}
	}
}

// A stop string that is complete where nothing may end the text is passed over; one that is completed later is not.
func TestStopMatcherSkips(t *testing.T) {
	for _, test := range []struct {
		skipped, pushed []string
		text, met       string
	}{
		{[]string{"one. tw", "o."}, []string{" three", ". four"}, "one. two. three", ". f"},
		{[]string{"one."}, []string{" four"}, "one", ". f"}, // straddles
		{[]string{"one. f", "ive"}, []string{" six"}, "one. five six", ""},
		{[]string{"a", ""}, []string{"", "b"}, "ab", ""},
		{nil, []string{"x. f"}, "x", ". f"},
	} {
		m := NewStopMatcher([]string{". f"})
		text, met := "", ""
		for _, piece := range test.skipped {
			text += m.Skip(piece)
		}
		for _, piece := range test.pushed {
			var released string
			released, met = m.Push(piece)
			text += released
		}
		if met == "" {
			text += m.Flush()
		}
		if text != test.text || met != test.met {
			t.Errorf("%q then %q: text %q, met %q; want %q, %q", test.skipped, test.pushed, text, met, test.text, test.met)
		}
	}
}
