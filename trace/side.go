package trace

// Absent marks an integer of a side table that the file does not give.
const Absent int64 = -1

// GPUWork is what only kernels, copies and sets on a device have.
type GPUWork struct {
	Device      int32 // args.device, else the pid
	Stream      int64 // args.stream, else the tid
	Correlation int64 // of the launching call; shared by all kernels of one graph launch; Absent if not given
	ExternalID  int64 // of the op; Absent if not given
	Bytes       int64 // copied or set; Absent if not given

	Grid, Block       [3]int32 // threads; zero if not given (graph kernels on ROCm)
	Registers         int32    // per thread
	SharedMemoryBytes int32
	BlocksPerSM       float32
	WarpsPerSM        float32
	OccupancyPercent  float32 // est. achieved occupancy %
	Collective        uint32  // row of Trace.Collectives, or NoSide
}

// Call is what only runtime and driver calls have.
type Call struct {
	Correlation int64 // Absent if not given
	ExternalID  int64 // Absent if not given
}

// Op is what cpu_op and (gpu_)user_annotation events have.
type Op struct {
	ExternalID int64    // Absent if not given
	Shapes     ShapesID // of the arguments
	Dtypes     DtypesID // of the arguments
	Module     StringID // "Module Hierarchy", as text; 0 if not given
	FLOPs      int64    // Absent if not given
	Bytes      int64    // memory traffic of the op, as our own engine writes it; Absent if not given
	Collective uint32   // row of Trace.Collectives, or NoSide
}

// Frame is what python_function events have.
type Frame struct {
	ID, ParentID int64 // Python id; Absent if null
}

// MemoryEvent is a [memory] instant.
type MemoryEvent struct {
	Address             uint64
	Bytes               int64 // negative when freed
	TotalAllocatedBytes int64 // after the event; Absent if not given
	TotalReservedBytes  int64 // after the event; Absent if not given
	DeviceType          int32 // 0 CPU, 1 CUDA, 6 HIP
	DeviceID            int32
}

// Flow is what events of phase s and f have.
type Flow struct {
	ID int64
}

// Counter is what events of PhaseCounter have: a value for each of its series, as {"running": 4, "waiting": 0}.
type Counter struct {
	Samples []Sample // in the file's order; what is no number is left out
}

// Sample is the value of one series.
type Sample struct {
	Series StringID
	Value  float64
}

// Collective is what a communication op says of itself (record_param_comms and its kernel, or our own engine).
type Collective struct {
	Name        StringID // allreduce, _allgather_base …
	Dtype       StringID
	InElements  int64
	OutElements int64
	GroupSize   int64
	GroupName   StringID
	GroupRanks  StringID // as text, "[0, 1]"
	Bytes       int64    // message size if written; Absent: derive from elements and dtype
	WaitNs      int64    // time this rank waited for the others, as our own engine writes it; Absent if not given
}

// Table is a side table, in blocks as Events are: each is allocated whole, and the first one begins small and doubles.
type Table[T any] struct {
	blocks [][]T
}

const (
	tableRows      = 1 << 12 // of a block
	firstTableRows = 1 << 3  // of the first, at first
)

// Append adds a row and returns its number.
func (t *Table[T]) Append(v T) uint32 {
	last := len(t.blocks) - 1
	if last < 0 || len(t.blocks[last]) == cap(t.blocks[last]) {
		last = t.grow()
	}
	t.blocks[last] = append(t.blocks[last], v)
	return uint32(last*tableRows + len(t.blocks[last]) - 1)
}

// grow makes room for a row, and returns the last block's number.
func (t *Table[T]) grow() int {
	switch {
	case len(t.blocks) == 0:
		t.blocks = [][]T{make([]T, 0, firstTableRows)}
	case cap(t.blocks[0]) < tableRows:
		t.blocks[0] = append(make([]T, 0, 2*cap(t.blocks[0])), t.blocks[0]...)
	default:
		t.blocks = append(t.blocks, make([]T, 0, tableRows))
	}
	return len(t.blocks) - 1
}

// Len is the number of rows.
func (t *Table[T]) Len() int {
	if len(t.blocks) == 0 {
		return 0
	}
	last := len(t.blocks) - 1
	return last*tableRows + len(t.blocks[last])
}

// At is row i. The pointer is good until the next Append.
func (t *Table[T]) At(i uint32) *T { return &t.blocks[i/tableRows][i%tableRows] }
