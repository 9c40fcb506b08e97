package findings

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/findings.md has a section of each rule, with its four parts, and of nothing else.
func TestRulesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, r := range registry {
		rules[r.id] = true
	}
	sections := regexp.MustCompile("(?m)^### `([a-z_]+)`$").FindAllStringSubmatchIndex(string(text), -1)
	for i, at := range sections {
		id, end := string(text[at[2]:at[3]]), len(text)
		if i+1 < len(sections) {
			end = sections[i+1][0]
		}
		body := string(text[at[1]:end])
		if !rules[id] {
			t.Errorf("%s has a section, and is no rule or has two", id)
		}
		delete(rules, id)
		from := 0
		for _, part := range []string{"\n**Says** ", "\n**From** ", "\n**Evidence** ", "\n**Can't see** "} {
			found := strings.Index(body[from:], part)
			if found < 0 {
				t.Errorf("%s: no %q in its place", id, strings.TrimSpace(part))
				continue
			}
			from += found + len(part)
		}
	}
	for id := range rules {
		t.Errorf("%s has no section", id)
	}
}
