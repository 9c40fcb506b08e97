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
