package findings

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// ruleSections are the sections of docs/findings.md by the rule that each is of.
func ruleSections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/findings.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	headings := regexp.MustCompile("(?m)^### `([a-z_]+)`$").FindAllStringSubmatchIndex(string(text), -1)
	for i, at := range headings {
		id, end := string(text[at[2]:at[3]]), len(text)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		if _, twice := sections[id]; twice {
			t.Errorf("%s has two sections", id)
		}
		sections[id] = string(text[at[1]:end])
	}
	return sections
}

// docs/findings.md has a section of each rule, with its four parts, and of nothing else.
func TestRulesAreDocumented(t *testing.T) {
	sections := ruleSections(t)
	for _, r := range registry {
		body, ok := sections[r.id]
		delete(sections, r.id)
		if !ok {
			t.Errorf("%s has no section", r.id)
			continue
		}
		from := 0
		for _, part := range []string{"\n**Says** ", "\n**From** ", "\n**Evidence** ", "\n**Can't see** "} {
			found := strings.Index(body[from:], part)
			if found < 0 {
				t.Errorf("%s: no %q in its place", r.id, strings.TrimSpace(part))
				continue
			}
			from += found + len(part)
		}
	}
	for id := range sections {
		t.Errorf("%s has a section, and is no rule", id)
	}
}

// evidenceNamed finds the names of evidence in a section: `copies`, or `calls_of_…` where a part of the name is another in each
// trace.
var evidenceNamed = regexp.MustCompile("`([a-z0-9_]+)(…?)[a-z0-9_]*`")

// undocumented are the names of evidence that the section of a finding's rule does not have.
func undocumented(f *analyze.Finding, sections map[string]string) (names []string) {
evidence:
	for _, e := range f.Evidence {
		if e.Name == "rank" && strings.HasPrefix(f.Sentence, "on rank ") { // of every rule
			continue
		}
		for _, m := range evidenceNamed.FindAllStringSubmatch(sections[f.ID], -1) {
			if e.Name == m[1] || m[2] != "" && strings.HasPrefix(e.Name, m[1]) {
				continue evidence
			}
		}
		names = append(names, e.Name)
	}
	return names
}
