package kineto

import (
	"bytes"
	"encoding/json"

	"github.com/inferprof/inferprof/trace"
)

// learn makes a shape of the event at b[start:end], whose members have been split, and files the event by it. It
// returns false if there are shapes enough or the event is odd.
func (s *scanner) learn(b []byte, start, end int) bool {
	if len(s.shapes) >= maxShapes || len(s.members) > maxMembers {
		return false
	}
	var phase, category, name []byte
	for _, m := range s.members {
		if !m.argument {
			switch string(m.key(b)) {
			case "ph":
				phase = m.value(b)
			case "cat":
				category = m.value(b)
			case "name":
				name = m.value(b)
			}
		}
	}
	if len(phase) != 3 || (phase[1]|0x20)-'a' >= 26 || phase[1] == phaseDeclaration || s.loneComma || !soundMembers(b, s.members) {
		return false
	}
	sh := &shape{number: uint16(len(s.shapes) + 1), phase: trace.Phase(phase[1]), pid: -1 << 63}
	sh.category = s.category(unquoted(category), sh.phase, name)
	sh.table = trace.TableOf(sh.category, sh.phase)
	// An arrow's name is its category's; an instant without a category is told by its name.
	// So is an event of MTIA's, whose category says what it is only with its name.
	fixedName := string(unquoted(category)) == mtiaEvents || sh.table == trace.TableFlow && string(name) == string(category) || category == nil && sh.phase == trace.PhaseInstant
	if fixedName {
		sh.name = s.text(name)
	}
	at := start
	var seen [toFlow + 1]bool
	for _, m := range s.members {
		slot, from, to := s.slotFor(b, m, sh)
		if slot == nil || slot.to == toName && fixedName {
			continue
		}
		if sh.has(slot) { // under two spellings
			return false
		}
		seen[slot.to] = true
		slot.literal = string(b[at:from])
		sh.slots = append(sh.slots, *slot)
		at = to
	}
	if !seen[toStart] || !seen[toPID] || !seen[toTID] {
		return false
	}
	sh.tail = string(b[at:end])
	s.texts.shapes = append(s.texts.shapes, sh)
	s.shapes = append(s.shapes, sh)
	if s.match(b, s.w.n, start, sh) != end {
		s.texts.shapes = s.texts.shapes[:len(s.texts.shapes)-1]
		s.shapes = s.shapes[:len(s.shapes)-1]
		return false
	}
	if s.lastShape != nil {
		s.lastShape.next = sh
	}
	s.lastShape = sh
	sh.next = sh
	return true
}

// has says whether the shape has a slot for the same value already.
func (sh *shape) has(slot *shapeSlot) bool {
	for i := range sh.slots {
		switch o := &sh.slots[i]; {
		case o.to != slot.to || slot.to == toNothing:
		case slot.to != toArgument || slot.argument != nil && slot.argument == o.argument:
			return true
		}
	}
	return false
}

// slotFor says how a member's value is read, and where its text is; nil if it is part of the literal text.
func (s *scanner) slotFor(b []byte, m member, sh *shape) (slot *shapeSlot, from, to int) {
	v := m.value(b)
	slot = &shapeSlot{kind: kindRaw}
	from, to = m.valueAt, m.valueEnd
	if m.argument {
		s.aimArgument(slot, sh.table, m.key(b))
	} else {
		switch string(m.key(b)) {
		case "ph", "cat", "s", "bp":
			return nil, 0, 0
		case "name":
			slot.to = toName
			if first(v) == '"' && bytes.IndexByte(v, '\\') < 0 {
				slot.kind = kindName
				return slot, from + 1, to - 1
			}
		default:
			s.aimMember(slot, sh.table, m.key(b))
		}
	}
	padded := append(bytes.Clone(v), padBytes[:]...)
	switch slot.to {
	case toStart, toDuration:
		if _, j := scanMicros(padded, 0); j == len(v) {
			slot.kind = kindMicros
		} else if _, _, j := scanShort(padded, 0); j == len(v) {
			slot.kind = kindShort
		}
	default:
		switch string(v) {
		case "true", "false", "null":
			return nil, 0, 0
		}
		if _, j := scanInt(padded, 0); j == len(v) && (slot.into != nil || slot.convert != nil) {
			slot.kind = kindInt
		}
	}
	if slot.kind == kindRaw {
		slot.recent = new([slotsOfNames]trace.StringID)
	}
	slot.kept = slot.keeps()
	return slot, from, to
}

// aimMember says where the value of a member outside args goes.
func (s *scanner) aimMember(slot *shapeSlot, table trace.TableKind, key []byte) {
	switch string(key) {
	case "pid":
		slot.to, slot.into = toPID, &s.row.pid
	case "tid":
		slot.to, slot.into = toTID, &s.row.tid
	case "ts":
		slot.to, slot.into = toStart, &s.row.start
	case "dur":
		slot.to, slot.into = toDuration, &s.row.dur
	case "id":
		if table == trace.TableFlow {
			slot.to, slot.into = toFlow, &s.row.flow
			return
		}
		fallthrough
	default:
		slot.into = &s.row.ignored
	}
}

// aimArgument says where the value of an argument goes.
func (s *scanner) aimArgument(slot *shapeSlot, table trace.TableKind, key []byte) {
	slot.argument, slot.field = s.argumentFor(table, key)
	switch f := slot.field.(type) {
	case nil:
		slot.into = &s.row.ignored
		return
	case shapeList:
		slot.to = toShapes
		return
	case dtypeList:
		slot.to = toDtypes
		return
	case whole:
		slot.into = f.place(s.row)
	case intField:
		slot.convert = f
	}
	slot.to = toArgument
}

// argumentFor finds the line of the list that says of an argument where its value goes, and the place. Nil: it is kept as
// text only. The arguments of a counter are its series, whatever they are called.
func (s *scanner) argumentFor(table trace.TableKind, key []byte) (*argument, field) {
	if table == trace.TableCounter {
		name, _ := decodeString(key)
		return nil, sample{s.t.Strings.Intern(name)}
	}
	if a := argumentsByName[table][string(key)]; a != nil {
		return a, a.field
	}
	return nil, nil
}

// keeps says whether the slot's value must be kept with the text, because neither the columns nor the tables hold it
// exactly.
func (slot *shapeSlot) keeps() bool {
	switch slot.kind {
	case kindName, kindMicros:
		return false
	case kindRaw:
		return slot.to != toShapes && slot.to != toDtypes
	case kindInt:
		if w, ok := slot.field.(whole); ok {
			return !w.exact()
		}
		return slot.to != toPID && slot.to != toTID && slot.to != toFlow
	}
	return true
}

var padBytes = func() (p [padding]byte) {
	for i := range p {
		p[i] = sentinel
	}
	return p
}()

// soundMembers says whether all values are JSON, and no key comes twice.
func soundMembers(b []byte, members []member) bool {
	for i, m := range members {
		if !soundMember(b, m) {
			return false
		}
		for _, o := range members[:i] {
			if o.argument == m.argument && string(o.key(b)) == string(m.key(b)) {
				return false
			}
		}
	}
	return true
}

// soundMember says whether a key and its value are JSON.
func soundMember(b []byte, m member) bool {
	return soundValue(m.value(b)) && soundValue(b[m.keyAt-1:m.keyEnd+1])
}

// soundValue says whether a token is JSON.
func soundValue(token []byte) bool {
	switch first(token) {
	case '"', '[', '{':
		return json.Valid(token)
	}
	return literal(token)
}

// What is known of an interned text. It is found out once.
const (
	knownPlain   = 1 << iota // the same inside JSON quotes: no escapes, no control characters, valid UTF-8
	knownNoPlain             // not so
	knownSound               // a JSON value
	knownUnsound             // none
)

// knownOf returns what is known of an interned text.
func (s *scanner) knownOf(id trace.StringID) *uint8 {
	for int(id) >= len(s.known) {
		s.known = append(s.known, make([]uint8, max(1024, len(s.known)))...)
	}
	return &s.known[id]
}

// plain says whether an interned text is the same inside JSON quotes.
func (s *scanner) plain(id trace.StringID) bool {
	k := s.knownOf(id)
	if *k&(knownPlain|knownNoPlain) == 0 {
		text := []byte(s.t.Strings.At(id))
		decoded, ok := decodeString(text)
		if ok && len(decoded) == len(text) {
			*k |= knownPlain
		} else {
			*k |= knownNoPlain
		}
	}
	return *k&knownPlain != 0
}

// sound says whether an interned text is a JSON value.
func (s *scanner) sound(id trace.StringID) bool {
	k := s.knownOf(id)
	if *k&(knownSound|knownUnsound) == 0 {
		if soundValue([]byte(s.t.Strings.At(id))) {
			*k |= knownSound
		} else {
			*k |= knownUnsound
		}
	}
	return *k&knownSound != 0
}

// endOfPlain is the offset of the next quote; -1 if there is none before n.
func endOfPlain(b []byte, i, n int) int {
	j := bytes.IndexByte(b[i:n], '"')
	if j < 0 {
		return -1
	}
	return i + j
}
