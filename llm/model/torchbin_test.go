package model

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func openTorch(file []byte) (*checkpoint, error) {
	c := &checkpoint{tensors: map[string]*storedTensor{}}
	return c, c.open(fstest.MapFS{"pytorch_model.bin": {Data: file}}, "pytorch_model.bin", "pytorch_model.bin")
}

// torch.bin was written by Python's pickler, as torch.save does it; testdata/torchbin.py tells what is in it.
func TestTorchFile(t *testing.T) {
	file, err := os.ReadFile("testdata/torch.bin")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openTorch(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, want := range map[string]struct {
		shape  []int
		values []float32
	}{
		"float":  {[]int{3, 4}, []float32{0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75}},
		"tied":   {[]int{2, 4}, []float32{1, 1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75}},
		"half":   {[]int{4}, []float32{0.5, -2, 65504, 0x1p-24}},
		"bfloat": {[]int{1, 3}, []float32{1, -0.5, 3}},
	} {
		shape, ok := c.shape(name)
		if !ok || !slices.Equal(shape, want.shape) {
			t.Errorf("%s has shape %v, want %v", name, shape, want.shape)
			continue
		}
		cols := shape[len(shape)-1]
		got := make([]float32, len(want.values))
		if err := c.read(name, 0, len(got)/cols, 0, cols, got); err != nil || !slices.Equal(got, want.values) {
			t.Errorf("%s is %v (%v), want %v", name, got, err, want.values)
		}
	}
	for name, want := range map[string]string{"turned": "not contiguous", "long": "stored as Long"} {
		if err := c.check(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	if _, ok := c.shape("epoch"); ok {
		t.Error("a number is taken for a tensor")
	}
}

// archiveOf is a zip file with one pickle and one storage of 16 bytes.
func archiveOf(t testing.TB, pickle string, change func(*zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range []struct{ name, text string }{{"a/data.pkl", pickle}, {"a/data/0", strings.Repeat("x", 16)}} {
		h := &zip.FileHeader{Name: file.name}
		if change != nil {
			change(h)
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte(file.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pickleOf is the pickle of a dictionary {"w": tensor}.
func pickleOf(class, key string, elements, offset, n, stride int) string {
	return fmt.Sprintf("\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n%s\nX%c\x00\x00\x00%sX\x03\x00\x00\x00cpuK%ctQK%cK%c\x85K%c\x85tRs.",
		class, len(key), key, elements, offset, n, stride)
}

// claiming is an archive whose directory says of the storage that it has so many bytes.
func claiming(t *testing.T, file []byte, size uint32) []byte {
	t.Helper()
	entry := bytes.LastIndex(file, []byte("PK\x01\x02"))
	if entry < 0 || !bytes.HasPrefix(file[entry+46:], []byte("a/data/0")) {
		t.Fatal("the archive's last entry is not the storage")
	}
	file = bytes.Clone(file)
	binary.LittleEndian.PutUint32(file[entry+20:], size) // compressed
	binary.LittleEndian.PutUint32(file[entry+24:], size)
	return file
}

func TestBadTorchFiles(t *testing.T) {
	if _, err := openTorch(archiveOf(t, pickleOf("FloatStorage", "0", 4, 1, 3, 1), nil)); err != nil {
		t.Fatalf("the good file: %v", err)
	}
	whole := archiveOf(t, pickleOf("FloatStorage", "0", 4, 0, 4, 1), nil)
	dimensions := func(n int) []byte {
		ones := "(" + strings.Repeat("K\x01", n) + "t"
		return archiveOf(t, strings.ReplaceAll(pickleOf("FloatStorage", "0", 4, 0, 1, 1), "K\x01\x85", ones), nil)
	}
	if _, err := openTorch(dimensions(64)); err != nil {
		t.Errorf("64 dimensions: %v", err)
	}
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"too many dimensions", dimensions(65), "other values than it needs"},
		{"empty", nil, "no zip archive"},
		{"cut", whole[:len(whole)-30], "no zip archive"},
		{"a storage beyond the end", claiming(t, archiveOf(t, pickleOf("FloatStorage", "0", 4, 100, 4, 1), nil), 1<<20), "has 1048576 bytes at byte"},
		{"a program", archiveOf(t, "cos\nsystem\n(X\x04\x00\x00\x00truetR.", nil), `calls for "os.system"`},
		{"another", archiveOf(t, "\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", nil), `calls for "builtins.eval"`},
		{"a name of torch", archiveOf(t, "ctorch\nload\n.", nil), `calls for "torch.load"`},
		{"an object", archiveOf(t, "ccollections\nOrderedDict\n)\x81.", nil), "instruction 0x81"},
		{"an old name", archiveOf(t, "(ios\nsystem\n.", nil), "instruction 0x69"},
		{"no end", archiveOf(t, "}", nil), "truncated"},
		{"no dictionary", archiveOf(t, "N.", nil), "does not hold a dictionary"},
		{"empty stack", archiveOf(t, "R.", nil), "other values than it needs"},
		{"no mark", archiveOf(t, "}u.", nil), "other values than it needs"},
		{"long text", archiveOf(t, "X\xff\xff\xff\xff", nil), "truncated"},
		{"too much of a storage", archiveOf(t, pickleOf("FloatStorage", "0", 4, 2, 3, 1), nil), "storage \"0\", which has 4"},
		{"another size than said", archiveOf(t, pickleOf("DoubleStorage", "0", 200, 0, 3, 1), nil), "storage \"0\", which has 2"},
		{"no storage", archiveOf(t, pickleOf("FloatStorage", "7", 4, 0, 3, 1), nil), "storage \"7\" is missing"},
		{"storage outside", archiveOf(t, pickleOf("FloatStorage", "../../x", 4, 0, 3, 1), nil), "is missing"},
		{"compressed", archiveOf(t, "}.", func(h *zip.FileHeader) { h.Method = zip.Deflate }), "is compressed"},
		{"a bomb", archiveOf(t, strings.Repeat("N0", maxPickleOps), func(h *zip.FileHeader) { h.Method = zip.Deflate }), "is compressed"},
		{"a long program", archiveOf(t, strings.Repeat("N0", maxPickleOps), nil), "instructions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := openTorch(test.file)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// Weights in either kind of file are found under any of the family's prefixes.
func TestTorchModel(t *testing.T) {
	g := loadGolden(t, "testdata/opt")
	stored, err := openCheckpoint(g.dir, g.name)
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	pickle := "\x80\x02}("
	write := func(name string, data []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "opt/" + name})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) string { return "X" + string([]byte{byte(len(s)), 0, 0, 0}) + s }
	for name, x := range stored.tensors {
		if name == "lm_head.weight" {
			continue // tied
		}
		n, shape, stride := 1, "(", ""
		for _, size := range slices.Backward(x.shape) {
			stride = string(numberBytes(n)) + stride
			n *= size
		}
		for _, s := range x.shape {
			shape += string(numberBytes(s))
		}
		data := make([]byte, n*x.dtype.size())
		if _, err := x.file.ReadAt(data, x.offset); err != nil {
			t.Fatal(err)
		}
		write("data/"+name, data)
		pickle += text("decoder."+strings.TrimPrefix(name, "model.decoder.")) + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") +
			"ctorch\n" + map[dtype]string{float32Type: "Float", float16Type: "Half"}[x.dtype] + "Storage\n" + text(name) + text("cpu") +
			string(numberBytes(n)) + "tQK\x00" + shape + "t(" + stride + "ttR"
	}
	write("data.pkl", []byte(pickle+"u."))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := OpenWeights(fstest.MapFS{"pytorch_model.bin": {Data: b.Bytes()}}, "opt", g.config)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if d := maxDifference(newSplit(t, w, 1, 1, len(g.ids)).run(g.ids, 0), g.logits); d > 1e-4 {
		t.Errorf("logits differ by up to %g", d)
	}
}

// numberBytes is a pickled number.
func numberBytes(n int) []byte { return []byte{'J', byte(n), byte(n >> 8), byte(n >> 16), 0} }

func FuzzUnpickle(f *testing.F) {
	f.Add([]byte(pickleOf("FloatStorage", "0", 4, 1, 3, 1)))
	f.Add([]byte("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01aK\x01]\x94(NNe\x85u."))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = unpickle(text) })
}

func FuzzTorchFile(f *testing.F) {
	file, err := os.ReadFile("testdata/torch.bin")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(archiveOf(f, pickleOf("HalfStorage", "0", 8, 1, 3, 1), nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := openTorch(file)
		if err != nil {
			_ = c.Close()
			return
		}
		defer c.Close()
		for name, x := range c.tensors { // whatever was accepted can be read
			n := 1
			for _, d := range x.shape {
				n *= d
			}
			if x.dtype == otherType || x.dtype == int32Type || len(x.shape) == 0 || n == 0 || n > 1<<20 {
				continue
			}
			cols := x.shape[len(x.shape)-1]
			if err := c.read(name, 0, n/cols, 0, cols, make([]float32, n)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
