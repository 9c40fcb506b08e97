package kineto

import (
	"bufio"
	"bytes"
	"os"
)

// looksBytes is how far LooksLikeTrace looks. What stands before a trace's events is small: devices, process groups, log
// lines.
const looksBytes = 256 << 10

// LooksLikeTrace tells a trace from other JSON by its beginning, whatever its name and its compression: an object with a
// list of events, or a list of events. It is false for what cannot be read.
func LooksLikeTrace(path string) bool {
	f, err := openRegular(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return looksLikeTrace(f)
}

func looksLikeTrace(f *os.File) bool {
	p, err := sniff(bufio.NewReaderSize(f, readAhead))
	if err != nil {
		return false
	}
	w := openWindow(p)
	defer w.close()
	for w.n < looksBytes && w.more(0) { // a broken file's beginning is as good as a whole one's
	}
	head := bytes.TrimSpace(bytes.TrimPrefix(w.text(), []byte("\xef\xbb\xbf")))
	return bytes.Contains(head, []byte(`"traceEvents"`)) || bytes.HasPrefix(head, []byte("[")) && bytes.Contains(head, []byte(`"ph"`))
}
