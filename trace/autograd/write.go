package autograd

import (
	"bufio"
	"errors"
	"io"

	"github.com/inferprof/inferprof/trace"
)

var errNoText = errors.New("the events of a trace that was not read from a file have no text: write it as Kineto does")

// write writes the events of rows (nil: all), as they stood in their file, as a list.
func write(w io.Writer, t *trace.Trace, rows *trace.Rows) error {
	if t.Text == nil {
		return errNoText
	}
	out := &list{b: bufio.NewWriterSize(w, 64<<10)}
	for _, d := range t.Text.Declarations() {
		out.add([]byte(d))
	}
	var event []byte
	for i := range t.Events.Len() {
		if rows == nil || rows.Has(i) {
			event = t.Text.AppendEvent(event[:0], t, i)
			out.add(event)
		}
	}
	return out.end()
}

// list writes a list, laid out as Python does. The first error is kept until the end.
type list struct {
	b     *bufio.Writer
	begun bool
}

func (l *list) add(event []byte) {
	separator := ", "
	if !l.begun {
		separator, l.begun = "[", true
	}
	_, _ = l.b.WriteString(separator) // bufio keeps the error, and gives it back with Flush
	_, _ = l.b.Write(event)
}

func (l *list) end() error {
	end := "]"
	if !l.begun {
		end = "[]"
	}
	_, _ = l.b.WriteString(end)
	return l.b.Flush()
}
