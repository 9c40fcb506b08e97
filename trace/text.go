package trace

// Text gives back events as their file wrote them: what no column holds, and the exact spelling of what one does. A
// trace that was not read from a file has none. The format that read the file implements it, and alone knows what an
// event looks like there.
type Text interface {
	// AppendEvent appends the text of event i of t.
	AppendEvent(dst []byte, t *Trace, i int) []byte
	// Arg is what event i of t says of itself under a name of its file; false if it says nothing.
	Arg(t *Trace, i int, name string) (Value, bool)
	// Declarations are the texts of what is no row: names of processes and threads, in file order.
	Declarations() []string
}

// Original is event i as its file wrote it; nil if the trace was not read from one.
func (t *Trace) Original(i int) []byte {
	if t.Text == nil {
		return nil
	}
	return t.Text.AppendEvent(nil, t, i)
}

// Arg is what event i says of itself under a name ("Concrete Inputs", "kernel"); false if it says nothing there, or the
// trace was not read from a file. It decodes the event's text: what is asked of many events has a column, or a field of
// a side table.
func (t *Trace) Arg(i int, name string) (Value, bool) {
	if t.Text == nil {
		return Value{}, false
	}
	return t.Text.Arg(t, i, name)
}

// Value is one argument of an event: a text or a list. Numbers and truth values are texts, as the file spells them.
type Value struct {
	Text string
	List []Value // not nil for a list
}

// Texts are the members of a list; nil if the value is none, or a list is among its members.
func (v Value) Texts() []string {
	if v.List == nil {
		return nil
	}
	out := make([]string, len(v.List))
	for i, m := range v.List {
		if m.List != nil {
			return nil
		}
		out[i] = m.Text
	}
	return out
}
