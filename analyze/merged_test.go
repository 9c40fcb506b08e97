package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/source"
)

// mergeFiles does what SGLang's merging of ranks does: the events of all, with a label before each pid.
func mergeFiles(t *testing.T, files []string) []byte {
	t.Helper()
	var all []map[string]any
	merged := map[string]any{}
	for rank, path := range files {
		d := json.NewDecoder(bytes.NewReader(text(t, path)))
		d.UseNumber()
		var one map[string]any
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		for _, e := range one["traceEvents"].([]any) {
			event := e.(map[string]any)
			event["pid"] = fmt.Sprintf("[TP%02d] %v", rank, event["pid"])
			all = append(all, event)
		}
		for k, v := range one {
			if k != "traceEvents" && k != "distributedInfo" {
				merged[k] = v
			}
		}
	}
	merged["traceEvents"] = all
	text, err := json.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readRanks reads a file as the ranks that are in it.
func readRanks(t *testing.T, text []byte) (ranks []*trace.Trace) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "merged-1.trace.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := formats.NewReader(source.Options{}, 0).Start(t.Context(), []string{path}, func(_ int, traces []*trace.Trace) { ranks = traces })(); err != nil {
		t.Fatal(err)
	}
	return ranks
}

// TestMergedRanks: a file into which ranks were merged is the same as the ranks' own files.
func TestMergedRanks(t *testing.T) {
	files, _ := filepath.Glob("testdata/mistral8l_*.gz")
	whole, err := formats.Read(bytes.NewReader(mergeFiles(t, files)), "merged-1.trace.json", source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	parts := readRanks(t, mergeFiles(t, files))
	own := ownTraces(t)["GPU"]
	if len(parts) != len(own) || len(own) != 2 {
		t.Fatalf("%d parts", len(parts))
	}
	seen := map[int]bool{}
	for i, p := range parts {
		for k := range p.Events.Len() { // the file's own row is the same event
			row := p.FileRow(k)
			if seen[row] || !bytes.Equal(whole.Original(row), p.Original(k)) || whole.Events.StartNs(row) != p.Events.StartNs(k) {
				t.Fatalf("rank %d: event %d is said to be %d of the file", i, k, row)
			}
			seen[row] = true
		}
		if p.Events.Len() != own[i].Events.Len() {
			t.Errorf("rank %d: %d events, want %d", i, p.Events.Len(), own[i].Events.Len())
		}
		last := p.Events.Len() - 1
		if text := string(p.Original(last)); !json.Valid([]byte(text)) || !bytes.Contains([]byte(text), []byte(fmt.Sprintf("[TP%02d] ", i))) {
			t.Errorf("rank %d: the text of an event is %s", i, text)
		}
	}
	spare := bytes.Replace(mergeFiles(t, files), []byte(`"traceEvents":[`), []byte(`"traceEvents":[{"ph":"X","cat":"overhead","name":"x","pid":"Spans","tid":1,"ts":1,"dur":1},`), 1)
	if whole, err = formats.Read(bytes.NewReader(spare), "merged-1.trace.json", source.Options{}); err != nil {
		t.Fatal(err)
	}
	events := 0
	for _, p := range readRanks(t, spare) {
		events += p.Events.Len()
	}
	if events != whole.Events.Len() {
		t.Errorf("of %d events, %d are in a part", whole.Events.Len(), events)
	}
	// Each file has its own base time, which merging forgets: times within a rank are the same.
	ignore := cmp.Options{moved, cmpopts.IgnoreFields(ranks.Rank{}, "Path", "Clock"), cmpopts.IgnoreFields(Result{}, "Problems")}
	if diff := cmp.Diff(Analyze(own, Options{}), Analyze(parts, Options{}), ignore); diff != "" {
		t.Error(diff)
	}
}
