package ondisk

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDistinct: the same file by several names, a copy, another of the same size, a directory and what is not there.
func TestDistinct(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	other := slices.Clone(text)
	other[len(other)-1]++
	a, b, c := write("a.json", text), write("copy.json", text), write("other.json", other)
	link, hard := filepath.Join(dir, "link.json"), filepath.Join(dir, "hard.json")
	if err := os.Symlink(a, link); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if err := os.Link(a, hard); err != nil {
		t.Skip("no hard links here: ", err)
	}
	none := filepath.Join(dir, "none.json")
	for _, test := range []struct {
		name        string
		paths, want []string
		notes       []string // what each says
	}{
		{"nothing", nil, nil, nil},
		{"different", []string{a, c}, []string{a, c}, nil},
		{"named twice", []string{a, c, a}, []string{a, c}, []string{"a.json is named twice"}},
		{"another name", []string{a, dir + "/./a.json", link, hard}, []string{a},
			[]string{"a.json is the same file as", "link.json is the same file as", "hard.json is the same file as"}},
		{"a copy", []string{c, b, a}, []string{c, b}, []string{"a.json is a copy of"}},
		{"standard input", []string{"-", a, "-"}, []string{"-", a}, []string{"- is named twice"}},
		{"not there", []string{none, a, none}, []string{none, a}, []string{"none.json is named twice"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			kept, notes := Distinct(test.paths)
			if !slices.Equal(kept, test.want) || len(notes) != len(test.notes) {
				t.Fatalf("kept %v, want %v; notes %q", kept, test.want, notes)
			}
			for i, n := range notes {
				if !strings.Contains(n.Text, test.notes[i]) || !strings.HasSuffix(n.Text, ": read once") {
					t.Errorf("note %q, want %q", n, test.notes[i])
				}
			}
		})
	}
}
