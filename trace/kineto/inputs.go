package kineto

import (
	"encoding/json"
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// "Input Dims" and "Input type" are JSON inside of JSON's members: [[8, 768], [], [[4], [4]]] and ["float", "Scalar",
// "TensorList"]. They are interned as text, because an op is called with the same again and again; a text is decoded
// when it is first seen. The plain form, which is all that profilers write, has a parser of its own; whatever it does not
// know is encoding/json's to decode or to refuse.

// inputs finds the decoded list of an interned text.
type inputs struct {
	shapes []trace.ShapesID // by StringID
	dtypes []trace.DtypesID // by StringID
}

// shapesOf is the list of shapes that an interned text is.
func (s *scanner) shapesOf(text trace.StringID) trace.ShapesID {
	if int(text) < len(s.inputs.shapes) {
		if id := s.inputs.shapes[text]; id != 0 {
			return id
		}
	}
	return s.readShapes(text)
}

func (s *scanner) readShapes(text trace.StringID) trace.ShapesID {
	if s.tally != nil { // nobody will ask
		return 0
	}
	s.inputs.shapes = grown(s.inputs.shapes, int(text))
	id := s.t.Inputs.AddShapes(shapesFrom(s.t.Strings.At(text), text))
	s.inputs.shapes[text] = id
	return id
}

// dtypesOf is the list of types that an interned text is.
func (s *scanner) dtypesOf(text trace.StringID) trace.DtypesID {
	if int(text) < len(s.inputs.dtypes) {
		if id := s.inputs.dtypes[text]; id != 0 {
			return id
		}
	}
	return s.readDtypes(text)
}

func (s *scanner) readDtypes(text trace.StringID) trace.DtypesID {
	if s.tally != nil {
		return 0
	}
	s.inputs.dtypes = grown(s.inputs.dtypes, int(text))
	id := s.t.Inputs.AddDtypes(dtypesFrom(s.t.Strings.At(text), text))
	s.inputs.dtypes[text] = id
	return id
}

// grown makes room for element i.
func grown[T any](list []T, i int) []T {
	if i < len(list) {
		return list
	}
	return append(list, make([]T, max(i+1, 2*len(list))-len(list))...)
}

// ShapesOf decodes a file's list of shapes, [[8, 768], []], and adds it to the trace.
func ShapesOf(t *trace.Trace, text string) trace.ShapesID {
	if text == "" {
		return 0
	}
	return t.Inputs.AddShapes(shapesFrom(text, t.Strings.InternString(text)))
}

// DtypesOf decodes a file's list of types, ["float", "Scalar"], and adds it to the trace.
func DtypesOf(t *trace.Trace, text string) trace.DtypesID {
	if text == "" {
		return 0
	}
	return t.Inputs.AddDtypes(dtypesFrom(text, t.Strings.InternString(text)))
}

func shapesFrom(text string, source trace.StringID) trace.Shapes {
	return trace.Shapes{Args: parseShapes(text), Text: oneSpelling(text), Source: source}
}

func dtypesFrom(text string, source trace.StringID) trace.Dtypes {
	return trace.Dtypes{Names: parseDtypes(text), Source: source}
}

// oneSpelling is a list with a space behind each comma and nowhere else: some files indent it.
func oneSpelling(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), ""), ",", ", ")
}

// parseShapes decodes a list of shapes; nil if it is none. Of an argument that is neither a shape nor a list of shapes
// (a number, a text) nothing is known.
func parseShapes(text string) []trace.Shape {
	p := listParser{text: text}
	if args := p.shapes(); args != nil {
		return args
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	args := make([]trace.Shape, len(list))
	for i, raw := range list {
		if json.Unmarshal(raw, &args[i].Dims) == nil {
			continue
		}
		args[i].Dims = nil
		if json.Unmarshal(raw, &args[i].List) != nil {
			args[i].List = nil
		}
	}
	return args
}

// parseDtypes decodes a list of types; nil if it is none.
func parseDtypes(text string) []string {
	p := listParser{text: text}
	if names := p.strings(); names != nil {
		return names
	}
	var names []string
	if json.Unmarshal([]byte(text), &names) != nil {
		return nil
	}
	return names
}

// listParser reads the plain form of lists. What it returns is nil for anything else.
type listParser struct {
	text string
	i    int
}

// space skips white space.
func (p *listParser) space() {
	for p.i < len(p.text) && isSpace(p.text[p.i]) {
		p.i++
	}
}

// take skips white space and takes c if it stands there.
func (p *listParser) take(c byte) bool {
	p.space()
	if p.i < len(p.text) && p.text[p.i] == c {
		p.i++
		return true
	}
	return false
}

// ended says whether nothing but white space follows.
func (p *listParser) ended() bool {
	p.space()
	return p.i == len(p.text)
}

// each reads a list, whose bracket has been taken, by a function that reads one member. It reports false if that does.
func (p *listParser) each(member func() bool) bool {
	if p.take(']') {
		return true
	}
	for {
		switch {
		case !member():
			return false
		case p.take(']'):
			return true
		case !p.take(','):
			return false
		}
	}
}

// shapes reads all of the text as a list of shapes and lists of shapes.
func (p *listParser) shapes() []trace.Shape {
	args := []trace.Shape{}
	ok := p.take('[') && p.each(func() bool {
		var s trace.Shape
		if !p.take('[') {
			return false
		}
		at := p.i
		if p.take('[') {
			p.i = at
			s.List = [][]int64{}
			if !p.each(func() bool {
				dims, ok := p.dims()
				s.List = append(s.List, dims)
				return ok
			}) {
				return false
			}
		} else {
			p.i = at - 1
			var ok bool
			if s.Dims, ok = p.dims(); !ok {
				return false
			}
		}
		args = append(args, s)
		return true
	})
	if !ok || !p.ended() {
		return nil
	}
	return args
}

// dims reads a list of integers.
func (p *listParser) dims() ([]int64, bool) {
	dims := []int64{}
	ok := p.take('[') && p.each(func() bool {
		p.space()
		from := p.i
		for p.i < len(p.text) && (p.text[p.i]-'0' <= 9 || p.text[p.i] == '-') {
			p.i++
		}
		v, ok := shortInt(p.text[from:p.i])
		dims = append(dims, v)
		return ok
	})
	return dims, ok
}

// shortInt reads an integer of at most 18 digits.
func shortInt(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return 0, false
	}
	v := int64(0)
	for i := range len(digits) {
		if digits[i]-'0' > 9 {
			return 0, false
		}
		v = v*10 + int64(digits[i]-'0')
	}
	if len(digits) < len(s) {
		v = -v
	}
	return v, true
}

// strings reads all of the text as a list of strings without escapes.
func (p *listParser) strings() []string {
	list := []string{}
	ok := p.take('[') && p.each(func() bool {
		if !p.take('"') {
			return false
		}
		from := p.i
		for p.i < len(p.text) && p.text[p.i] != '"' {
			if c := p.text[p.i]; c < ' ' || c == '\\' || c >= 0x7f {
				return false
			}
			p.i++
		}
		list = append(list, p.text[from:p.i])
		return p.take('"')
	})
	if !ok || !p.ended() {
		return nil
	}
	return list
}
