package formats

import (
	"os"

	"github.com/inferprof/inferprof/trace/source"
)

// looksBytes is how far LooksLikeTrace looks. What stands before a trace's events is small: devices, process groups, log
// lines.
const looksBytes = 256 << 10

// LooksLikeTrace tells a trace from other files by its beginning, whatever its name and its compression. It is false for
// what cannot be read, and for what is no regular file: a pipe's beginning would be gone, and there may be nobody to write.
func LooksLikeTrace(path string) bool { return list.LooksLikeTrace(path) }

// LooksLikeTrace is the function LooksLikeTrace for the formats of l.
func (l List) LooksLikeTrace(path string) bool {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return false
	}
	file, err := source.OpenFile(path)
	if err != nil {
		return false
	}
	defer file.Close()
	in, err := source.NewInput(file, path)
	if err != nil {
		return false
	}
	defer in.Close()
	head := in.Beginning(looksBytes)
	for _, f := range l {
		if f.Sniff(head) >= source.Likely {
			return true
		}
	}
	return false
}
