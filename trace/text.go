package trace

// Text gives back events as their file wrote them: what no column holds, and the exact spelling of what one does. A
// trace that was not read from a file has none.
type Text interface {
	// AppendEvent appends the JSON object of event i of t.
	AppendEvent(dst []byte, t *Trace, i int) []byte
	// Declarations are the metadata events (phase M), which are no rows, as JSON objects in file order.
	Declarations() []string
}

// JSON is the original JSON object of event i; nil if the trace was not read from a file.
func (t *Trace) JSON(i int) []byte {
	if t.Text == nil {
		return nil
	}
	return t.Text.AppendEvent(nil, t, i)
}
