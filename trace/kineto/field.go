package kineto

import (
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// A field is where the value of an argument goes: a place in a row, and what is particular about values of its type. Places
// are functions from a row, so that a row that is read, one that is written, and the blank one share them.

// field is a place of a row.
type field interface {
	// clear sets what stands for a value that is not given.
	clear(r *row)
	// set takes over the JSON text of an argument.
	set(r *row, token []byte, s *scanner)
	// write appends the member, or nothing.
	write(a *argList, name string, r *row)
	// kind is what its values are, for people.
	kind() string
}

// intField is a field that can be set by an integer's value.
type intField interface {
	field
	setInt(r *row, v int64)
}

// whole is a field that is an int64 of the row.
type whole interface {
	field
	place(r *row) *int64
	// exact says whether the side tables hold it in full, so that the event's text need not be kept.
	exact() bool
}

// setWhole sets an int64 from a token, if that is an integer.
func setWhole(to *int64, token []byte) {
	if v, ok := looseInt(token); ok {
		*to = v
	}
}

// integer is an integer that may be absent.
type integer struct {
	at     func(r *row) *int64
	absent string // what is written then; "": nothing
	lossy  bool   // what is given is not what is held: the row's track may say it
}

func (f integer) clear(r *row)                         { *f.at(r) = trace.Absent }
func (f integer) set(r *row, token []byte, _ *scanner) { setWhole(f.at(r), token) }
func (f integer) kind() string                         { return "integer" }
func (f integer) place(r *row) *int64                  { return f.at(r) }
func (f integer) exact() bool                          { return !f.lossy }

func (f integer) write(a *argList, name string, r *row) {
	switch v := *f.at(r); {
	case v != trace.Absent || f.lossy:
		a.int(name, v)
	case f.absent != "":
		a.raw(name, f.absent)
	}
}

// count is an integer that is 0 if it is not given.
type count func(r *row) *int64

func (f count) clear(r *row)                          { *f(r) = 0 }
func (f count) set(r *row, token []byte, _ *scanner)  { setWhole(f(r), token) }
func (f count) write(a *argList, name string, r *row) { a.int(name, *f(r)) }
func (f count) kind() string                          { return "integer" }
func (f count) place(r *row) *int64                   { return f(r) }
func (f count) exact() bool                           { return true }

// address is an unsigned integer, which is kept as an int64 of the same bits.
type address func(r *row) *int64

func (f address) clear(r *row)                         { *f(r) = 0 }
func (f address) set(r *row, token []byte, _ *scanner) { *f(r) = int64(looseUint(token)) }
func (f address) write(a *argList, name string, r *row) {
	a.raw(name, strconv.FormatUint(uint64(*f(r)), 10))
}
func (f address) kind() string        { return "integer" }
func (f address) place(r *row) *int64 { return f(r) }
func (f address) exact() bool         { return true }

// narrow is an integer of 32 bits, 0 if it is not given.
type narrow func(r *row) *int32

func (f narrow) clear(r *row)           { *f(r) = 0 }
func (f narrow) setInt(r *row, v int64) { *f(r) = int32(v) }
func (f narrow) kind() string           { return "integer" }

func (f narrow) set(r *row, token []byte, _ *scanner) {
	if v, ok := looseInt(token); ok {
		f.setInt(r, v)
	}
}

func (f narrow) write(a *argList, name string, r *row) { a.int(name, int64(*f(r))) }

// decimal is a decimal number, 0 if it is not given.
type decimal func(r *row) *float32

func (f decimal) clear(r *row)                          { *f(r) = 0 }
func (f decimal) set(r *row, token []byte, _ *scanner)  { *f(r) = looseFloat(token) }
func (f decimal) setInt(r *row, v int64)                { *f(r) = float32(v) }
func (f decimal) write(a *argList, name string, r *row) { a.float(name, float64(*f(r)), 32) }
func (f decimal) kind() string                          { return "number" }

// triple is three integers, zero if they are not given.
type triple func(r *row) *[3]int32

func (f triple) clear(r *row)                          { *f(r) = [3]int32{} }
func (f triple) set(r *row, token []byte, _ *scanner)  { *f(r) = looseTriple(token) }
func (f triple) write(a *argList, name string, r *row) { a.triple(name, *f(r)) }
func (f triple) kind() string                          { return "three integers" }

// word is a text, "" if it is not given.
type word func(r *row) *trace.StringID

func (f word) clear(r *row)                         { *f(r) = 0 }
func (f word) set(r *row, token []byte, s *scanner) { *f(r) = s.text(token) }
func (f word) kind() string                         { return "text" }

func (f word) write(a *argList, name string, r *row) {
	if id := *f(r); id != 0 {
		a.text(name, a.o.t.Strings.At(id))
	}
}

// groupWord is a text of a collective. An event that has one is a collective.
type groupWord func(r *row) *trace.StringID

func (f groupWord) clear(r *row) { *f(r) = 0 }
func (f groupWord) kind() string { return "text" }

func (f groupWord) set(r *row, token []byte, s *scanner) {
	*f(r), r.hasCollective = s.text(token), true
}

func (f groupWord) write(a *argList, name string, r *row) {
	if r.hasCollective {
		a.text(name, a.o.t.Strings.At(*f(r)))
	}
}

// groupInteger is an integer of a collective that may be absent.
type groupInteger func(r *row) *int64

func (f groupInteger) clear(r *row)                         { *f(r) = trace.Absent }
func (f groupInteger) set(r *row, token []byte, _ *scanner) { setWhole(f(r), token) }
func (f groupInteger) kind() string                         { return "integer" }
func (f groupInteger) place(r *row) *int64                  { return f(r) }
func (f groupInteger) exact() bool                          { return false } // what is no collective has no row for it

func (f groupInteger) write(a *argList, name string, r *row) {
	if r.hasCollective {
		a.known(name, *f(r))
	}
}

// shapeList and dtypeList are the lists of an op's arguments. By a shape they are read by the number of their text, which
// is known already (toShapes, toDtypes).
type (
	shapeList struct{}
	dtypeList struct{}
)

func (shapeList) clear(r *row) { r.op.Shapes = 0 }
func (dtypeList) clear(r *row) { r.op.Dtypes = 0 }
func (shapeList) set(r *row, token []byte, s *scanner) {
	r.op.Shapes = s.shapesOf(s.t.Strings.Intern(token))
}
func (dtypeList) set(r *row, token []byte, s *scanner) {
	r.op.Dtypes = s.dtypesOf(s.t.Strings.Intern(token))
}
func (shapeList) kind() string { return "list of shapes" }
func (dtypeList) kind() string { return "list of texts" }

func (shapeList) write(a *argList, name string, r *row) {
	if r.op.Shapes != 0 {
		a.raw(name, a.o.shapes(a.o.t.Inputs.Shapes(r.op.Shapes)))
	}
}

func (dtypeList) write(a *argList, name string, r *row) {
	if r.op.Dtypes != 0 {
		a.raw(name, a.o.dtypes(a.o.t.Inputs.Dtypes(r.op.Dtypes)))
	}
}

// written is what is not read: what Kineto writes there and nobody asks for, so that files look alike.
type written func(a *argList, name string, r *row)

func (f written) clear(*row)                            {}
func (f written) set(*row, []byte, *scanner)            {}
func (f written) write(a *argList, name string, r *row) { f(a, name, r) }
func (f written) kind() string                          { return "only written" }

func zero(a *argList, name string, _ *row) { a.int(name, 0) }

func noSplit(a *argList, name string, r *row) {
	if r.hasCollective {
		a.text(name, "[]")
	}
}

func defaultGroup(a *argList, name string, r *row) {
	if r.hasCollective {
		a.text(name, "default_pg")
	}
}

// bandwidth is in bytes per nanosecond, which are GB/s.
func bandwidth(a *argList, name string, r *row) {
	if r.bytes > 0 && r.dur > 0 {
		a.float(name, float64(r.bytes)/float64(r.dur), 64)
	}
}

func eventNumber(a *argList, name string, _ *row) {
	a.int(name, int64(a.o.eventNo))
	a.o.eventNo++
}

// sample is a counter's value in one of its series.
type sample struct{ series trace.StringID }

func (f sample) clear(*row)                   {}
func (f sample) write(*argList, string, *row) {}
func (f sample) kind() string                 { return "number" }
func (f sample) setInt(r *row, v int64)       { f.add(r, float64(v)) }
func (f sample) add(r *row, v float64) {
	r.samples = append(r.samples, trace.Sample{Series: f.series, Value: v})
}

func (f sample) set(r *row, token []byte, _ *scanner) {
	if v, err := strconv.ParseFloat(string(unquoted(token)), 64); err == nil && v-v == 0 { // not infinite, not NaN
		f.add(r, v)
	}
}
