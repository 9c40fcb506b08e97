package trace

import "hash/maphash"

// StringID names an interned string. 0 is the empty string.
type StringID uint32

// Strings interns text: each different string is kept once and named by a small number. It is an open-addressing table
// of ids; most lookups are of names seen a moment ago, so that what counts is hashing and one comparison.
type Strings struct {
	text  []string
	table []slot // a power of two, at most half full
	seed  maphash.Seed
}

// slot is an entry of the table: the string's hash, of which a part saves most wrong comparisons, and its id + 1.
type slot struct {
	hash uint32
	id   uint32 // 0: free
}

const firstSlots = 1 << 7

// NewStrings returns a table that holds only the empty string, as 0.
func NewStrings() *Strings {
	s := &Strings{table: make([]slot, firstSlots), seed: maphash.MakeSeed()}
	s.Intern(nil)
	return s
}

// Intern returns the id of b's text, adding it if it is new. b is not kept.
func (s *Strings) Intern(b []byte) StringID {
	h := maphash.Bytes(s.seed, b)
	mask := uint64(len(s.table) - 1)
	i := h & mask
	for ; s.table[i].id != 0; i = (i + 1) & mask {
		if s.table[i].hash == uint32(h>>32) && s.text[s.table[i].id-1] == string(b) {
			return StringID(s.table[i].id - 1)
		}
	}
	return s.add(i, h, string(b))
}

// InternString is Intern for a string.
func (s *Strings) InternString(t string) StringID {
	i, h, id := s.find(t)
	if id != 0 {
		return StringID(id - 1)
	}
	return s.add(i, h, t)
}

// find returns the place of t in the table, its hash, and its id + 1; 0 if it is not there.
func (s *Strings) find(t string) (i, h uint64, id uint32) {
	h = maphash.String(s.seed, t)
	mask := uint64(len(s.table) - 1)
	for i = h & mask; s.table[i].id != 0; i = (i + 1) & mask {
		if s.table[i].hash == uint32(h>>32) && s.text[s.table[i].id-1] == t {
			break
		}
	}
	return i, h, s.table[i].id
}

func (s *Strings) add(i, h uint64, t string) StringID {
	s.text = append(s.text, t)
	s.table[i] = slot{uint32(h >> 32), uint32(len(s.text))}
	if 2*len(s.text) > len(s.table) {
		s.grow()
	}
	return StringID(len(s.text) - 1)
}

// grow doubles the table. Slots hold only half of their hash, so that the strings are hashed again.
func (s *Strings) grow() {
	s.table = make([]slot, 2*len(s.table))
	mask := uint64(len(s.table) - 1)
	for id, t := range s.text {
		h := maphash.String(s.seed, t)
		i := h & mask
		for s.table[i].id != 0 {
			i = (i + 1) & mask
		}
		s.table[i] = slot{uint32(h >> 32), uint32(id + 1)}
	}
}

// Lookup returns the id of t, or false if t was never interned.
func (s *Strings) Lookup(t string) (StringID, bool) {
	_, _, id := s.find(t)
	if id == 0 {
		return 0, false
	}
	return StringID(id - 1), true
}

// At returns the text of id.
func (s *Strings) At(id StringID) string { return s.text[id] }

// Len is the number of different strings, the empty one included.
func (s *Strings) Len() int { return len(s.text) }
