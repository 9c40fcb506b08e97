package analyze

import (
	"io"

	"github.com/inferprof/inferprof/analyze/categories"
	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/graphs"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/analyze/integrity"
	"github.com/inferprof/inferprof/analyze/iterations"
	"github.com/inferprof/inferprof/analyze/ranks"
	"github.com/inferprof/inferprof/analyze/roofline"
	"github.com/inferprof/inferprof/trace"
)

// The rooms of this package by the names that a report, a comparison and their readers have for what is in them: whoever
// uses results need not know in which room each is made.

type ( // Of package index: a trace, filed and joined.
	// IdleCause says why there was no work for a while.
	IdleCause = index.IdleCause
	// Range is numbers From to To, both included.
	Range = index.Range
	// Shape is what a step worked on.
	Shape = index.Shape
	// Step is one engine iteration of one rank.
	Step = index.Step
	// Window is a time of a trace, since its base time; ToNs is not in it.
	Window = index.Window
)

// Of package index: kinds of traces, and the longest gap that is the device's own.
const (
	DefaultLaunchGapNs = index.DefaultLaunchGapNs
	KindCPU            = index.KindCPU
	KindEmpty          = index.KindEmpty
	KindGPU            = index.KindGPU
	NoGPUTruncated     = index.NoGPUTruncated
	NoGPULaunched      = index.NoGPULaunched
	NoGPUIdle          = index.NoGPUIdle
	NoGPUUnseen        = index.NoGPUUnseen
	NoGPUUnread        = index.NoGPUUnread
)

// Alike tells whether medians of ranks are as good as the same (package ranks).
func Alike(least, most int64) bool { return ranks.Alike(least, most) }

// Of package index: why there was no work.
const (
	IdleCauses  = index.IdleCauses
	IdleHost    = index.IdleHost
	IdleLaunch  = index.IdleLaunch
	IdleOther   = index.IdleOther
	IdleOutside = index.IdleOutside
	IdleUnknown = index.IdleUnknown
)

type ( // Of package categories: what names say of work.
	// CommRule says which kernels are communication.
	CommRule = categories.CommRule
	// CategoryRules file kernels and ops under categories, for Options.Categories.
	CategoryRules = categories.Table
)

// ReadCategories reads rules of one's own, as --categories has them; name is what errors call the file.
func ReadCategories(name string, r io.Reader) (*CategoryRules, error) {
	return categories.Read(name, r)
}

// Of package categories: what no rule knows, and the rules by which work is communication.
const (
	CategoryOther = categories.Other
	CommHTA       = categories.CommHTA
	CommTraceLens = categories.CommTraceLens
	CommWide      = categories.CommWide
)

type ( // Of package device: what devices did.
	// Category is what the work of one category took.
	Category = device.Category
	// CollectiveArgs are the arguments of one collective, as the trace has them; -1 of what it has not.
	CollectiveArgs = device.CollectiveArgs
	// GPUEvent is one kernel, copy or set, and how it was launched.
	GPUEvent = device.GPUEvent
	// Gap is a number of gaps and their time.
	Gap = device.Gap
	// Gaps are the times between one event's end and the next one's start, by what they waited for.
	Gaps = device.Gaps
	// Idle says why a device stood still.
	Idle = device.Idle
	// IdleGap is one gap of a device.
	IdleGap = device.IdleGap
	// Kernel is what all GPU work of one exact name took on one device, or on all.
	Kernel = device.Kernel
	// Launch says how GPU work was launched.
	Launch = device.Launch
	// LaunchAPI is one runtime or driver function that launched GPU work.
	LaunchAPI = device.LaunchAPI
	// MemoryOp is what all copies or sets of one kind took.
	MemoryOp = device.MemoryOp
	// Queue is how much work waited for a stream.
	Queue = device.Queue
	// Stream is what one stream of a device did, and why it waited.
	Stream = device.Stream
	// Time says where a device's (or, in a CPU-only trace, a rank's) time went.
	Time = device.Time
)

// Of package device: numbers that stand for no device.
const (
	AllDevices   = device.AllDevices
	BlockedDepth = device.BlockedDepth
	CPUDevice    = device.CPUDevice
)

type ( // Of package host: what CPU threads did.
	// API is one runtime or driver function.
	API = host.API
	// CPU is what the host spent.
	CPU = host.CPU
	// CoreTime is what cores did during a part of the time.
	CoreTime = host.CoreTime
	// MemoryPoint is what an allocator had given out from one moment on.
	MemoryPoint = host.MemoryPoint
	// MemoryPool is what the allocator of one device did, from the trace's [memory] events.
	MemoryPool = host.MemoryPool
	// Module is what one kind of module of the model took.
	Module = host.Module
	// Op is what all CPU ops, or all annotations, of one name took, in their own threads' time.
	Op = host.Op
	// Parallel is how many threads of a CPU-only trace worked at once, and how many cores they left idle.
	Parallel = host.Parallel
	// Thread is one CPU thread that did something.
	Thread = host.Thread
)

// Of package host: kinds of ops, where cores are known from, and what lies between steps.
const (
	CoresOfEngine  = host.CoresOfEngine
	CoresOfMachine = host.CoresOfMachine
	KindAnnotation = host.KindAnnotation
	KindOp         = host.KindOp
	PartBetween    = host.PartBetween
)

type ( // Of package graphs: what graphs replay.
	// Graph is all replays of one graph.
	Graph = graphs.Graph
	// GraphPosition is the n-th kernel of a layer, over all layers and replays.
	GraphPosition = graphs.GraphPosition
	// Replays is how completely the profiler wrote graph launches down.
	Replays = graphs.Replays
)

type ( // Of package roofline: what ops did against what the device can.
	// GPU is what a device can do at most.
	GPU = roofline.GPU
	// Roofline is what ops computed and moved, against what the device can.
	Roofline = roofline.Roofline
	// RooflineOp is all calls of one op with one set of shapes.
	RooflineOp = roofline.Op
)

type ( // Of package ranks: one rank, and what ranks say together.
	// Clock is how a rank's clock stands to that of the lowest rank.
	Clock = ranks.Clock
	// Collective is what all communications of one name, type, message size and group took.
	Collective = ranks.Collective
	// Damage is one place of a trace that could not be read as it was written.
	Damage = ranks.Damage
	// Phase is what the steps of one phase took, and what a token cost.
	Phase = ranks.Phase
	// Rank is everything about one trace.
	Rank = ranks.Rank
	// RankStep is one step over the ranks that took it together.
	RankStep = ranks.RankStep
	// Steady is the steady state of decoding.
	Steady = ranks.Steady
)

// Of package ranks: how waiting in collectives was told.
const (
	WaitFromDurations = ranks.WaitFromDurations
	WaitFromEngine    = ranks.WaitFromEngine
	WaitFromStarts    = ranks.WaitFromStarts
)

type ( // Of package integrity: what is wrong with traces.
	// Problem is a reason not to believe some of the numbers.
	Problem = integrity.Problem
	// Check is one thing that was looked for in traces, and what came of it.
	Check = integrity.Check
)

// Of package integrity: what is checked, and what comes of it.
const (
	CheckFailed     = integrity.Failed
	CheckNotChecked = integrity.NotChecked
	CheckPassed     = integrity.Passed
	CheckDuplicates = integrity.CheckDuplicates
	CheckDurations  = integrity.CheckDurations
	CheckFile       = integrity.CheckFile
	CheckKernels    = integrity.CheckKernels
	CheckMet        = integrity.CheckMet
	CheckLaunches   = integrity.CheckLaunches
	CheckRanksGiven = integrity.CheckRanksGiven
	CheckReplays    = integrity.CheckReplays
	CheckSteps      = integrity.CheckSteps
)

// CheckedOf says what checks found to be right, of how many, and what could not be checked, and why; nothing if nothing was looked at.
func CheckedOf(checks []Check) Message { return integrity.Checked(checks) }

// SoundOf is what is said of traces in which nothing is wrong.
func SoundOf(checks []Check) Message { return integrity.Sound(checks) }

// SoundBriefOf is SoundOf in a line.
func SoundBriefOf(checks []Check) Message { return integrity.SoundBrief(checks) }

// UncheckedOf says what could not be checked, and why; nothing if all could be.
func UncheckedOf(checks []Check) Message { return integrity.Unchecked(checks) }

// UncheckedBriefOf is UncheckedOf without the reasons.
func UncheckedBriefOf(checks []Check) Message { return integrity.UncheckedBrief(checks) }

// SaidNotChecked is the Message.ID of what says that something could not be checked.
const SaidNotChecked = integrity.SaidNotChecked

// ProblemDamaged is the Problem.ID of a file that could not be read as it was written.
const ProblemDamaged = integrity.Damaged

// Of package integrity: how bad a problem is, and whose that is no rank's.
const (
	AllRanks        = integrity.AllRanks
	SeverityError   = integrity.SeverityError
	SeverityNote    = integrity.SeverityNote
	SeverityWarning = integrity.SeverityWarning
)

type ( // Of package iterations: steps, divided for comparing.
	// Iteration is one step, divided.
	Iteration = iterations.Iteration
	// Model is what a trace shows of the model that ran.
	Model = iterations.Model
	// RankIterations are the steps of one trace.
	RankIterations = iterations.RankIterations
	// Share is what one kind of work took of an iteration.
	Share = iterations.Share
	// Work is one kind of work.
	Work = iterations.Work
)

// Metas are what traces say of themselves.
func Metas(traces []*trace.Trace) []trace.Meta { return ranks.Metas(traces) }

// RankNumbers says which rank of a Result the trace of each Meta is: Rank.Rank, or -1 for an API server's trace.
func RankNumbers(metas []trace.Meta) []int {
	numbers, _ := ranks.Numbers(metas)
	return numbers
}

// ClaimedRank is the rank that a trace says it is, by itself or by its name; -1 if it does not say.
func ClaimedRank(m *trace.Meta) int { return ranks.Claimed(m) }

// StepWindows says when each step of a trace takes place on the CPU: see package index.
func StepWindows(t *trace.Trace) []trace.Window { return index.StepWindows(t) }

// LookupGPU finds the peaks of a GPU by the name that its driver gives.
func LookupGPU(name string) (GPU, bool) { return roofline.LookupGPU(name) }
