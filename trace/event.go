package trace

// Phase is a Chrome trace event's ph.
type Phase uint8

// The phases a Kineto trace uses.
const (
	PhaseComplete  Phase = 'X'
	PhaseInstant   Phase = 'i'
	PhaseFlowStart Phase = 's'
	PhaseFlowEnd   Phase = 'f'
	PhaseCounter   Phase = 'C'
)

// Category is a Kineto event category, the old (2021) names folded into today's.
type Category uint8

// The categories. The order is part of nothing; names are what files say (Category.String).
const (
	CategoryNone           Category = iota // events without cat
	CategoryCPUOp                          // cpu_op, Operator
	CategoryUserAnnotation                 // user_annotation
	CategoryGPUAnnotation                  // gpu_user_annotation
	CategoryKernel                         // kernel, Kernel
	CategoryMemcpy                         // gpu_memcpy, Memcpy
	CategoryMemset                         // gpu_memset, Memset
	CategoryRuntime                        // cuda_runtime, Runtime (hip* calls come under this name too)
	CategoryDriver                         // cuda_driver
	CategoryPythonFunction                 // python_function
	CategoryFlow                           // ac2g, fwdbwd, async …: phases s and f
	CategoryInstant                        // cpu_instant_event: [memory]
	CategoryOverhead                       // overhead
	CategoryCUDASync                       // cuda_sync
	CategoryTrace                          // Trace: the profiler's own window
	CategoryOther                          // anything else; the text is in Events.CategoryName
	// Greater values occur only inside Events: one for each further name.
)

// Events are the columns. Row i of a trace is block i>>blockBits, row i&blockMask of each of its columns.
type Events struct {
	blocks []*block
	n      int
	others []string // texts of the categories that are CategoryOther
}

const (
	blockBits = 15
	blockRows = 1 << blockBits
	blockMask = blockRows - 1
)

type block struct {
	start    [blockRows]int64
	dur      [blockRows]int64
	name     [blockRows]StringID
	track    [blockRows]TrackID
	side     [blockRows]uint32
	category [blockRows]Category
	phase    [blockRows]Phase
}

// NoSide is Events.Side of a row without an entry in a side table.
const NoSide = ^uint32(0)

// Event is one row, gathered: for appending, and for code that is not in a hurry.
type Event struct {
	StartNs    int64 // since Meta.BaseTimeNanoseconds
	DurationNs int64 // 0 for instants
	Name       StringID
	Track      TrackID
	Category   Category
	Phase      Phase
	Side       uint32 // row in the category's side table, or NoSide
}

// Append adds a row and returns its number.
func (e *Events) Append(v Event) int {
	i := e.n
	if i>>blockBits == len(e.blocks) {
		e.blocks = append(e.blocks, new(block))
	}
	b, j := e.blocks[i>>blockBits], i&blockMask
	b.start[j], b.dur[j], b.name[j], b.track[j] = v.StartNs, v.DurationNs, v.Name, v.Track
	b.side[j], b.category[j], b.phase[j] = v.Side, v.Category, v.Phase
	e.n++
	return i
}

// Len is the number of rows.
func (e *Events) Len() int { return e.n }

// At gathers row i.
func (e *Events) At(i int) Event {
	b, j := e.blocks[i>>blockBits], i&blockMask
	return Event{b.start[j], b.dur[j], b.name[j], b.track[j], min(b.category[j], CategoryOther), b.phase[j], b.side[j]}
}

// The columns, one value at a time.

// StartNs is when event i began.
func (e *Events) StartNs(i int) int64 { return e.blocks[i>>blockBits].start[i&blockMask] }

// DurationNs is how long event i lasted.
func (e *Events) DurationNs(i int) int64 { return e.blocks[i>>blockBits].dur[i&blockMask] }

// EndNs is when event i ended.
func (e *Events) EndNs(i int) int64 {
	b, j := e.blocks[i>>blockBits], i&blockMask
	return b.start[j] + b.dur[j]
}

// Name is event i's name.
func (e *Events) Name(i int) StringID { return e.blocks[i>>blockBits].name[i&blockMask] }

// Track is the track event i is on.
func (e *Events) Track(i int) TrackID { return e.blocks[i>>blockBits].track[i&blockMask] }

// Category is event i's category.
func (e *Events) Category(i int) Category {
	return min(e.blocks[i>>blockBits].category[i&blockMask], CategoryOther)
}

// Phase is event i's phase.
func (e *Events) Phase(i int) Phase { return e.blocks[i>>blockBits].phase[i&blockMask] }

// Side is event i's row in its category's side table, or NoSide.
func (e *Events) Side(i int) uint32 { return e.blocks[i>>blockBits].side[i&blockMask] }
