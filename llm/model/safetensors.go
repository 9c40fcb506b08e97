package model

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"
	"unsafe"

	"github.com/inferprof/inferprof/llm/tensor"
)

// A safetensors file is an 8-byte little-endian header length, a JSON header that gives each tensor's dtype, shape and
// place, and the tensors' bytes. We read through io.ReaderAt, a few rows at a time, straight into the packed matrices:
// the file is never held whole, and a file that shrinks while it is read is an error rather than a fault, as it would be
// if it were mapped.
//
// Mapping was measured, with 250 MB of float16 in the page cache (an AMD EPYC with AVX2): 84 to 93 ms of processor time to
// widen them from the mapping, 82 to 93 from reads of 64 KiB, which copy but fault on no page. The mapping also adds the
// whole file to the process's resident memory until it is undone.

// checkpoint is the weights of one model folder: one or several files.
type checkpoint struct {
	tensors map[string]*storedTensor
	files   []fs.File
	scratch sync.Pool // *readBuffer
}

// storedTensor is where one tensor lies.
type storedTensor struct {
	file   io.ReaderAt
	path   string // for errors
	offset int64  // of its first byte in the file
	dtype  dtype
	named  string // the dtype as the file has it
	shape  []int
}

type dtype uint8

const (
	float32Type dtype = iota
	float16Type
	bfloat16Type
	int32Type // packed weights of 4 bits
	otherType // not read
)

var dtypes = map[string]struct {
	dtype dtype
	size  int
}{"F32": {float32Type, 4}, "F16": {float16Type, 2}, "BF16": {bfloat16Type, 2}, "I32": {int32Type, 4}}

func (d dtype) size() int {
	if d == float32Type || d == int32Type {
		return 4
	}
	return 2
}

// maxHeaderBytes is the limit that the safetensors format itself sets.
const maxHeaderBytes = 100 << 20

// openCheckpoint finds and opens the folder's weights: the shards of model.safetensors.index.json, else
// model.safetensors, else the only .safetensors file, else the same of pytorch_model.bin.
func openCheckpoint(fsys fs.FS, name string) (*checkpoint, error) {
	paths, err := checkpointFiles(fsys, name)
	if err != nil {
		return nil, err
	}
	c := &checkpoint{tensors: map[string]*storedTensor{}}
	for _, p := range paths {
		if err := c.open(fsys, p, path.Join(name, p)); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

func checkpointFiles(fsys fs.FS, name string) ([]string, error) {
	for _, kind := range []struct{ index, pattern, only string }{
		{"model.safetensors.index.json", "*.safetensors", "model.safetensors"},
		{"pytorch_model.bin.index.json", "pytorch_model*.bin", "pytorch_model.bin"},
	} {
		files, err := filesOfKind(fsys, name, kind.index, kind.pattern, kind.only)
		if err != nil || len(files) > 0 {
			return files, err
		}
	}
	return nil, fmt.Errorf("%s: no *.safetensors or pytorch_model.bin there: download the weights, or use --load-format dummy for random ones", name)
}

// filesOfKind finds files of one kind: those that an index lists, or the only one; none if there are none.
func filesOfKind(fsys fs.FS, name, index, pattern, only string) ([]string, error) {
	text, err := fs.ReadFile(fsys, index)
	if err == nil {
		var x struct {
			Map map[string]string `json:"weight_map"`
		}
		if err := json.Unmarshal(text, &x); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", name, index, err)
		}
		var files []string
		for tensor, f := range x.Map {
			if !fs.ValidPath(f) || path.Base(f) != f {
				return nil, fmt.Errorf("%s/%s: %s is said to be in %q, which is not a file name", name, index, tensor, f)
			}
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
		sort.Strings(files)
		for _, f := range files {
			if _, err := fs.Stat(fsys, f); err != nil {
				return nil, fmt.Errorf("%s: %s is listed in %s and missing: download the model again", name, f, index)
			}
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s/%s lists no files", name, index)
		}
		return files, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	files, err := fs.Glob(fsys, pattern)
	switch {
	case err != nil:
		return nil, err
	case slices.Contains(files, only):
		return []string{only}, nil
	case len(files) > 1:
		return nil, fmt.Errorf("%s: %s and no %s to say which belong together", name, strings.Join(files, ", "), index)
	}
	return files, nil
}

// Close closes the files.
func (c *checkpoint) Close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func (c *checkpoint) open(fsys fs.FS, p, display string) error {
	f, err := fsys.Open(p)
	if err != nil {
		return err
	}
	c.files = append(c.files, f)
	st, err := f.Stat()
	if err != nil {
		return err
	}
	r, ok := f.(io.ReaderAt)
	if !ok {
		return fmt.Errorf("%s: cannot be read at random", display)
	}
	read := c.readHeader
	if path.Ext(p) == ".bin" {
		read = c.readTorch
	}
	if err := read(r, st.Size(), display); err != nil {
		return fmt.Errorf("%s: %w", display, err)
	}
	return nil
}

// readHeader adds a file's tensors. Nothing in the header is believed before it fits the file.
func (c *checkpoint) readHeader(r io.ReaderAt, size int64, display string) error {
	var lead [8]byte
	if size < 8 {
		return fmt.Errorf("%d bytes are too few for a safetensors file: download it again", size)
	}
	if _, err := r.ReadAt(lead[:], 0); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint64(lead[:])
	if n > maxHeaderBytes || int64(n) > size-8 {
		return fmt.Errorf("the header says it is %d bytes long, the file has %d: it is truncated or no safetensors file; download it again", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil {
		return err
	}
	var header map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&header); err != nil {
		return fmt.Errorf("the header is not JSON: %w", err)
	}
	data := size - 8 - int64(n)
	type extent struct {
		from, to int64
		name     string
	}
	var extents []extent
	for name, raw := range header {
		if name == "__metadata__" {
			continue
		}
		var e struct {
			Dtype   string  `json:"dtype"`
			Shape   []int   `json:"shape"`
			Offsets []int64 `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] || e.Offsets[1] > data {
			return fmt.Errorf("tensor %s lies at bytes %v of %d: the file is truncated or damaged; download it again", name, e.Offsets, data)
		}
		extents = append(extents, extent{e.Offsets[0], e.Offsets[1], name})
		d, known := dtypes[e.Dtype]
		if !known { // harmless unless somebody asks for it
			c.tensors[name] = &storedTensor{dtype: otherType, named: e.Dtype, path: display, shape: e.Shape}
			continue
		}
		elements := int64(1)
		for _, s := range e.Shape {
			if s < 0 || (s > 0 && elements > math.MaxInt64/8/int64(s)) {
				return fmt.Errorf("tensor %s has shape %v", name, e.Shape)
			}
			elements *= int64(s)
		}
		if elements*int64(d.size) != e.Offsets[1]-e.Offsets[0] {
			return fmt.Errorf("tensor %s: shape %v of %s needs %d bytes, the header gives it %d", name, e.Shape, e.Dtype, elements*int64(d.size), e.Offsets[1]-e.Offsets[0])
		}
		if _, dup := c.tensors[name]; dup {
			return fmt.Errorf("tensor %s is in two files", name)
		}
		c.tensors[name] = &storedTensor{r, display, 8 + int64(n) + e.Offsets[0], d.dtype, e.Dtype, e.Shape}
	}
	// An empty tensor lies at the same place as the next one, and before it.
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for i := 1; i < len(extents); i++ {
		if extents[i].from < extents[i-1].to {
			return fmt.Errorf("tensors %s and %s overlap: the file is damaged; download it again", extents[i-1].name, extents[i].name)
		}
	}
	return nil
}

// shape of a tensor, if there is one of this name.
func (c *checkpoint) shape(name string) ([]int, bool) {
	t, ok := c.tensors[name]
	if !ok {
		return nil, false
	}
	return t.shape, true
}

// check tells why a tensor cannot be read, if it cannot.
func (c *checkpoint) check(name string) error {
	if t := c.tensors[name]; t.dtype == otherType || t.dtype == int32Type {
		return fmt.Errorf("%s: tensor %s is stored as %s: float32, float16 and bfloat16 can be read", t.path, name, t.named)
	}
	return nil
}

// checkInts tells why a tensor is none of int32s, if it is not.
func (c *checkpoint) checkInts(name string) error {
	if t := c.tensors[name]; t.dtype != int32Type {
		return fmt.Errorf("%s: tensor %s is stored as %s: packed weights are int32", t.path, name, t.named)
	}
	return nil
}

// ints reads a tensor of int32s.
func (c *checkpoint) ints(name string) ([]int32, error) {
	t := c.tensors[name]
	n := 1
	for _, s := range t.shape {
		n *= s
	}
	x := make([]int32, n)
	const piece = 1 << 16
	buf := make([]byte, 4*min(n, piece))
	for done := 0; done < n; {
		b := buf[:4*min(n-done, piece)]
		if _, err := t.file.ReadAt(b, t.offset+4*int64(done)); err != nil {
			return nil, fmt.Errorf("%s: reading tensor %s: %w", t.path, name, err)
		}
		for i := 0; i < len(b); i += 4 {
			x[done] = int32(binary.LittleEndian.Uint32(b[i:]))
			done++
		}
	}
	return x, nil
}

// read fills dst, row-major, with the given rows and columns of a matrix. A vector is a matrix of one row.
func (c *checkpoint) read(name string, row, rows, col, cols int, dst []float32) error {
	t := c.tensors[name]
	width := t.shape[len(t.shape)-1]
	es := t.dtype.size()
	if cols == width { // whole rows lie together
		return c.decode(t, name, int64(row*width*es), dst[:rows*cols])
	}
	for i := range rows {
		if err := c.decode(t, name, int64(((row+i)*width+col)*es), dst[i*cols:(i+1)*cols]); err != nil {
			return err
		}
	}
	return nil
}

// decode reads len(dst) elements from offset bytes into the tensor.
func (c *checkpoint) decode(t *storedTensor, name string, offset int64, dst []float32) error {
	buf, _ := c.scratch.Get().(*readBuffer)
	if buf == nil {
		buf = new(readBuffer)
	}
	defer c.scratch.Put(buf)
	es := t.dtype.size()
	for len(dst) > 0 {
		n := min(len(dst), readElements)
		b := bytesOf(buf[:n])
		if t.dtype == float32Type {
			b = bytesOf(dst[:n])
		}
		if _, err := t.file.ReadAt(b, t.offset+offset); err != nil {
			return fmt.Errorf("%s: reading tensor %s: %w", t.path, name, err)
		}
		fromLittleEndian(b, es)
		switch t.dtype {
		case bfloat16Type:
			tensor.Widen(tensor.BFloat16, buf[:n], dst[:n])
		case float16Type:
			tensor.Widen(tensor.Float16, buf[:n], dst[:n])
		}
		dst, offset = dst[n:], offset+int64(n*es)
	}
	return nil
}

// readBuffer is scratch memory of a reading: it stays in the second-level cache.
type readBuffer [readElements]uint16

const readElements = 1 << 15

// bytesOf is the memory of x.
func bytesOf[T uint16 | float32](x []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(x[0])))
}

// fromLittleEndian turns values of so many bytes, as files have them, into the machine's.
func fromLittleEndian(b []byte, size int) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	for ; len(b) > 0; b = b[size:] {
		slices.Reverse(b[:size])
	}
}
