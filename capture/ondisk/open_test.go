package ondisk

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/engine/enginetest"
)

// put writes files below a new directory.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func compressed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOpenAnyDirectoryOfTraces(t *testing.T) {
	text := string(enginetest.Trace(0, 1, 1))
	dir := put(t, map[string]string{
		"rank10.7.pt.trace.json.gz":   "", // died at once: it counts, so that the damage is seen
		"rank2.7.pt.trace.json.gz":    "broken",
		"exported_by_hand.json":       text,
		"zipped.json.gz":              compressed(t, text),
		"trace.json-rank-3.gz":        compressed(t, text), // TensorRT-LLM's, told trace.json.gz
		"events.json":                 ` [{"ph":"X","cat":"cpu_op","ts":1,"dur":2,"name":"a"}]`,
		"config.json":                 `{"architectures":["OPTForCausalLM"]}`,
		"execution_details.json":      `[{"file":"a","batch_size":32,"mode":"FULL"}]`,
		".rank0.pt.trace.json-12.tmp": text,
		".hidden.trace.json":          text,
		"profiler_out_0.txt":          "a table",
		"sub/rank0.7.pt.trace.json":   text,
	})
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"rank2.7.pt.trace.json.gz", "trace.json-rank-3.gz", "rank10.7.pt.trace.json.gz", "events.json", "exported_by_hand.json", "zipped.json.gz"}
	if diff := cmp.Diff(want, baseNames(c.Traces)); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
	if c.Manifest != nil || len(c.Notes) != 2 || !strings.Contains(c.Notes[0].Text, "unfinished, left out: .rank0.pt.trace.json-12.tmp") ||
		!strings.Contains(c.Notes[1].Text, "config.json, execution_details.json") {
		t.Errorf("manifest %v, notes %q", c.Manifest, c.Notes)
	}
}

// What lies in a directory by name: ranks count, a merged copy and graph captures do not, unless there is nothing else.
func TestOpenSetsAside(t *testing.T) {
	text := string(enginetest.Trace(0, 1, 1))
	dir := put(t, map[string]string{
		"merged-1.trace.json": text, "1-TP-0.trace.json": text, "1-TP-1.trace.json.zst": "broken", "graph_capture_rank_0.1.pt.trace.json": text,
	})
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1-TP-0.trace.json", "1-TP-1.trace.json.zst"}, baseNames(c.Traces)); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0].Text, "left out: graph_capture_rank_0.1.pt.trace.json, merged-1.trace.json (") {
		t.Errorf("notes %q", c.Notes)
	}
	all, err := OpenAll(dir)
	if err != nil || len(all) != 1 || len(all[0].Traces) != 4 || len(all[0].Notes) != 0 {
		t.Errorf("all: %+v, %v", all, err)
	}
	dir = put(t, map[string]string{"graph_capture_rank_0.1.pt.trace.json": text, "graph_capture_rank_1.1.pt.trace.json": text})
	if c, err = Open(dir); err != nil || len(c.Traces) != 2 || len(c.Notes) != 0 {
		t.Errorf("graph captures alone: %+v, %v", c, err)
	}
}

// A directory of directories of traces, as SGLang makes them, stands for its newest one.
func TestOpenNewestDirectory(t *testing.T) {
	text := string(enginetest.Trace(0, 1, 1))
	dir := put(t, map[string]string{
		"1790000001.5/a-TP-0.trace.json": text, "1790000002.5/b-TP-0.trace.json": text, "logs/x.txt": "", ".git/c-TP-0.trace.json": text,
	})
	old := time.Now().Add(-time.Hour)
	for _, path := range []string{"1790000002.5/b-TP-0.trace.json", "1790000002.5"} {
		if err := os.Chtimes(filepath.Join(dir, filepath.FromSlash(path)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Traces) != 1 || filepath.Base(c.Traces[0]) != "a-TP-0.trace.json" ||
		len(c.Notes) != 1 || !strings.Contains(c.Notes[0].Text, "2 directories of traces: reading the newest, 1790000001.5") {
		t.Errorf("traces %v, notes %q", c.Traces, c.Notes)
	}
	if all, err := OpenAll(dir); err != nil || len(all) != 2 {
		t.Errorf("all: %+v, %v", all, err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		open  string
		want  string
	}{
		{"nothing there", nil, "missing", "no such file or directory"},
		{"empty", nil, ".", "no trace (*.json, *.json.gz, *.json.zst) and no capture in it"},
		{"other things", map[string]string{"model.json": "{}", "tmpab.json.tmp": ""}, ".", "no trace and no capture in it, only model.json, tmpab.json.tmp"},
		{"no JSON", map[string]string{"capture.json": "{"}, ".", "not JSON"},
		{"not ours", map[string]string{"capture.json": "{}"}, "capture.json", "not written by inferprof"},
		{"from the future", map[string]string{"capture.json": `{"schema_version":99}`}, ".", "a newer one is needed"},
		{"no trace", map[string]string{"capture.json": `{"schema_version":1,"status":"failed","error":"disk full"}`}, ".", "failed and holds no trace (disk full)"},
		{"leads away", map[string]string{"capture.json": `{"schema_version":1,"files":[{"path":"../../etc/passwd"}]}`}, ".", "must be a name"},
		{"a sweep", map[string]string{"sweep.json": "{}", "quantization=awq/run1/capture.json": "{}"}, ".", "but further down, as in a sweep: name one of those, such as"},
		{"broken one below", map[string]string{"a/capture.json": "{"}, ".", "not JSON"},
	} {
		dir := put(t, c.files)
		_, err := Open(filepath.Join(dir, c.open))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want one that names %s and says %q", c.name, err, dir, c.want)
		}
	}
}

// TestOpenNotThere: a program can tell a wrong path from a broken file.
func TestOpenNotThere(t *testing.T) {
	for name, open := range map[string]func(string) error{
		"Open":    func(path string) error { _, err := Open(path); return err },
		"OpenAll": func(path string) error { _, err := OpenAll(path); return err },
	} {
		if err := open(filepath.Join(t.TempDir(), "gone")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v, want one that is fs.ErrNotExist", name, err)
		}
		if err := open(t.TempDir()); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of an empty directory: error %v, want one that is not fs.ErrNotExist", name, err)
		}
	}
}

func TestOpenFile(t *testing.T) {
	dir := put(t, map[string]string{"a.json": "{}"})
	c, err := Open(filepath.Join(dir, "a.json"))
	if err != nil || len(c.Traces) != 1 || c.Traces[0] != filepath.Join(dir, "a.json") {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := Open("-"); err != nil || len(c.Traces) != 1 || c.Traces[0] != "-" {
		t.Errorf("standard input: %+v, %v", c, err)
	}
}

// A run that was killed leaves a manifest without files, and whatever traces were written.
func TestOpenKilledRun(t *testing.T) {
	dir := put(t, map[string]string{
		"capture.json":          `{"schema_version":1,"status":"interrupted","error":"inferprof ended before the capture did","files":[]}`,
		"rank0.7.pt.trace.json": string(enginetest.Trace(0, 1, 1)),
	})
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Traces) != 1 || len(c.Notes) != 2 || !strings.Contains(c.Notes[0].Text, "ended before the capture did") ||
		c.Notes[1].Kind != NoteRanks {
		t.Errorf("traces %v, notes %q", c.Traces, c.Notes)
	}
}

func TestNewestProfile(t *testing.T) {
	const suffix = ".pt.trace.json.gz"
	for _, c := range []struct {
		name         string
		newest, rest []string
	}{
		{"one profile", []string{"rank0.100", "rank1.101"}, nil},
		{"two profiles", []string{"rank0.200", "rank1.205"}, []string{"rank0.100", "rank1.101"}},
		{"with prefixes", []string{"second_rank0.200", "second_rank1.203"}, []string{"rank0.100", "rank1.101"}},
		{"fewer ranks than before", []string{"rank0.200"}, []string{"rank0.100", "rank1.103"}},
		{"more ranks than before", []string{"rank0.200", "rank1.202"}, []string{"rank0.100"}},
		{"the older profile's name sorts last", []string{"a_rank0.200"}, []string{"z_rank0.100"}},
		{"front ends", []string{"rank0.200", "vm_43.async_llm.203"}, []string{"rank0.100", "vm_42.async_llm.103"}},
		{"replicas", []string{"dp0_pp0_tp0_rank0.100", "dp1_pp0_tp0_rank0.102"}, nil},
		{"engines before 0.16", []string{"b7c1-rank-0.200", "b7c1-rank-1.201"}, []string{"a3f0-rank-0.100"}},
	} {
		paths := append(append([]string{}, c.newest...), c.rest...)
		for i := range paths {
			paths[i] = "dir/" + paths[i] + suffix
		}
		got, older := newestProfile(paths)
		if diff := cmp.Diff(paths[:len(c.newest)], got); diff != "" || older != len(c.rest) {
			t.Errorf("%s: %d older left out, traces (-want +got):\n%s", c.name, older, diff)
		}
	}
	undated := []string{"a.json", "rank0.json.gz", "rank0.200" + suffix}
	if got, older := newestProfile(undated); older != 0 || len(got) != 3 {
		t.Errorf("undated: %v, %d left out", got, older)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schema_version":1,"files":[{"path":"rank0.1.pt.trace.json.gz"},{"path":"../rank1.json"}]}`))
	f.Add([]byte(`{"schema_version":2}`))
	f.Add([]byte(`{"schema_version":1,"started_at":"yesterday"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			for _, dir := range []string{"/top/captures/one"} {
				p := filepath.Dir(filepath.Join(dir, filepath.FromSlash(file.Path)))
				if p != dir && p != filepath.Dir(dir) {
					t.Errorf("path %q leads to %s", file.Path, p)
				}
			}
		}
	})
}

func FuzzNewestProfile(f *testing.F) {
	f.Add("rank0.100.pt.trace.json\nrank0.200.pt.trace.json\nx.json")
	f.Add("0.0.pt.trace.json")
	f.Fuzz(func(t *testing.T, names string) {
		paths := strings.Split(names, "\n")
		newest, older := newestProfile(paths)
		if len(newest)+older != len(paths) || len(newest) == 0 {
			t.Errorf("%d of %d traces kept, %d left out", len(newest), len(paths), older)
		}
	})
}

func baseNames(paths []string) []string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = filepath.Base(p)
	}
	return names
}
