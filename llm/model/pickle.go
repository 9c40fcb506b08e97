package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A pickle is a program for a stack machine, and a general one can call any function by name: loading it runs whatever its
// author wanted. This machine knows the data that a state dict is made of, and gives the few names that occur in one a
// meaning of its own: a name never becomes code. Everything else, first of all a name that it does not know, is an
// error. It does at most maxPickleOps instructions of at most maxPickleBytes, so a small file cannot become a large one.

const (
	maxPickleBytes = 16 << 20
	maxPickleOps   = 1 << 22
)

// What a pickle's values are, besides string, int64, float64, bool and nil.
type (
	pickleTuple []any
	pickleList  struct{ items []any }
	pickleDict  struct{ keys, values []any }
	pickleName  string // a function or class: module.name
	pickleMark  struct{}

	// pickleStorage is a piece of the archive: torch's persistent id of one.
	pickleStorage struct {
		class    string // FloatStorage …
		key      string // of its file
		elements int64
	}
	// pickleTensor is a view of a storage.
	pickleTensor struct {
		storage       *pickleStorage
		offset        int64 // in elements
		shape, stride []int64
	}
)

// The names that a state dict contains. Storages are classes of torch.
const (
	nameOrderedDict = "collections.OrderedDict"
	nameTensor      = "torch._utils._rebuild_tensor_v2"
	nameParameter   = "torch._utils._rebuild_parameter"
)

// unpickler is the machine.
type unpickler struct {
	text  []byte
	at    int
	stack []any
	memo  map[uint32]any
}

var errPickleCut = errors.New("it ends in the middle of an instruction: the file is truncated")

// unpickle runs a pickle and returns what it leaves.
func unpickle(text []byte) (any, error) {
	u := &unpickler{text: text, memo: map[uint32]any{}}
	for range maxPickleOps {
		op, err := u.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return u.pop()
		}
		if err := u.do(op); err != nil {
			return nil, fmt.Errorf("at byte %d: %w", u.at, err)
		}
	}
	return nil, fmt.Errorf("it has more than %d instructions", maxPickleOps)
}

func (u *unpickler) byte() (byte, error) {
	b, err := u.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (u *unpickler) bytes(n int) ([]byte, error) {
	if n < 0 || n > len(u.text)-u.at {
		return nil, errPickleCut
	}
	b := u.text[u.at : u.at+n]
	u.at += n
	return b, nil
}

// number reads a little-endian number of n bytes.
func (u *unpickler) number(n int) (uint64, error) {
	b, err := u.bytes(n)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), nil
}

// sized reads a length of n bytes, and as many bytes.
func (u *unpickler) sized(n int) ([]byte, error) {
	size, err := u.number(n)
	if err != nil || size > uint64(len(u.text)) {
		return nil, errPickleCut
	}
	return u.bytes(int(size))
}

// line reads up to a newline.
func (u *unpickler) line() (string, error) {
	for i := u.at; i < len(u.text); i++ {
		if u.text[i] == '\n' {
			s := string(u.text[u.at:i])
			u.at = i + 1
			return s, nil
		}
	}
	return "", errPickleCut
}

func (u *unpickler) push(v any) { u.stack = append(u.stack, v) }

var errPickleStack = errors.New("an instruction finds other values than it needs: it is damaged")

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, errPickleStack
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return v, nil
}

func (u *unpickler) top() any {
	if len(u.stack) == 0 {
		return nil
	}
	return u.stack[len(u.stack)-1]
}

// popMany takes n values, in the order in which they came.
func (u *unpickler) popMany(n int) ([]any, error) {
	if n > len(u.stack) {
		return nil, errPickleStack
	}
	first := len(u.stack) - n
	v := append([]any(nil), u.stack[first:]...)
	u.stack = u.stack[:first]
	return v, nil
}

// popToMark takes the values above the last mark, and the mark.
func (u *unpickler) popToMark() ([]any, error) {
	for i, v := range slices.Backward(u.stack) {
		if _, ok := v.(pickleMark); ok {
			v := append([]any(nil), u.stack[i+1:]...)
			u.stack = u.stack[:i]
			return v, nil
		}
	}
	return nil, errPickleStack
}

// do does one instruction. The names are those of Python's pickletools.
func (u *unpickler) do(op byte) error {
	switch op {
	case 0x80: // PROTO
		_, err := u.bytes(1)
		return err
	case 0x95: // FRAME
		_, err := u.bytes(8)
		return err
	case '(':
		u.push(pickleMark{})
	case '0': // POP
		_, err := u.pop()
		return err
	case 'N', 0x88, 0x89: // NONE, NEWTRUE, NEWFALSE
		u.push(map[byte]any{'N': nil, 0x88: true, 0x89: false}[op])
	case 'J', 'K', 'M', 0x8a: // BININT, BININT1, BININT2, LONG1
		return u.integer(op)
	case 'G': // BINFLOAT
		b, err := u.bytes(8)
		if err == nil {
			u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		return err
	case 'X', 0x8c, 0x8d, 'U', 'T', 'C', 'B': // BINUNICODE, SHORT_, 8; SHORT_BINSTRING, BINSTRING; SHORT_BINBYTES, BINBYTES
		s, err := u.sized(map[byte]int{'X': 4, 0x8c: 1, 0x8d: 8, 'U': 1, 'T': 4, 'C': 1, 'B': 4}[op])
		if err == nil {
			u.push(string(s))
		}
		return err
	case '}', ']', ')': // EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE
		u.push(map[byte]func() any{
			'}': func() any { return &pickleDict{} }, ']': func() any { return &pickleList{} }, ')': func() any { return pickleTuple{} },
		}[op]())
	case 't', 0x85, 0x86, 0x87: // TUPLE, TUPLE1, 2, 3
		return u.tuple(op)
	case 'a', 'e': // APPEND, APPENDS
		return u.appendItems(op == 'e')
	case 's', 'u': // SETITEM, SETITEMS
		return u.setItems(op == 'u')
	case 'q', 'r', 0x94: // BINPUT, LONG_BINPUT, MEMOIZE
		return u.put(op)
	case 'h', 'j': // BINGET, LONG_BINGET
		return u.get(op)
	case 'c', 0x93: // GLOBAL, STACK_GLOBAL
		return u.global(op)
	case 'Q': // BINPERSID
		return u.storage()
	case 'R': // REDUCE
		return u.reduce()
	case 'b': // BUILD: attributes of an object, of which no data depends
		_, err := u.popMany(1)
		if err == nil && len(u.stack) == 0 {
			err = errPickleStack
		}
		return err
	default:
		return fmt.Errorf("instruction %#02x is not one that weights need: it is not read, because what it does cannot be known to be harmless", op)
	}
	return nil
}

func (u *unpickler) integer(op byte) error {
	n := map[byte]int{'J': 4, 'K': 1, 'M': 2}[op]
	if op == 0x8a {
		size, err := u.byte()
		if err != nil {
			return err
		}
		if size > 8 {
			return fmt.Errorf("a number of %d bytes", size)
		}
		n = int(size)
	}
	v, err := u.number(n)
	if err != nil {
		return err
	}
	signed := int64(v)
	if shift := 64 - 8*n; op == 'J' || op == 0x8a && n > 0 {
		signed = signed << shift >> shift
	}
	u.push(signed)
	return nil
}

func (u *unpickler) tuple(op byte) error {
	var v []any
	var err error
	if op == 't' {
		v, err = u.popToMark()
	} else {
		v, err = u.popMany(int(op-0x85) + 1)
	}
	if err == nil {
		u.push(pickleTuple(v))
	}
	return err
}

func (u *unpickler) appendItems(many bool) error {
	var v []any
	var err error
	if many {
		v, err = u.popToMark()
	} else {
		v, err = u.popMany(1)
	}
	if err != nil {
		return err
	}
	list, ok := u.top().(*pickleList)
	if !ok {
		return errPickleStack
	}
	list.items = append(list.items, v...)
	return nil
}

func (u *unpickler) setItems(many bool) error {
	var v []any
	var err error
	if many {
		v, err = u.popToMark()
	} else {
		v, err = u.popMany(2)
	}
	if err != nil {
		return err
	}
	dict, ok := u.top().(*pickleDict)
	if !ok || len(v)%2 != 0 {
		return errPickleStack
	}
	for i := 0; i < len(v); i += 2 {
		dict.keys, dict.values = append(dict.keys, v[i]), append(dict.values, v[i+1])
	}
	return nil
}

func (u *unpickler) put(op byte) error {
	key := uint64(len(u.memo))
	if op != 0x94 {
		var err error
		if key, err = u.number(map[byte]int{'q': 1, 'r': 4}[op]); err != nil {
			return err
		}
	}
	if len(u.stack) == 0 {
		return errPickleStack
	}
	u.memo[uint32(key)] = u.top()
	return nil
}

func (u *unpickler) get(op byte) error {
	key, err := u.number(map[byte]int{'h': 1, 'j': 4}[op])
	if err != nil {
		return err
	}
	v, ok := u.memo[uint32(key)]
	if !ok {
		return errPickleStack
	}
	u.push(v)
	return nil
}

// global is a name. Those that are known to be harmless are all that there are.
func (u *unpickler) global(op byte) error {
	var module, name string
	if op == 'c' {
		var err error
		if module, err = u.line(); err != nil {
			return err
		}
		if name, err = u.line(); err != nil {
			return err
		}
	} else {
		v, err := u.popMany(2)
		if err != nil {
			return err
		}
		var ok, okToo bool
		module, ok = v[0].(string)
		name, okToo = v[1].(string)
		if !ok || !okToo {
			return errPickleStack
		}
	}
	full := module + "." + name
	switch _, storage := storageTypes[name]; {
	case full == nameOrderedDict, full == nameTensor, full == nameParameter, module == "torch" && storage:
		u.push(pickleName(full))
		return nil
	}
	return fmt.Errorf("it calls for %q, which weights do not need and which may do anything: it is not run; get the model's safetensors", full)
}

// storage is a persistent id: ('storage', class, key, device, elements).
func (u *unpickler) storage() error {
	v, err := u.pop()
	if err != nil {
		return err
	}
	id, ok := v.(pickleTuple)
	if !ok || len(id) < 5 || id[0] != "storage" {
		return errPickleStack
	}
	name, ok1 := id[1].(pickleName)
	class, isClass := strings.CutPrefix(string(name), "torch.")
	key, ok2 := id[2].(string)
	elements, ok3 := id[4].(int64)
	if !ok1 || !ok2 || !ok3 || elements < 0 || !isClass || !strings.HasSuffix(class, "Storage") {
		return errPickleStack
	}
	u.push(&pickleStorage{class: class, key: key, elements: elements})
	return nil
}

// reduce is the call of a name: of one of the three that mean something.
func (u *unpickler) reduce() error {
	v, err := u.popMany(2)
	if err != nil {
		return err
	}
	name, ok := v[0].(pickleName)
	args, okToo := v[1].(pickleTuple)
	if !ok || !okToo {
		return errPickleStack
	}
	switch name {
	case nameOrderedDict:
		u.push(&pickleDict{})
		return nil
	case nameParameter: // (tensor, requires_grad, hooks)
		if len(args) > 0 {
			if t, ok := args[0].(*pickleTensor); ok {
				u.push(t)
				return nil
			}
		}
	case nameTensor: // (storage, offset, shape, stride, …)
		if len(args) < 4 {
			break
		}
		storage, ok1 := args[0].(*pickleStorage)
		offset, ok2 := args[1].(int64)
		shape, ok3 := integers(args[2])
		stride, ok4 := integers(args[3])
		if ok1 && ok2 && ok3 && ok4 && len(shape) == len(stride) {
			u.push(&pickleTensor{storage, offset, shape, stride})
			return nil
		}
	}
	return errPickleStack
}

// maxDims is torch's limit. A program can ask for a tensor of one tuple again and again.
const maxDims = 64

// integers is a shape or a stride.
func integers(v any) ([]int64, bool) {
	t, ok := v.(pickleTuple)
	if len(t) > maxDims {
		return nil, false
	}
	list := make([]int64, len(t))
	for i, x := range t {
		n, isInt := x.(int64)
		list[i], ok = n, ok && isInt
	}
	return list, ok
}
