// Package trace says what a profiler trace is: one rank's events in columns, their names, tracks, links and
// metadata. It does no I/O and holds no policy: package trace/formats turns files into a Trace and back,
// package analyze turns a Trace into results.
//
// A trace of a real server holds millions of events, so an event is not an object. It is a row: a few columns that
// every event has (start, duration, name, track, category) and, where its category has more to say, the number of a
// row in that category's side table (a kernel's device and stream, an op's input shapes, an allocation's bytes).
// Strings are interned once and named by a StringID. Columns live in fixed blocks, so that growing never copies.
//
// Times are int64 nanoseconds. A float64 cannot hold them: at 1.7e15 µs its step is a quarter of a microsecond.
package trace

// A Trace is what one profiler wrote in one process: usually one rank of one engine.
type Trace struct {
	Meta    Meta
	Strings *Strings // names, and every other repeated text
	Tracks  []Track  // indexed by TrackID
	Events  Events   // in file order

	// Side tables, indexed by Events.Side of the rows that have one (see TableOf).
	GPU         Table[GPUWork]
	Calls       Table[Call]
	Ops         Table[Op]
	Frames      Table[Frame]
	Memory      Table[MemoryEvent]
	Flows       Table[Flow]
	Collectives Table[Collective] // pointed at by Op.Collective and GPUWork.Collective
	Counters    Table[Counter]    // of rows of PhaseCounter

	Inputs Inputs // lists of shapes and types, named by Op.Shapes and Op.Dtypes

	// Text gives back what the file wrote; nil if the trace was not read from one.
	Text Text

	rows []int32 // of the file, by event, in a part of a merged trace; nil where they are the same

	// Damage lists what could not be read as written. It travels with the trace into every report.
	Damage []Damage
}

// FileRow is which event of its file event i is, counted from 0: another than i in a part of a merged trace.
func (t *Trace) FileRow(i int) int {
	if t.rows == nil {
		return i
	}
	return int(t.rows[i])
}

// Meta is what a trace file says about itself outside its events.
type Meta struct {
	Path                string    // where it was read from; "" if not from a file
	FileName            *FileName // what the path's last part says; nil if not from a file
	Format              string    // the name of the format that it was read by; "" if not from a file
	SchemaVersion       int
	BaseTimeNanoseconds int64 // added to event times to make Unix time; 0 in old files, whose times are absolute
	TraceName           string
	DisplayTimeUnit     string
	Devices             []Device
	Distributed         *Distributed // nil if the trace has no distributedInfo
	HostName            string
	Engine              Engine
	Recorded            Recorded
	Other               map[string]string // every other top-level key, as the file writes it
}

// Engine is what a trace says of the engine that wrote it.
type Engine struct {
	Name    string // vllm, sglang, inferprof; "" if not given
	Version string // "" if not given
	// What the embedded engine says besides; zero if not given.
	Device         string // that it ran on
	ThreadsPerRank int
	FLOPsPerS      float64 // peaks of the device, as the engine measured them
	BytesPerS      float64
}

// Recorded says what the profiler was asked to record.
type Recorded struct {
	Shapes, Memory Setting
}

// Setting is an answer to yes or no that may not be known.
type Setting uint8

// The settings.
const (
	Unknown Setting = iota
	Off
	On
)

// Device is one entry of deviceProperties.
type Device struct {
	ID                int
	Name              string // "" on some ROCm builds
	TotalMemoryBytes  int64
	Multiprocessors   int
	ComputeMajor      int
	ComputeMinor      int
	WarpSize          int
	ThreadsPerSM      int
	RegistersPerSM    int
	SharedMemPerSM    int64
	SharedMemPerBlock int64
}

// Distributed is the trace's distributedInfo.
type Distributed struct {
	Backend   string
	Rank      int
	WorldSize int
	Groups    []Group
}

// Group is one process group of Distributed.
type Group struct {
	Name        string
	Description string
	Size        int
	Ranks       []int
}

// TrackID names a row of Trace.Tracks.
type TrackID uint32

// Track is one line of the timeline: a thread of a process, or a stream of a device. Pid and tid keep the text of the
// file, because they are not always numbers ("Spans", "").
type Track struct {
	Process     StringID // pid as text
	Thread      StringID // tid as text
	ProcessName string   // from process_name, "" if not given
	ThreadName  string   // from thread_name, "" if not given
	Labels      string   // from process_labels: "CPU", "GPU 0"
	PID, TID    int64    // the numbers, or -1 where the text is none

	ProcessSortIndex int64 // from process_sort_index; 0 if not given
	ThreadSortIndex  int64 // from thread_sort_index; 0 if not given
}

// Damage is one place of a file that could not be read as written, or one fact about the whole file.
type Damage struct {
	Kind   string // "syntax", "truncated", "crc", "trailing garbage" …
	Offset int64  // bytes from the start of the uncompressed text; -1 if unknown
	Line   int64  // 1-based; 0 if unknown
	Text   string // the first bytes there, or what is wrong
	Lost   int    // events lost there, as far as known
}
