package analyze

import (
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

// Of package index: a trace, filed and joined.
type (
	Range  = index.Range
	Step   = index.Step
	Window = index.Window
)

// Of package index: a trace, filed and joined.
const (
	DefaultLaunchGapNs = index.DefaultLaunchGapNs
	KindCPU            = index.KindCPU
	KindEmpty          = index.KindEmpty
	KindGPU            = index.KindGPU
)

// Of package categories: what names say of work.
type (
	CommRule = categories.CommRule
)

// Of package categories: what names say of work.
const (
	CategoryOther = categories.Other
	CommHTA       = categories.CommHTA
	CommTraceLens = categories.CommTraceLens
	CommWide      = categories.CommWide
)

// Of package device: what devices did.
type (
	Category       = device.Category
	CollectiveArgs = device.CollectiveArgs
	GPUEvent       = device.GPUEvent
	Gap            = device.Gap
	Gaps           = device.Gaps
	Idle           = device.Idle
	IdleGap        = device.IdleGap
	Kernel         = device.Kernel
	Launch         = device.Launch
	LaunchAPI      = device.LaunchAPI
	MemoryOp       = device.MemoryOp
	Queue          = device.Queue
	Stream         = device.Stream
	Time           = device.Time
)

// Of package device: what devices did.
const (
	AllDevices   = device.AllDevices
	BlockedDepth = device.BlockedDepth
	CPUDevice    = device.CPUDevice
)

// Of package host: what CPU threads did.
type (
	API         = host.API
	CPU         = host.CPU
	CoreTime    = host.CoreTime
	MemoryPoint = host.MemoryPoint
	MemoryPool  = host.MemoryPool
	Module      = host.Module
	Op          = host.Op
	Parallel    = host.Parallel
	Thread      = host.Thread
)

// Of package host: what CPU threads did.
const (
	CoresOfEngine  = host.CoresOfEngine
	CoresOfMachine = host.CoresOfMachine
	KindAnnotation = host.KindAnnotation
	KindOp         = host.KindOp
	PartBetween    = host.PartBetween
)

// Of package graphs: what graphs replay.
type (
	Graph         = graphs.Graph
	GraphPosition = graphs.GraphPosition
	Replays       = graphs.Replays
)

// Of package roofline: what ops did against what the device can.
type (
	GPU        = roofline.GPU
	Roofline   = roofline.Roofline
	RooflineOp = roofline.RooflineOp
)

// Of package ranks: one rank, and what ranks say together.
type (
	Clock      = ranks.Clock
	Collective = ranks.Collective
	Damage     = ranks.Damage
	Phase      = ranks.Phase
	Rank       = ranks.Rank
	RankStep   = ranks.RankStep
	Steady     = ranks.Steady
)

// Of package integrity: what is wrong with traces.
type (
	Problem = integrity.Problem
)

// Of package integrity: what is wrong with traces.
const (
	AllRanks        = integrity.AllRanks
	SeverityError   = integrity.SeverityError
	SeverityNote    = integrity.SeverityNote
	SeverityWarning = integrity.SeverityWarning
)

// Of package iterations: steps, divided for comparing.
type (
	IdleCause      = index.IdleCause
	Iteration      = iterations.Iteration
	RankIterations = iterations.RankIterations
	Share          = iterations.Share
	Work           = iterations.Work
)

// Of package iterations: steps, divided for comparing.
const (
	IdleCauses  = index.IdleCauses
	IdleHost    = index.IdleHost
	IdleLaunch  = index.IdleLaunch
	IdleOther   = index.IdleOther
	IdleOutside = index.IdleOutside
	IdleUnknown = index.IdleUnknown
)

// Metas are what traces say of themselves.
func Metas(traces []*trace.Trace) []trace.Meta { return ranks.Metas(traces) }

// RankNumbers says which rank of a Result the trace of each Meta is: Rank.Rank, or -1 for an API server's trace.
func RankNumbers(metas []trace.Meta) []int { return ranks.RankNumbers(metas) }

// ClaimedRank is the rank that a trace says it is, by itself or by its name; -1 if it does not say.
func ClaimedRank(m *trace.Meta) int { return ranks.ClaimedRank(m) }

// StepWindows says when each step of a trace takes place on the CPU: see package index.
func StepWindows(t *trace.Trace) []trace.Window { return index.StepWindows(t) }

// LookupGPU finds the peaks of a GPU by the name that its driver gives.
func LookupGPU(name string) (GPU, bool) { return roofline.LookupGPU(name) }
