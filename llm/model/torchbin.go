package model

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A pytorch_model.bin is a zip archive: NAME/data.pkl is a pickle that names the tensors and says where in which storage
// they lie, NAME/data/KEY are the storages. Nothing in it is compressed, so that a storage can be read in place like a
// safetensors file, and nothing is ever inflated.

// storageTypes are torch's classes of storages.
var storageTypes = map[string]struct {
	dtype dtype
	size  int64
}{
	"FloatStorage": {float32Type, 4}, "HalfStorage": {float16Type, 2}, "BFloat16Storage": {bfloat16Type, 2}, "IntStorage": {int32Type, 4},
	"DoubleStorage": {otherType, 8}, "LongStorage": {otherType, 8}, "ShortStorage": {otherType, 2}, "CharStorage": {otherType, 1},
	"ByteStorage": {otherType, 1}, "BoolStorage": {otherType, 1},
}

// readTorch adds the tensors of a file that torch.save wrote.
func (c *checkpoint) readTorch(r io.ReaderAt, size int64, display string) error {
	z, err := zip.NewReader(r, size)
	if errors.Is(err, zip.ErrFormat) {
		return errors.New("no zip archive: it is truncated, or from before PyTorch 1.6; get the model's safetensors")
	}
	if err != nil {
		return err
	}
	a := &archive{r: r, size: size, display: display, files: map[string]*zip.File{}}
	var pickle *zip.File
	for _, f := range z.File {
		if name, ok := strings.CutSuffix(f.Name, "data.pkl"); ok && pickle == nil && strings.Count(name, "/") <= 1 {
			pickle, a.prefix = f, name
		}
		a.files[f.Name] = f
	}
	if pickle == nil {
		return errors.New("no data.pkl in it: it is not a file of PyTorch weights")
	}
	text, err := a.small(pickle, maxPickleBytes)
	if err != nil {
		return err
	}
	if f := a.files[a.prefix+"byteorder"]; f != nil {
		if order, err := a.small(f, 16); err != nil || string(order) != "little" {
			return fmt.Errorf("its byte order is %q: little is supported", order)
		}
	}
	v, err := unpickle(text)
	if err != nil {
		return fmt.Errorf("its pickle: %w", err)
	}
	dict, ok := v.(*pickleDict)
	if !ok {
		return errors.New("it does not hold a dictionary of weights")
	}
	for i, k := range dict.keys {
		t, isTensor := dict.values[i].(*pickleTensor)
		name, isString := k.(string)
		if !isTensor || !isString {
			continue // an epoch, an optimizer's state
		}
		stored, err := a.tensor(t)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", name, err)
		}
		if _, dup := c.tensors[name]; dup {
			return fmt.Errorf("tensor %s is in two files", name)
		}
		c.tensors[name] = stored
	}
	return nil
}

// archive is the zip file around the storages.
type archive struct {
	r       io.ReaderAt
	size    int64 // of the archive, in bytes
	display string
	prefix  string // of all names
	files   map[string]*zip.File
}

// small reads a file of the archive as a whole.
func (a *archive) small(f *zip.File, limit uint64) ([]byte, error) {
	if f.UncompressedSize64 > limit {
		return nil, fmt.Errorf("%s in it has %d bytes: more than %d are not believed", f.Name, f.UncompressedSize64, limit)
	}
	at, err := a.place(f)
	if err != nil {
		return nil, err
	}
	b := make([]byte, f.UncompressedSize64)
	_, err = a.r.ReadAt(b, at)
	if err != nil {
		return nil, fmt.Errorf("%s in it: %w", f.Name, err)
	}
	return b, nil
}

// place is where a file's bytes lie in the archive.
func (a *archive) place(f *zip.File) (int64, error) {
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
		return 0, fmt.Errorf("%s in it is compressed: PyTorch does not do that; get the model's safetensors", f.Name)
	}
	at, err := f.DataOffset()
	if err != nil {
		return 0, fmt.Errorf("%s in it: %w: the file is damaged; download it again", f.Name, err)
	}
	// The directory's word on a size is all that archive/zip looks at until somebody reads.
	if room := a.size - at; at < 0 || room < 0 || f.UncompressedSize64 > uint64(room) {
		return 0, fmt.Errorf("%s in it has %d bytes at byte %d, and the file ends at byte %d: it is damaged; download it again", f.Name, f.UncompressedSize64, at, a.size)
	}
	return at, nil
}

// tensor finds a tensor's bytes. Nothing of what the pickle says is believed before it fits the storage.
func (a *archive) tensor(t *pickleTensor) (*storedTensor, error) {
	class := t.storage.class
	s := storageTypes[class] // the unpickler knows no others
	f := a.files[a.prefix+"data/"+t.storage.key]
	if f == nil {
		return nil, fmt.Errorf("its storage %q is missing: the file is damaged; download it again", t.storage.key)
	}
	at, err := a.place(f)
	if err != nil {
		return nil, err
	}
	stored := &storedTensor{file: a.r, path: a.display, dtype: s.dtype, named: strings.TrimSuffix(class, "Storage")}
	elements := int64(1)
	contiguous := true
	for i, n := range slices.Backward(t.shape) {
		if n < 0 || n > math.MaxInt32 || n > 0 && elements > math.MaxInt64/16/n {
			return nil, fmt.Errorf("it has shape %v", t.shape)
		}
		contiguous = contiguous && (n == 1 || t.stride[i] == elements)
		elements *= n
	}
	for _, n := range t.shape {
		stored.shape = append(stored.shape, int(n))
	}
	if !contiguous && elements > 0 { // harmless unless somebody asks for it
		stored.dtype, stored.named = otherType, "a view that is not contiguous"
		return stored, nil
	}
	have := int64(f.UncompressedSize64) / s.size
	if t.offset < 0 || t.offset > have || elements > have-t.offset {
		return nil, fmt.Errorf("shape %v at element %d of storage %q, which has %d: the file is damaged; download it again", t.shape, t.offset, t.storage.key, have)
	}
	stored.offset = at + t.offset*s.size
	return stored, nil
}
