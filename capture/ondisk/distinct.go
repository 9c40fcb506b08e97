package ondisk

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// Distinct drops traces that are named twice, since their work would count twice: the same file by two names, and a copy
// of it, byte for byte. notes say what was dropped, and of which other trace it is.
func Distinct(paths []string) (kept []string, notes []Note) {
	type file struct {
		path string
		info os.FileInfo // nil if there is none: then only the name tells
	}
	var files []file
	for _, path := range paths {
		f := file{path: path}
		if path != "-" {
			f.info, _ = os.Stat(path)
		}
		how := ""
		for _, g := range files {
			switch {
			case g.path == path:
				how = "is named twice"
			case f.info == nil || g.info == nil:
			case os.SameFile(f.info, g.info):
				how = "is the same file as " + g.path
			case f.info.Size() == g.info.Size() && f.info.Mode().IsRegular() && g.info.Mode().IsRegular() && sameContent(path, g.path):
				how = "is a copy of " + g.path
			}
			if how != "" {
				break
			}
		}
		if how != "" {
			notes = append(notes, Note{NoteTwice, fmt.Sprintf("%s %s: read once", path, how)})
			continue
		}
		files = append(files, f)
		kept = append(kept, path)
	}
	return kept, notes
}

// sameContent compares two files of one size. What can't be read is left to those who read it.
func sameContent(a, b string) bool {
	f, err := os.Open(a)
	if err != nil {
		return false
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return false
	}
	defer g.Close()
	const block = 64 << 10
	x, y := bufio.NewReaderSize(f, block), bufio.NewReaderSize(g, block)
	for {
		p, errP := x.Peek(block)
		q, errQ := y.Peek(block)
		if string(p) != string(q) || (errP == nil) != (errQ == nil) {
			return false
		}
		if errP != nil {
			return errP == io.EOF && errQ == io.EOF
		}
		x.Discard(block) //nolint:errcheck // of what was peeked at
		y.Discard(block) //nolint:errcheck
	}
}
