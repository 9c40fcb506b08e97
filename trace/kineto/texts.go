package kineto

import (
	"encoding/binary"
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// texts keeps what the file wrote, event by event: the number of its shape, and the values that neither the columns
// nor the side tables hold. A dozen bytes per event are enough to print it again as it was, byte for byte.
//
// Events without a shape (number 0) are kept whole. Values lie one after the other, so that finding an event's means
// stepping over those before it; every markEvery events their offset is noted.
type texts struct {
	shapes       []*shape // by number - 1
	blocks       []*textBlock
	n            int
	declarations []string
	spare        []byte // values of the event that is being read, when events are only counted
}

const (
	textRows      = 1 << 15 // per block
	firstTextRows = 1 << 6  // of the first block, at first
	markEvery     = 1 << 7
)

type textBlock struct {
	shape []uint16 // of textRows events; of fewer in the first block, while it is small
	marks [textRows / markEvery]int
	bytes []byte
}

// values is where the values of the next event are appended.
func (x *texts) values() []byte {
	if len(x.blocks) == 0 || x.n == len(x.blocks)*textRows {
		x.spare = x.spare[:0]
		return x.spare
	}
	return x.blocks[x.n/textRows].bytes
}

// add keeps an event whose values have been appended to what values returned.
func (x *texts) add(number uint16, values []byte) {
	row := x.n % textRows
	var b *textBlock
	if x.n == len(x.blocks)*textRows {
		b = &textBlock{shape: make([]uint16, firstTextRows), bytes: make([]byte, 0, 1<<10)}
		if len(x.blocks) > 0 {
			b.shape = make([]uint16, textRows)
			b.bytes = make([]byte, 0, len(x.blocks[len(x.blocks)-1].bytes)*9/8)
		}
		b.bytes = append(b.bytes, values...)
		x.spare = values[:0]
		x.blocks = append(x.blocks, b)
	} else {
		b = x.blocks[x.n/textRows]
		if row == len(b.shape) {
			b.shape = append(make([]uint16, 0, 2*row), b.shape...)[:2*row]
		}
		if row%markEvery == 0 {
			b.marks[row/markEvery] = len(b.bytes)
		}
		b.bytes = values
	}
	b.shape[row] = number
	x.n++
}

// Declarations implements trace.Text.
func (x *texts) Declarations() []string { return x.declarations }

// AppendEvent implements trace.Text.
func (x *texts) AppendEvent(dst []byte, t *trace.Trace, i int) []byte {
	if i < 0 || i >= x.n {
		return dst
	}
	b := x.blocks[i/textRows]
	row := i % textRows
	values := b.bytes[b.marks[row/markEvery]:]
	for k := row &^ (markEvery - 1); k < row; k++ {
		values = x.skip(values, b.shape[k])
	}
	dst, _ = x.print(dst, values, b.shape[row], t, i, &rowOf{})
	return dst
}

// Arg implements trace.Text.
func (x *texts) Arg(t *trace.Trace, i int, name string) (trace.Value, bool) {
	token := memberOf(memberOf(x.AppendEvent(nil, t, i), "args"), name)
	if token == nil {
		return trace.Value{}, false
	}
	return valueOf(token), true
}

// valueOf decodes an argument: strings to their text, lists to their members; anything else is its own text.
func valueOf(token []byte) trace.Value {
	switch first(token) {
	case '"':
		text, _ := decodeString(token[1 : len(token)-1])
		return trace.Value{Text: string(text)}
	case '[':
		list := []trace.Value{}
		for i := skipSpace(token, 1); i < len(token) && token[i] != ']'; {
			end := endOfValue(token, i)
			if end < 0 {
				break
			}
			list = append(list, valueOf(token[i:end]))
			if i = skipSpace(token, end); i == len(token) || token[i] != ',' {
				break
			}
			i = skipSpace(token, i+1)
		}
		return trace.Value{List: list}
	}
	if string(token) == "null" {
		return trace.Value{}
	}
	return trace.Value{Text: string(token)}
}

// skip steps over the values of an event.
func (x *texts) skip(values []byte, number uint16) []byte {
	if number == 0 {
		n, k := binary.Uvarint(values)
		return values[k+int(n):]
	}
	sh := x.shapes[number-1]
	for k := range sh.slots {
		slot := &sh.slots[k]
		switch {
		case slot.kind == kindShort:
			values = values[1:]
		case slot.kept:
			_, values = takeVarint(values)
		}
	}
	return values
}

// rowOf is a row that is loaded when it is first asked for.
type rowOf struct {
	row
	loaded bool
}

// value is the integer that a slot's event has in its side table.
func (r *rowOf) value(slot *shapeSlot, t *trace.Trace, e trace.Event) int64 {
	if !r.loaded {
		r.load(t, e)
		r.loaded = true
	}
	if w, ok := slot.field.(whole); ok {
		return *w.place(&r.row)
	}
	return r.flow
}

// print appends event i's text, given its shape and values, and returns the values after them. It uses scratch.
func (x *texts) print(dst, values []byte, number uint16, t *trace.Trace, i int, scratch *rowOf) ([]byte, []byte) {
	scratch.loaded = false
	if number == 0 {
		n, k := binary.Uvarint(values)
		values = values[k:]
		return append(dst, values[:n]...), values[n:]
	}
	sh := x.shapes[number-1]
	e := t.Events.At(i)
	for k := range sh.slots {
		slot := &sh.slots[k]
		dst = append(dst, slot.literal...)
		switch slot.kind {
		case kindName:
			dst = append(dst, t.Strings.At(e.Name)...)
		case kindMicros:
			dst = appendMicros(dst, pick(slot.to == toStart, e.StartNs, e.DurationNs))
		case kindShort:
			decimals := int(values[0])
			values = values[1:]
			dst = appendMicros(dst, pick(slot.to == toStart, e.StartNs, e.DurationNs))
			drop := 3 - decimals
			if decimals == 0 {
				drop = 4
			}
			dst = dst[:len(dst)-drop]
		case kindInt:
			var v int64
			switch {
			case slot.kept:
				v, values = takeVarint(values)
			case slot.to == toPID:
				dst = append(dst, t.Strings.At(t.Tracks[e.Track].Process)...)
				continue
			case slot.to == toTID:
				dst = append(dst, t.Strings.At(t.Tracks[e.Track].Thread)...)
				continue
			default:
				v = scratch.value(slot, t, e)
			}
			dst = strconv.AppendInt(dst, v, 10)
		case kindRaw:
			var id trace.StringID
			switch {
			case slot.kept:
				var v int64
				v, values = takeVarint(values)
				id = trace.StringID(v)
			case slot.to == toShapes:
				id = t.Inputs.Shapes(t.Ops.At(e.Side).Shapes).Source
			default:
				id = t.Inputs.Dtypes(t.Ops.At(e.Side).Dtypes).Source
			}
			dst = append(dst, t.Strings.At(id)...)
		}
	}
	return append(dst, sh.tail...), values
}

func pick(first bool, a, b int64) int64 {
	if first {
		return a
	}
	return b
}

// cursor prints the events one after the other.
type cursor struct {
	x      *texts
	i      int
	values []byte
	row    rowOf
}

// next appends the text of the next event.
func (c *cursor) next(dst []byte, t *trace.Trace) []byte {
	number := c.begin()
	dst, c.values = c.x.print(dst, c.values, number, t, c.i, &c.row)
	c.i++
	return dst
}

// skip steps over the next event.
func (c *cursor) skip() {
	c.values = c.x.skip(c.values, c.begin())
	c.i++
}

// begin finds the next event's shape, and its values if a block begins with it.
func (c *cursor) begin() uint16 {
	b := c.x.blocks[c.i/textRows]
	if c.i%textRows == 0 {
		c.values = b.bytes
	}
	return b.shape[c.i%textRows]
}
