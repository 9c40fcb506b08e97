package kineto

import "github.com/inferprof/inferprof/trace"

// What events say of themselves stands in their args. An argument that is held by a side table is one line of the list
// below: how files spell it, whose it is, where its value goes, and what it means. The reader learns from the line how to
// take it from an event of the table, the writer how to write it (in the order of the list, which is about Kineto's), and
// docs/arguments.md is made of the same lines. All other arguments stay with the event's text (texts.go), where
// trace.Trace.Arg finds them.
//
// A new one is a field of the side table's struct in package trace, and a line here.

// argument is one line.
type argument struct {
	name  string   // as it is written
	also  []string // what older files and other writers call it
	of    events
	field field
	doc   string // what it means, without an end
}

// events are kinds of events that have an argument. It is written for these, and read from all whose side table is
// theirs.
type events uint8

const (
	kernels     events = 1 << iota
	copies             // and sets of memory
	calls              // of the runtime and the driver
	ops                // and annotations on the CPU
	annotations        // on the device
	frames             // of Python
	allocations
	work = kernels | copies // on the device
)

// kindsOfEvents says of each kind what it is called, and where its arguments are held.
var kindsOfEvents = []struct {
	of    events
	name  string
	table trace.TableKind
}{
	{kernels, "kernels", trace.TableGPU},
	{copies, "copies", trace.TableGPU},
	{calls, "calls", trace.TableCall},
	{ops, "ops", trace.TableOp},
	{annotations, "annotations on the device", trace.TableOp},
	{frames, "Python frames", trace.TableFrame},
	{allocations, "allocations", trace.TableMemory},
}

// eventsOf is the kind of an event of a category.
func eventsOf(c trace.Category) events {
	switch {
	case c == trace.CategoryKernel:
		return kernels
	case c == trace.CategoryGPUAnnotation:
		return annotations
	case c.Table() == trace.TableGPU:
		return copies
	}
	for _, k := range kindsOfEvents {
		if k.table == c.Table() {
			return k.of
		}
	}
	return 0
}

var argumentList = []argument{
	{"External id", []string{"external id"}, work | calls | ops | annotations, integer{at: func(r *row) *int64 { return &r.externalID }},
		"the op that something belongs to; an op's own number"},
	{"Record function id", nil, ops, written(zero), "always 0"},
	{"device", nil, work, integer{at: func(r *row) *int64 { return &r.device }, lossy: true}, "the device's number; the pid where it is not given"},
	{"stream", nil, work, integer{at: func(r *row) *int64 { return &r.gpu.Stream }, lossy: true}, "the stream's number; the tid where it is not given"},
	{"correlation", nil, work | calls, integer{at: func(r *row) *int64 { return &r.correlation }},
		"the call that launched the work: equal numbers belong together; all kernels of a graph's launch share one"},

	{"registers per thread", nil, kernels, narrow(func(r *row) *int32 { return &r.gpu.Registers }), "registers of a thread"},
	{"shared memory", nil, kernels, narrow(func(r *row) *int32 { return &r.gpu.SharedMemoryBytes }), "bytes of shared memory of a block"},
	{"blocks per SM", nil, kernels, decimal(func(r *row) *float32 { return &r.gpu.BlocksPerSM }), "blocks of the grid by multiprocessors"},
	{"warps per SM", nil, kernels, decimal(func(r *row) *float32 { return &r.gpu.WarpsPerSM }), "warps of the grid by multiprocessors"},
	{"grid", nil, kernels, triple(func(r *row) *[3]int32 { return &r.gpu.Grid }), "blocks in x, y and z; kernels of a graph on ROCm have none"},
	{"block", nil, kernels, triple(func(r *row) *[3]int32 { return &r.gpu.Block }), "threads in x, y and z"},
	{"est. achieved occupancy %", nil, kernels, decimal(func(r *row) *float32 { return &r.gpu.OccupancyPercent }), "resident warps by what a multiprocessor holds, as Kineto estimates it"},

	{"Collective name", nil, kernels | ops, groupWord(func(r *row) *trace.StringID { return &r.collective.Name }), "what ranks do together: allreduce, _allgather_base"},
	{"In msg nelems", nil, kernels | ops, groupInteger(func(r *row) *int64 { return &r.collective.InElements }), "elements that this rank gives"},
	{"Out msg nelems", nil, kernels | ops, groupInteger(func(r *row) *int64 { return &r.collective.OutElements }), "elements that this rank gets"},
	{"Group size", nil, kernels | ops, groupInteger(func(r *row) *int64 { return &r.collective.GroupSize }), "ranks of the group"},
	{"dtype", nil, kernels | ops, groupWord(func(r *row) *trace.StringID { return &r.collective.Dtype }), "type of the elements"},
	{"In split size", nil, kernels | ops, written(noSplit), "always []"},
	{"Out split size", nil, kernels | ops, written(noSplit), "always []"},
	{"Process Group Name", nil, kernels | ops, groupWord(func(r *row) *trace.StringID { return &r.collective.GroupName }), "the group's name, a number for most"},
	{"Process Group Description", nil, kernels | ops, written(defaultGroup), "always default_pg"},
	{"Process Group Ranks", nil, kernels | ops, groupWord(func(r *row) *trace.StringID { return &r.collective.GroupRanks }), "the group's members, as text: [0, 1]"},
	{"Message bytes", nil, kernels | ops, groupInteger(func(r *row) *int64 { return &r.collective.Bytes }), "size of the message; the embedded engine's"},
	{"Wait (ns)", nil, kernels | ops, groupInteger(func(r *row) *int64 { return &r.collective.WaitNs }), "time that this rank waited for the others; the embedded engine's"},

	{"Input type", nil, ops, dtypeList{}, "types of the arguments: c10::Half, Scalar; empty for what is absent"},
	{"Input Dims", []string{"Input dims"}, ops, shapeList{}, "shapes of the arguments: [8, 768]; [] for what is no tensor, a list of shapes for a list of tensors"},
	{"Module Hierarchy", nil, ops, word(func(r *row) *trace.StringID { return &r.op.Module }), "the module whose forward it is in"},
	{"flops", []string{"Flops"}, ops, integer{at: func(r *row) *int64 { return &r.op.FLOPs }}, "operations of the call"},
	{"bytes", nil, copies | ops, integer{at: func(r *row) *int64 { return &r.bytes }}, "bytes copied or set; of an op, its memory traffic, as the embedded engine counts it"},
	{"memory bandwidth (GB/s)", nil, copies, written(bandwidth), "bytes by duration"},

	{"Python parent id", nil, frames, integer{at: func(r *row) *int64 { return &r.frame.ParentID }, absent: "null"}, "number of the frame that called it"},
	{"Python id", nil, frames, integer{at: func(r *row) *int64 { return &r.frame.ID }, absent: "null"}, "number of the frame"},

	{"Total Reserved", nil, allocations, integer{at: func(r *row) *int64 { return &r.memory.TotalReservedBytes }}, "bytes that the allocator holds afterwards"},
	{"Total Allocated", nil, allocations, integer{at: func(r *row) *int64 { return &r.memory.TotalAllocatedBytes }}, "bytes that are in use afterwards"},
	{"Bytes", nil, allocations, count(func(r *row) *int64 { return &r.memory.Bytes }), "bytes allocated; negative if freed"},
	{"Device Id", nil, allocations, narrow(func(r *row) *int32 { return &r.memory.DeviceID }), "the device's number; -1 for the CPU"},
	{"Device Type", nil, allocations, narrow(func(r *row) *int32 { return &r.memory.DeviceType }), "0 CPU, 1 CUDA, 6 HIP"},
	{"Addr", nil, allocations, address(func(r *row) *int64 { return &r.address }), "where the memory is"},

	{"Ev Idx", nil, ops | frames | allocations, written(eventNumber), "counts the events"},
}

// argumentsByName are the arguments that are read, by the side table of the event's category and by the name in the file.
var argumentsByName = func() map[trace.TableKind]map[string]*argument {
	all := map[trace.TableKind]map[string]*argument{}
	for i := range argumentList {
		a := &argumentList[i]
		if _, ok := a.field.(written); ok {
			continue
		}
		for _, k := range kindsOfEvents {
			if a.of&k.of == 0 {
				continue
			}
			if all[k.table] == nil {
				all[k.table] = map[string]*argument{}
			}
			for _, name := range append([]string{a.name}, a.also...) {
				all[k.table][name] = a
			}
		}
	}
	return all
}()

// blank is a row to which no argument has been given.
var blank = func() (r row) {
	for i := range argumentList {
		argumentList[i].field.clear(&r)
	}
	r.gpu.Collective, r.op.Collective = trace.NoSide, trace.NoSide
	return r
}()
