package words

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// What a tool says is data until somebody reads it: which thing is said, and the numbers and names in it. A Message has both,
// and makes the sentence of them when it is asked for. Programs look at the id and the params, never at the sentence; JSON has
// all three.
//
// A sentence is a format with the names of params in braces: "{who} worked {busy_share} of {total_ns}". Each is written by its
// unit, so that no sentence rounds a number in a way of its own. What hangs on a number, such as a plural, is another format
// under the same id, or a param that is a message itself.

// Message is one thing that is said. The zero value says nothing.
type Message struct {
	ID     string // what is said, for programs: lower case with underscores
	Params Params // the numbers and names in it

	format string
	read   string // the sentence, of a message that was read from JSON
}

// Params are what a message is about, in order.
type Params []Param

// Param is one number or name of a message.
type Param struct {
	Name  string   // with its unit, as JSON has it: busy_share, total_ns
	Value any      // int64, float64, string, bool, Message or []Message
	Unit  Unit     // of a number
	Short string   // how people see it, where that is more or less than the value: a long name in short, a number with its noun
	Of    []string // the parts of a result that the number is of, by their names in JSON: a problem with one puts a mark on it
}

// Say makes a message. Params that the format does not name are for programs alone.
func Say(id, format string, params ...Param) Message {
	return Message{ID: id, Params: params, format: format}
}

// Said is a message whose sentence is there already.
func Said(id string, params Params, text string) Message {
	return Message{ID: id, Params: params, read: text}
}

// Ns is a time.
func Ns(name string, ns int64) Param { return Param{Name: name, Value: ns, Unit: UnitNs} }

// Number is a count.
func Number[T ~int | ~int32 | ~int64](name string, n T) Param {
	return Param{Name: name, Value: int64(n), Unit: UnitCount}
}

// Things is a count with its noun, as sentences have it: 1 step, 1,234 steps.
func Things[T ~int | ~int32 | ~int64](name string, n T, noun string) Param {
	return Param{Name: name, Value: int64(n), Unit: UnitCount, Short: Counted(int(n), noun)}
}

// RankOf is a rank's number.
func RankOf(name string, rank int) Param {
	return Param{Name: name, Value: int64(rank), Unit: UnitRank}
}

// ShareOf is a part of a whole, as a share of 1.
func ShareOf(name string, part, whole int64) Param {
	v := 0.0
	if whole > 0 {
		v = float64(part) / float64(whole)
	}
	return Param{Name: name, Value: v, Unit: UnitShare}
}

// Value is any number in its unit.
func Value(name string, v float64, u Unit) Param { return Param{Name: name, Value: v, Unit: u} }

// Name is a name or a word.
func Name(name, value string) Param { return Param{Name: name, Value: value} }

// LongName is a name that people see in short.
func LongName(name, value, short string) Param { return Param{Name: name, Value: value, Short: short} }

// Inner is a message within a message; one that says nothing is written as nothing.
func Inner(name string, m Message) Param { return Param{Name: name, Value: m} }

// Inners are several messages within one, with commas between.
func Inners(name string, all []Message) Param { return Param{Name: name, Value: all} }

// From names the parts of a result that a number is of.
func (p Param) From(parts ...string) Param {
	p.Of = parts
	return p
}

// Text is a param as a sentence has it.
func (p Param) Text() string { return p.text(nil) }

func (p Param) text(mark func(Param) string) string {
	if p.Short != "" {
		return p.Short
	}
	switch v := p.Value.(type) {
	case int64:
		if p.Unit == UnitNs { // exact beyond 2^53
			return Duration(v)
		}
		return Write(float64(v), p.Unit)
	case float64:
		return Write(v, p.Unit)
	case string:
		return v
	case Message:
		return v.Marked(mark)
	case []Message:
		var all []string
		for _, m := range v {
			all = append(all, m.Marked(mark))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(p.Value)
}

// IsZero tells whether a message says nothing.
func (m Message) IsZero() bool { return m.ID == "" }

// Text is the sentence.
func (m Message) Text() string { return m.Marked(nil) }

// Marked is the sentence with what mark says behind each of its params, those of inner messages too.
func (m Message) Marked(mark func(Param) string) string {
	if m.read != "" {
		return m.read
	}
	var out strings.Builder
	for rest := m.format; ; {
		before, after, found := strings.Cut(rest, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		name, after, _ := strings.Cut(after, "}")
		rest = after
		p, ok := m.Params.Get(name)
		if !ok { // a mistake of ours, which whoever reads it sees
			out.WriteString("{" + name + "}")
			continue
		}
		out.WriteString(p.text(mark))
		if mark != nil {
			out.WriteString(mark(p))
		}
	}
}

// Get finds a param by its name.
func (p Params) Get(name string) (Param, bool) {
	i := slices.IndexFunc(p, func(p Param) bool { return p.Name == name })
	if i < 0 {
		return Param{}, false
	}
	return p[i], true
}

// Int is a param's whole number; 0 if there is none.
func (p Params) Int(name string) int64 {
	found, _ := p.Get(name)
	v, _ := found.Value.(int64)
	return v
}

// MarshalJSON writes an object: each param's value by its name, times in ns, sizes in bytes, shares of 1.
func (p Params) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for _, param := range p {
		if m, ok := param.Value.(Message); ok && m.IsZero() {
			continue // it says nothing
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		name, err := plainJSON(param.Name)
		if err != nil {
			return nil, err
		}
		value, err := plainJSON(param.Value)
		if err != nil {
			return nil, fmt.Errorf("param %s: %w", param.Name, err)
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// plainJSON is v as JSON in which < and > stay what they are.
func plainJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

// UnmarshalJSON reads what MarshalJSON wrote, as far as JSON keeps it: numbers have lost their units.
func (p *Params) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	*p = nil
	for depth := 0; ; {
		token, err := d.Token()
		switch {
		case err != nil:
			return err
		case token == nil && depth == 0: // null
			return nil
		case token == json.Delim('{') && depth == 0:
			depth++
			continue
		case token == json.Delim('}'):
			return nil
		}
		name, ok := token.(string)
		if !ok {
			return fmt.Errorf("params: %v is no object", token)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		value, err := readValue(raw)
		if err != nil {
			return err
		}
		*p = append(*p, Param{Name: name, Value: value})
	}
}

// readValue reads a param's value: messages as such, one or several.
func readValue(raw json.RawMessage) (any, error) {
	switch raw[0] {
	case '{':
		var m Message
		err := json.Unmarshal(raw, &m)
		return m, err
	case '[':
		all := []Message{}
		err := json.Unmarshal(raw, &all)
		return all, err
	}
	var v any
	err := json.Unmarshal(raw, &v)
	return v, err
}

// messageJSON is a message in JSON.
type messageJSON struct {
	ID     string `json:"id"`
	Params Params `json:"params"`
	Text   string `json:"text"`
}

// MarshalJSON writes id, params and the sentence; null for what says nothing.
func (m Message) MarshalJSON() ([]byte, error) {
	if m.IsZero() {
		return []byte("null"), nil
	}
	return plainJSON(messageJSON{m.ID, m.Params, m.Text()})
}

// UnmarshalJSON reads what MarshalJSON wrote. The sentence stays as it was written.
func (m *Message) UnmarshalJSON(text []byte) error {
	var read messageJSON
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*m = Message{ID: read.ID, Params: read.Params, read: read.Text}
	return nil
}

// Equal tells whether two messages are the same in JSON, which keeps neither formats nor units.
func (m Message) Equal(other Message) bool {
	return m.ID == other.ID && m.Params.Equal(other.Params) && m.Text() == other.Text()
}

// Equal tells whether params are the same in JSON.
func (p Params) Equal(other Params) bool {
	a, errA := p.MarshalJSON()
	b, errB := other.MarshalJSON()
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Mapped is a message in which f has replaced each name and text.
func (m Message) Mapped(f func(string) string) Message {
	params := make(Params, len(m.Params))
	for i, p := range m.Params {
		switch v := p.Value.(type) {
		case string:
			if p.Value = f(v); p.Short != "" {
				p.Short = f(p.Short)
			}
		case Message:
			p.Value = v.Mapped(f)
		case []Message:
			all := make([]Message, len(v))
			for k, one := range v {
				all[k] = one.Mapped(f)
			}
			p.Value = all
		}
		params[i] = p
	}
	m.Params, m.read = params, f(m.read)
	return m
}
