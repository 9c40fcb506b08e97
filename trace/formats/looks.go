package formats

import "github.com/inferprof/inferprof/trace/source"

// looksBytes is how far LooksLikeTrace looks. What stands before a trace's events is small: devices, process groups, log
// lines.
const looksBytes = 256 << 10

// LooksLikeTrace tells a trace from other files by its beginning, whatever its name and its compression. It is false for
// what cannot be read.
func LooksLikeTrace(path string) bool { return list.LooksLikeTrace(path) }

// LooksLikeTrace is the function LooksLikeTrace for the formats of l.
func (l List) LooksLikeTrace(path string) bool {
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
