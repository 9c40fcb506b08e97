package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// tinyConfig is an OPT of the smallest size; tinyFolder a whole model of it.
const tinyConfig = `{"architectures":["OPTForCausalLM"],"vocab_size":8,"hidden_size":4,"num_hidden_layers":1,
"num_attention_heads":2,"ffn_dim":8,"max_position_embeddings":16,"word_embed_proj_dim":4,"eos_token_id":2}`

func safetensors(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

// tinyTensors is the header and data size of every tensor that tinyConfig calls for.
func tinyTensors(t testing.TB) (header string, data int) {
	t.Helper()
	c, err := ParseConfig([]byte(tinyConfig))
	if err != nil {
		t.Fatal(err)
	}
	var entries []string
	for _, s := range c.tensors() {
		n := 4
		for _, d := range s.shape {
			n *= d
		}
		shape := strings.ReplaceAll(fmt.Sprint(s.shape), " ", ",")
		entries = append(entries, fmt.Sprintf(`"model.decoder.%s":{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, s.name, shape, data, data+n))
		data += n
	}
	return "{" + strings.Join(entries, ",") + "}", data
}

func tinyFolder(t testing.TB, weights []byte) fs.FS {
	return fstest.MapFS{"config.json": {Data: []byte(tinyConfig)}, "model.safetensors": {Data: weights}}
}

func openFolder(fsys fs.FS) error {
	c, err := ReadConfig(fsys, "tiny")
	if err != nil {
		return err
	}
	w, err := OpenWeights(fsys, "tiny", c)
	if err != nil {
		return err
	}
	return w.Close()
}

func TestBadFolders(t *testing.T) {
	header, data := tinyTensors(t)
	whole := safetensors(header, data)
	if err := openFolder(tinyFolder(t, whole)); err != nil {
		t.Fatalf("the good folder: %v", err)
	}
	file := func(b []byte) fs.FS { return tinyFolder(t, b) }
	with := func(header string, data int) fs.FS { return file(safetensors(header, data)) }
	config := func(old, new string) fs.FS {
		return fstest.MapFS{"config.json": {Data: []byte(strings.Replace(tinyConfig, old, new, 1))}, "model.safetensors": {Data: whole}}
	}
	for _, test := range []struct {
		name   string
		folder fs.FS
		want   string
	}{
		{"empty folder", fstest.MapFS{}, "no config.json there"},
		{"config is no JSON", config("{", "["), "config.json:"},
		{"unknown architecture", config("OPTFor", "T5For"), "T5ForCausalLM is not supported: supported are"},
		{"no architecture", config(`"architectures":["OPTForCausalLM"],`, ""), "cannot tell what kind of model"},
		{"no layers", config(`"num_hidden_layers":1`, `"num_hidden_layers":0`), "num_hidden_layers is 0"},
		{"negative width", config(`"hidden_size":4`, `"hidden_size":-4`), "hidden_size is -4"},
		{"heads do not fit", config(`"num_attention_heads":2`, `"num_attention_heads":3`), "not a multiple of num_attention_heads 3"},
		{"heads without end", func() fs.FS {
			text := `{"architectures":["LlamaForCausalLM"],"vocab_size":8,"hidden_size":1048576,"num_hidden_layers":4096,"num_attention_heads":1048576,` +
				`"head_dim":1048576,"intermediate_size":1048576,"max_position_embeddings":16,"rms_norm_eps":1e-5}`
			return fstest.MapFS{"config.json": {Data: []byte(text)}}
		}(), "num_attention_heads 1048576 of head_dim 1048576"},
		{"rotations of a negative base", fstest.MapFS{"config.json": {Data: []byte(`{"architectures":["LlamaForCausalLM"],"vocab_size":8,"hidden_size":4,` +
			`"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":8,"max_position_embeddings":16,"rms_norm_eps":1e-5,"rope_theta":-10000}`)}}, "rope_theta is -10000"},
		{"quantized otherwise", config(`"eos_token_id":2`, `"quantization_config":{"quant_method":"fp8"}`), `quant_method "fp8" is not supported: awq and gptq`},
		{"3 bits", config(`"eos_token_id":2`, `"quantization_config":{"quant_method":"gptq","bits":3}`), "gptq of 3 bits"},
		{"another layout", config(`"eos_token_id":2`, `"quantization_config":{"quant_method":"awq","bits":4,"version":"gemv"}`), `awq's layout "gemv"`},
		{"Marlin's layout", config(`"eos_token_id":2`, `"quantization_config":{"quant_method":"gptq","bits":4,"checkpoint_format":"marlin"}`), `checkpoint_format "marlin"`},
		{"no groups", config(`"eos_token_id":2`, `"quantization_config":{"quant_method":"gptq","bits":4,"group_size":0}`), "group_size 0"},
		{"no weights", fstest.MapFS{"config.json": {Data: []byte(tinyConfig)}}, "no *.safetensors or pytorch_model.bin there"},
		{"pickled weights only", fstest.MapFS{"config.json": {Data: []byte(tinyConfig)}, "pytorch_model.bin": {}}, "no zip archive"},
		{"two files, no index", fstest.MapFS{"config.json": {Data: []byte(tinyConfig)}, "a.safetensors": {}, "b.safetensors": {}}, "to say which belong together"},
		{"shard missing", fstest.MapFS{"config.json": {Data: []byte(tinyConfig)}, "model.safetensors.index.json": {Data: []byte(`{"weight_map":{"x":"m-1.safetensors"}}`)}}, "m-1.safetensors is listed"},
		{"shard outside the folder", fstest.MapFS{"config.json": {Data: []byte(tinyConfig)}, "model.safetensors.index.json": {Data: []byte(`{"weight_map":{"x":"../m.safetensors"}}`)}}, "not a file name"},
		{"empty file", file(nil), "too few for a safetensors file"},
		{"cut in the header", file(whole[:100]), "truncated"},
		{"header longer than the file", file(append(binary.LittleEndian.AppendUint64(nil, 1<<40), 'x')), "truncated or no safetensors file"},
		{"header is no JSON", with("{nonsense", 8), "header is not JSON"},
		{"cut in the data", file(whole[:len(whole)-1]), "truncated or damaged"},
		{"overlapping tensors", with(strings.Replace(header, `"data_offsets":[128,`, `"data_offsets":[64,`, 1), data), "header gives it"},
		{"really overlapping", with(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 16), "a and b overlap"},
		{"negative offset", with(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 16), "tensor a lies at"},
		{"shape overflows", with(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}`, 16), "tensor a has shape"},
		{"wrong shape", config(`"ffn_dim":8`, `"ffn_dim":16`), "the two do not belong together"},
		{"tensor missing", with(`{}`, 0), "model.decoder.embed_tokens.weight is missing"},
		{"wrong dtype", with(strings.Replace(header, "F32", "I32", 1), data), "model.decoder.embed_tokens.weight is stored as I32"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := openFolder(test.folder)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error of several lines: %q", err)
			}
		})
	}
}

// A tensor without elements takes no room: it may lie where another begins or ends.
func TestEmptyTensors(t *testing.T) {
	file := safetensors(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},`+
		`"c":{"dtype":"F32","shape":[3,0],"data_offsets":[8,8]},"d":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"e":{"dtype":"I64","shape":[0],"data_offsets":[12,12]}}`, 12)
	for range 50 { // in the order of the header's map, which is another every time
		c := &checkpoint{tensors: map[string]*storedTensor{}}
		err := c.open(fstest.MapFS{"f": {Data: file}}, "f", "f")
		_ = c.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckSplit(t *testing.T) {
	c, err := ParseConfig([]byte(tinyConfig))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{0: "must be 1 or more", 1: "", 2: "", 3: "does not divide the model's 2 attention heads: use 1, 2", 4: "does not divide"} {
		err := c.CheckSplit(n)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("over %d ranks: %v, want %q", n, err, want)
		}
	}
}

func TestParametersCountsTheTensors(t *testing.T) {
	for _, dir := range goldenDirs(t) {
		c, err := ReadConfig(os.DirFS(dir), dir)
		if err != nil {
			continue
		}
		want := int64(0)
		for _, s := range c.tensors() {
			n := int64(1)
			for _, d := range s.shape {
				n *= int64(d)
			}
			want += n
		}
		if got := c.Parameters(); got != want {
			t.Errorf("%s: %d parameters, its tensors have %d", dir, got, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(tinyConfig))
	for _, m := range []string{"opt", "opt350m-like", "llama"} {
		text, err := os.ReadFile("testdata/" + m + "/config.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			return
		}
		if c.Parameters() <= 0 {
			t.Errorf("a configuration of %d parameters was accepted", c.Parameters())
		}
	})
}

func FuzzSafetensorsHeader(f *testing.F) {
	header, data := tinyTensors(f)
	f.Add(safetensors(header, data))
	f.Add(safetensors(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"__metadata__":{}}`, 4))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Add(safetensors(`{"a":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, again := &checkpoint{tensors: map[string]*storedTensor{}}, &checkpoint{tensors: map[string]*storedTensor{}}
		defer c.Close()
		defer again.Close()
		err := c.open(fstest.MapFS{"f": {Data: file}}, "f", "f")
		errAgain := again.open(fstest.MapFS{"f": {Data: file}}, "f", "f")
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("%v, and the second time %v", err, errAgain)
		}
		if err != nil {
			return
		}
		for name, tensor := range c.tensors { // whatever was accepted can be read
			n := 1
			for _, d := range tensor.shape {
				n *= d
			}
			if tensor.dtype == otherType || tensor.dtype == int32Type || len(tensor.shape) == 0 || n == 0 || n > 1<<20 {
				continue
			}
			cols := tensor.shape[len(tensor.shape)-1]
			if err := c.read(name, 0, n/cols, 0, cols, make([]float32, n)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A file that loses its end after it was opened is an error of the reading, whatever the dtype.
func TestAFileShrinksWhileItIsRead(t *testing.T) {
	for dtype, d := range dtypes {
		if d.dtype == int32Type {
			continue
		}
		t.Run(dtype, func(t *testing.T) {
			const rows, width = 100, 1000
			n := rows * width * d.size
			dir := t.TempDir()
			path := filepath.Join(dir, "model.safetensors")
			text := safetensors(fmt.Sprintf(`{"x":{"dtype":%q,"shape":[%d,%d],"data_offsets":[0,%d]}}`, dtype, rows, width, n), n)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := openCheckpoint(os.DirFS(dir), "model")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			x := make([]float32, rows*width)
			if err := c.read("x", 0, rows, 0, width, x); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, int64(len(text)-n/2)); err != nil {
				t.Skip("this system does not shorten files that are open: ", err)
			}
			if err := c.read("x", 0, rows, 0, width, x); !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "reading tensor x") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Values are read as little-endian on every machine.
func TestFromLittleEndian(t *testing.T) {
	x := []float32{0, 0}
	copy(bytesOf(x), []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0})
	fromLittleEndian(bytesOf(x), 4)
	h := []uint16{0, 0}
	copy(bytesOf(h), []byte{1, 2, 3, 4})
	fromLittleEndian(bytesOf(h), 2)
	if x[0] != 1 || x[1] != -2 || h[0] != 0x201 || h[1] != 0x403 {
		t.Errorf("%v %x", x, h)
	}
}
