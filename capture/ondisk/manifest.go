package ondisk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/atomicfile"
)

// SchemaVersion is the version of capture.json that this build writes, and the newest that it reads. It grows when a
// field changes its meaning or goes; a new field alone does not change it. docs/capture.md describes the fields.
const SchemaVersion = 1

// The names of a capture's files beside its traces.
const (
	ManifestName = "capture.json"
	RequestsName = "requests.jsonl"
	LogName      = "engine.log" // of an engine that is a process of its own
)

// Status says how a capture ended.
type Status string

// A capture that is not Complete may still hold whole traces: its files' verdicts say which.
const (
	Complete    Status = "complete"    // the workload ran to its end and every expected trace is whole
	Interrupted Status = "interrupted" // somebody stopped it, or inferprof was killed
	Failed      Status = "failed"      // Error says why
)

// Manifest is capture.json.
type Manifest struct {
	SchemaVersion int           `json:"schema_version"`
	ID            string        `json:"id" redact:"capture"`
	Status        Status        `json:"status"`
	Error         string        `json:"error,omitempty"`
	StartedAt     time.Time     `json:"started_at"`
	Inferprof     Tool          `json:"inferprof"`
	Host          Host          `json:"host"`
	Engine        engine.Info   `json:"engine"`
	Config        engine.Config `json:"config"`
	Phase         string        `json:"phase"`
	Workload      Workload      `json:"workload"`
	Throughput    *Throughput   `json:"throughput,omitempty"`
	Overhead      *Overhead     `json:"overhead,omitempty"` // of the profiler, if it was measured
	Calls         []Call        `json:"calls"`
	Ranks         Ranks         `json:"ranks"`
	Files         []File        `json:"files"`
	Warnings      []string      `json:"warnings"`

	// RecordingSince is when the profiler was about to be told to start, until it is known that it has ended: if inferprof is
	// killed in between, it may be recording still.
	RecordingSince *time.Time `json:"recording_since,omitempty"`
}

// Tool is the inferprof that made a capture.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}

// Host is the machine that inferprof ran on.
type Host struct {
	Name string `json:"name" redact:"host"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	CPU  string `json:"cpu"`
	CPUs int    `json:"cpus"` // that this process may use
}

// Workload is what was asked of the engine in the profiled round.
type Workload struct {
	Source       string `json:"source" redact:"source"` // where the prompts came from, in words
	Requests     int    `json:"requests"`
	WarmupRounds int    `json:"warmup_rounds"`         // that were run
	WarmupAuto   bool   `json:"warmup_auto,omitempty"` // until two of them took equally long
}

// Throughput sums up what the profiled round achieved.
type Throughput struct {
	PromptTokens          int     `json:"prompt_tokens"`
	OutputTokens          int     `json:"output_tokens"`
	FailedRequests        int     `json:"failed_requests"`
	ElapsedNs             int64   `json:"elapsed_ns"` // from the first request to the last token
	OutputTokensPerSecond float64 `json:"output_tokens_per_second"`
	TTFT                  Spread  `json:"ttft"` // time to first token, over the requests that have one
	TPOT                  Spread  `json:"tpot"` // time per output token after the first, over the requests that have two
	ITL                   Spread  `json:"itl"`  // between one arrival of tokens and the next, over all that were streamed
}

// Spread is a distribution in brief; all zero if there was nothing to measure.
type Spread struct {
	MinNs    int64 `json:"min_ns"`
	MedianNs int64 `json:"median_ns"`
	P99Ns    int64 `json:"p99_ns"`
	MaxNs    int64 `json:"max_ns"`
}

// Overhead compares rounds without and with the profiler.
type Overhead struct {
	UnprofiledNs []int64 `json:"unprofiled_ns"`
	ProfiledNs   []int64 `json:"profiled_ns"` // of the round that followed
	Ratio        Ratio   `json:"ratio"`       // profiled to unprofiled, over the pairs
}

// Ratio is a distribution of quotients in brief.
type Ratio struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// Stage is a part of a capture.
type Stage string

// The stages, in order.
const (
	StageOpen     Stage = "open"
	StageWarmup   Stage = "warmup"
	StagePrepare  Stage = "prepare"
	StageOverhead Stage = "overhead"
	StageStart    Stage = "start_profile"
	StageGenerate Stage = "generate"
	StageStop     Stage = "stop_profile"
	StageVerify   Stage = "verify"
)

// Call is one call of the engine.
type Call struct {
	Stage      Stage     `json:"stage"`
	StartedAt  time.Time `json:"started_at"`
	DurationNs int64     `json:"duration_ns"`
	Error      string    `json:"error,omitempty"`
}

// Ranks compares the traces that there should be with those that there are.
type Ranks struct {
	Expected int   `json:"expected"`
	Found    []int `json:"found"` // with a whole trace
	Missing  []int `json:"missing"`
}

// Verdict says what reading a file back showed.
type Verdict string

// The verdicts.
const (
	Whole   Verdict = "whole"    // every byte can be read and means something
	Damaged Verdict = "damaged"  // Problem says what is wrong
	NoTrace Verdict = "no trace" // it is something else, and Problem says what
	Missing Verdict = "missing"  // there is no such file; only Capture.Verify says so
)

// File is one trace of a capture.
type File struct {
	Path      string  `json:"path" redact:"trace"` // from the manifest's directory, with slashes
	Rank      int     `json:"rank"`                // -1 if neither the file nor its name tells
	SizeBytes int64   `json:"size_bytes"`
	SHA256    string  `json:"sha256"`
	Events    int     `json:"events"`
	Steps     int     `json:"steps"` // engine iterations in it
	Verdict   Verdict `json:"verdict"`
	Problem   string  `json:"problem,omitempty"`
}

// Write puts the manifest into dir.
func (m *Manifest) Write(dir string) error {
	return atomicfile.Write(filepath.Join(dir, ManifestName), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(m)
	})
}

// ReadManifest reads dir's capture.json. Without one it fails with fs.ErrNotExist.
func ReadManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, ManifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w; name the trace files themselves to do without it", path, err)
	}
	return m, nil
}

func parseManifest(text []byte) (*Manifest, error) {
	var head struct {
		SchemaVersion *int `json:"schema_version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if head.SchemaVersion == nil || *head.SchemaVersion < 1 {
		return nil, errors.New("no schema_version: not written by inferprof")
	}
	if *head.SchemaVersion > SchemaVersion {
		return nil, fmt.Errorf("schema version %d, this inferprof knows up to %d: a newer one is needed", *head.SchemaVersion, SchemaVersion)
	}
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// checkPath accepts a name beside the manifest, or in the directory above it (where torch_profiler_dir puts traces),
// and nothing farther off: a manifest may come from anywhere.
func checkPath(path string) error {
	name := path
	if dir, rest := filepath.Split(filepath.FromSlash(path)); filepath.Clean(dir) == ".." {
		name = rest
	}
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return fmt.Errorf("file path %q: must be a name in the capture's directory or the one above", path)
	}
	return nil
}
