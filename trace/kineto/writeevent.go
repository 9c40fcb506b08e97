package kineto

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// events writes all rows, and the declarations.
func (o *writer) events() {
	var original *cursor
	if x, ok := o.t.Text.(*texts); ok {
		original = &cursor{x: x}
	}
	for i := range o.t.Events.Len() {
		if o.rows != nil && !o.rows.Has(i) {
			if original != nil && i < original.x.n {
				original.skip()
			}
			continue
		}
		e := o.t.Events.At(i)
		if e.Category == trace.CategoryTrace {
			o.hasWindow = true
		}
		o.begin()
		at := len(o.line)
		asRead := original != nil && i < original.x.n
		if asRead {
			whole := original.begin() == 0
			o.line = original.next(o.line, o.t)
			asRead = !whole || json.Valid(o.line[at:]) // what has a shape is sound
		}
		if !asRead {
			o.line = o.appendEvent(o.line[:at], i, e)
		}
		o.flush()
	}
	if o.t.Text == nil {
		o.declarations()
		return
	}
	for _, d := range o.t.Text.Declarations() {
		o.begin()
		o.line = append(o.line, d...)
		o.flush()
	}
}

// EventJSON is event i as its file wrote it, or as Write would write it if the trace was not read from one.
func EventJSON(t *trace.Trace, i int) []byte {
	if text := t.Original(i); len(text) > 0 {
		return text
	}
	o := &writer{t: t, valid: map[trace.StringID]bool{}}
	return o.appendEvent(nil, i, t.Events.At(i))
}

// EventArgs is the args object of event i, as EventJSON writes it; nil if it has none.
func EventArgs(t *trace.Trace, i int) []byte { return memberOf(EventJSON(t, i), "args") }

// memberOf is the value of a key of the object in b, of the last if there are several; nil if it has none.
func memberOf(b []byte, key string) (found []byte) {
	for at := skipSpace(b, 1); at < len(b) && b[at] == '"'; {
		keyEnd := endOfString(b, at)
		if keyEnd < 0 {
			return found
		}
		colon := skipSpace(b, keyEnd)
		value := skipSpace(b, min(colon+1, len(b)))
		end := endOfValue(b, value)
		if end < 0 {
			return found
		}
		if string(b[at+1:keyEnd-1]) == key {
			found = b[value:end]
		}
		if at = skipSpace(b, end); at < len(b) && b[at] == ',' {
			at = skipSpace(b, at+1)
		}
	}
	return found
}

// begin starts an event of the array.
func (o *writer) begin() {
	if o.begun {
		o.line = append(o.line, ',')
	}
	o.begun = true
	o.line = append(o.line, "\n  "...)
}

// appendEvent appends an event in the layout that Kineto gives its kind.
func (o *writer) appendEvent(b []byte, i int, e trace.Event) []byte {
	switch e.Phase {
	case trace.PhaseFlowStart, trace.PhaseFlowEnd:
		return o.appendFlow(b, e)
	}
	b = append(append(append(b, "{\n    \"ph\": \""...), byte(e.Phase)), '"')
	if c := o.t.Events.CategoryName(i); c != "" {
		b = appendString(append(b, `, "cat": `...), c)
	}
	if e.Phase == trace.PhaseInstant {
		scope := "g"
		if e.Category == trace.CategoryInstant {
			scope = "t"
		}
		b = append(append(append(b, `, "s": "`...), scope...), '"')
	}
	b = appendString(append(b, `, "name": `...), o.t.Strings.At(e.Name))
	b = o.appendRowTrack(append(b, ", "...), e)
	b = appendMicros(append(b, ",\n    \"ts\": "...), e.StartNs)
	if e.Phase == trace.PhaseComplete {
		b = appendMicros(append(b, ", \"dur\": "...), e.DurationNs)
	}
	head := len(b)
	if e.Table() == trace.TableCounter && e.Side != trace.NoSide {
		return append(o.appendSamples(append(b, ",\n    \"args\": "...), o.t.Counters.At(e.Side)), "\n  }"...)
	}
	b = append(b, ",\n    \"args\": {\n      "...)
	args := len(b)
	b = o.appendArgs(b, e)
	if len(b) == args {
		return append(b[:head], "\n  }"...)
	}
	return append(b, "\n    }\n  }"...)
}

// appendSamples appends a counter's values in its series.
func (o *writer) appendSamples(b []byte, c *trace.Counter) []byte {
	b = append(b, '{')
	a := argList{b: b, start: len(b)}
	for _, s := range c.Samples {
		a.float(o.t.Strings.At(s.Series), s.Value, 64)
	}
	return append(a.b, '}')
}

// appendFlow appends an arrow's start or end.
func (o *writer) appendFlow(b []byte, e trace.Event) []byte {
	id := int64(0)
	if e.Side != trace.NoSide {
		id = o.t.Flows.At(e.Side).ID
	}
	name := cmpOr(o.t.Strings.At(e.Name), "ac2g")
	b = append(append(append(b, "{\n    \"ph\": \""...), byte(e.Phase)), "\", \"id\": "...)
	b = o.appendRowTrack(append(strconv.AppendInt(b, id, 10), ", "...), e)
	b = appendMicros(append(b, ", \"ts\": "...), e.StartNs)
	b = appendString(append(b, ",\n    \"cat\": "...), name)
	b = appendString(append(b, ", \"name\": "...), name)
	if e.Phase == trace.PhaseFlowEnd {
		b = append(b, `, "bp": "e"`...)
	}
	return append(b, "\n  }"...)
}

func (o *writer) appendRowTrack(b []byte, e trace.Event) []byte {
	t := &o.t.Tracks[e.Track]
	return appendTrack(b, o.t.Strings.At(t.Process), o.t.Strings.At(t.Thread))
}

// appendTrack appends pid and tid, as numbers if they are some.
func appendTrack(b []byte, pid, tid string) []byte {
	b = appendNumberOrString(append(b, `"pid": `...), pid)
	return appendNumberOrString(append(b, `, "tid": `...), tid)
}

func appendNumberOrString(b []byte, text string) []byte {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(v, 10) == text {
		return append(b, text...)
	}
	return appendString(b, text)
}

// appendArgs appends the members of args: what the row's side table holds.
func (o *writer) appendArgs(b []byte, e trace.Event) []byte {
	if e.Category == trace.CategoryTrace {
		return append(b, `"Op count": 0`...)
	}
	if e.Side == trace.NoSide {
		return b
	}
	of := eventsOf(e.Category)
	o.row.load(o.t, e)
	a := argList{o: o, b: b, start: len(b)}
	for i := range argumentList {
		if arg := &argumentList[i]; arg.of&of != 0 {
			arg.field.write(&a, arg.name, &o.row)
		}
	}
	return a.b
}

// shapes are an op's input shapes as JSON; "" if the file that they were read from had none.
func (o *writer) shapes(s *trace.Shapes) string {
	if s.Source != 0 {
		return o.rawJSON(s.Source)
	}
	return s.Text
}

// dtypes are an op's input types as JSON; "" if the file that they were read from had none.
func (o *writer) dtypes(d *trace.Dtypes) string {
	if d.Source != 0 {
		return o.rawJSON(d.Source)
	}
	b := []byte{'['}
	for i, name := range d.Names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendString(b, name)
	}
	return string(append(b, ']'))
}

// rawJSON is an interned value if it is JSON; "" otherwise.
func (o *writer) rawJSON(id trace.StringID) string {
	if id == 0 {
		return ""
	}
	text := o.t.Strings.At(id)
	ok, known := o.valid[id]
	if !known {
		ok = validJSON(text)
		o.valid[id] = ok
	}
	if !ok {
		return ""
	}
	return text
}

func validJSON(text string) bool { return json.Valid([]byte(text)) }

// argList appends the members of an object.
type argList struct {
	o     *writer // nil for members that need nothing of the trace
	b     []byte
	start int
}

func (a *argList) key(name string) {
	if len(a.b) > a.start {
		a.b = append(a.b, ", "...)
	}
	a.b = append(appendString(a.b, name), ": "...)
}

func (a *argList) int(name string, v int64) {
	a.key(name)
	a.b = strconv.AppendInt(a.b, v, 10)
}

// known appends a number unless it is trace.Absent.
func (a *argList) known(name string, v int64) {
	if v != trace.Absent {
		a.int(name, v)
	}
}

func (a *argList) float(name string, v float64, bits int) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	a.key(name)
	a.b = strconv.AppendFloat(a.b, v, 'f', -1, bits)
}

func (a *argList) text(name, v string) {
	a.key(name)
	a.b = appendString(a.b, v)
}

func (a *argList) raw(name, json string) {
	if json == "" {
		return
	}
	a.key(name)
	a.b = append(a.b, json...)
}

func (a *argList) triple(name string, v [3]int32) {
	if v == [3]int32{} {
		return // kernels of a graph on ROCm have none
	}
	a.key(name)
	for i, x := range v {
		a.b = append(a.b, "[,,"[i])
		if i > 0 {
			a.b = append(a.b, ' ')
		}
		a.b = strconv.AppendInt(a.b, int64(x), 10)
	}
	a.b = append(a.b, ']')
}

// appendMicros appends nanoseconds as microseconds with three decimals.
func appendMicros(b []byte, ns int64) []byte {
	u := uint64(ns)
	if ns < 0 {
		b = append(b, '-')
		u = -u
	}
	b = strconv.AppendUint(b, u/1000, 10)
	f := u % 1000
	return append(b, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}
