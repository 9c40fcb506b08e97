package kineto

import (
	"github.com/inferprof/inferprof/trace"
)

// destination says where the value of an argument goes. What goes nowhere is kept as text only.
type destination uint8

const (
	toNothing destination = iota
	toCorrelation
	toExternalID
	toDevice
	toStream
	toBytes
	toGrid
	toBlock
	toRegisters
	toSharedMemory
	toBlocksPerSM
	toWarpsPerSM
	toOccupancy
	toInputDims
	toInputTypes
	toModule
	toFLOPs
	toPythonID
	toPythonParent
	toAddress
	toTotalAllocated
	toTotalReserved
	toDeviceType
	toDeviceID
	toCollective
	toDtype
	toInElements
	toOutElements
	toGroupSize
	toGroupName
	toGroupRanks
	toMessageBytes
	toWait
)

// The arguments that have a destination, by the side table of the event's category. Old files write some in lower case.
var destinations = map[trace.TableKind]map[string]destination{
	trace.TableGPU: {
		"correlation": toCorrelation, "External id": toExternalID, "external id": toExternalID,
		"device": toDevice, "stream": toStream, "bytes": toBytes, "grid": toGrid, "block": toBlock,
		"registers per thread": toRegisters, "shared memory": toSharedMemory, "blocks per SM": toBlocksPerSM,
		"warps per SM": toWarpsPerSM, "est. achieved occupancy %": toOccupancy,
	},
	trace.TableCall: {
		"correlation": toCorrelation, "External id": toExternalID, "external id": toExternalID,
	},
	trace.TableOp: {
		"External id": toExternalID, "external id": toExternalID,
		"Input Dims": toInputDims, "Input dims": toInputDims, "Input type": toInputTypes,
		"Module Hierarchy": toModule, "flops": toFLOPs, "Flops": toFLOPs, "bytes": toBytes,
	},
	trace.TableFrame: {"Python id": toPythonID, "Python parent id": toPythonParent},
	trace.TableMemory: {
		"Addr": toAddress, "Bytes": toBytes, "Total Allocated": toTotalAllocated, "Total Reserved": toTotalReserved,
		"Device Type": toDeviceType, "Device Id": toDeviceID,
	},
}

// What a collective says of itself, on the op (record_param_comms) and on its kernel.
var collectiveDestinations = map[string]destination{
	"Collective name": toCollective, "dtype": toDtype, "In msg nelems": toInElements, "Out msg nelems": toOutElements,
	"Group size": toGroupSize, "Process Group Name": toGroupName, "Process Group Ranks": toGroupRanks,
	argMessageBytes: toMessageBytes, argWait: toWait,
}

func destinationOf(table trace.TableKind, key []byte) destination {
	if to, ok := destinations[table][string(key)]; ok {
		return to
	}
	if table == trace.TableGPU || table == trace.TableOp {
		return collectiveDestinations[string(key)]
	}
	return toNothing
}

// row is one event while it is read: what goes into the columns and into the one side table that its category has.
type row struct {
	phase    trace.Phase
	category trace.Category
	table    trace.TableKind
	start    int64
	dur      int64
	name     trace.StringID
	track    trace.TrackID

	correlation, externalID int64
	device, stream, bytes   int64 // Absent until given
	flow                    int64
	frame                   trace.Frame
	gpu                     trace.GPUWork
	op                      trace.Op
	memory                  trace.MemoryEvent
	collective              trace.Collective
	hasCollective           bool
}

// reset prepares r for an event of a table.
func (r *row) reset(table trace.TableKind) {
	r.table = table
	r.start, r.dur, r.name, r.track = 0, 0, 0, 0
	r.correlation, r.externalID = trace.Absent, trace.Absent
	switch table {
	case trace.TableGPU:
		r.device, r.stream, r.bytes = trace.Absent, trace.Absent, trace.Absent
		r.gpu = trace.GPUWork{Collective: trace.NoSide}
		r.resetCollective()
	case trace.TableOp:
		r.bytes = trace.Absent
		r.op = trace.Op{FLOPs: trace.Absent, Collective: trace.NoSide}
		r.resetCollective()
	case trace.TableFrame:
		r.frame = trace.Frame{ID: trace.Absent, ParentID: trace.Absent}
	case trace.TableMemory:
		r.bytes = 0
		r.memory = trace.MemoryEvent{TotalAllocatedBytes: trace.Absent, TotalReservedBytes: trace.Absent}
	case trace.TableFlow:
		r.flow = trace.Absent
	}
}

func (r *row) resetCollective() {
	if r.hasCollective {
		r.hasCollective = false
	}
	r.collective = trace.Collective{
		InElements: trace.Absent, OutElements: trace.Absent, GroupSize: trace.Absent,
		Bytes: trace.Absent, WaitNs: trace.Absent,
	}
}

// setInt stores an integer argument.
func (r *row) setInt(to destination, v int64) {
	switch to {
	case toCorrelation:
		r.correlation = v
	case toExternalID:
		r.externalID = v
	case toDevice:
		r.device = v
	case toStream:
		r.stream = v
	case toBytes:
		r.bytes = v
	case toRegisters:
		r.gpu.Registers = int32(v)
	case toSharedMemory:
		r.gpu.SharedMemoryBytes = int32(v)
	case toBlocksPerSM:
		r.gpu.BlocksPerSM = float32(v)
	case toWarpsPerSM:
		r.gpu.WarpsPerSM = float32(v)
	case toOccupancy:
		r.gpu.OccupancyPercent = float32(v)
	case toFLOPs:
		r.op.FLOPs = v
	case toPythonID:
		r.frame.ID = v
	case toPythonParent:
		r.frame.ParentID = v
	case toAddress:
		r.memory.Address = uint64(v)
	case toTotalAllocated:
		r.memory.TotalAllocatedBytes = v
	case toTotalReserved:
		r.memory.TotalReservedBytes = v
	case toDeviceType:
		r.memory.DeviceType = int32(v)
	case toDeviceID:
		r.memory.DeviceID = int32(v)
	case toInElements:
		r.collective.InElements = v
	case toOutElements:
		r.collective.OutElements = v
	case toGroupSize:
		r.collective.GroupSize = v
	case toMessageBytes:
		r.collective.Bytes = v
	case toWait:
		r.collective.WaitNs = v
	case toCollective, toDtype, toGroupName, toGroupRanks:
		r.hasCollective = true
	}
}

// setToken stores an argument from its JSON text.
func (r *row) setToken(to destination, token []byte, s *scanner) {
	strings := s.t.Strings
	switch to {
	case toNothing:
	case toGrid:
		r.gpu.Grid = looseTriple(token)
	case toBlock:
		r.gpu.Block = looseTriple(token)
	case toBlocksPerSM:
		r.gpu.BlocksPerSM = looseFloat(token)
	case toWarpsPerSM:
		r.gpu.WarpsPerSM = looseFloat(token)
	case toOccupancy:
		r.gpu.OccupancyPercent = looseFloat(token)
	case toInputDims:
		r.op.Shapes = s.shapesOf(strings.Intern(token))
	case toInputTypes:
		r.op.Dtypes = s.dtypesOf(strings.Intern(token))
	case toModule:
		r.op.Module = internText(token, strings)
	case toAddress:
		r.memory.Address = looseUint(token)
	case toCollective:
		r.collective.Name, r.hasCollective = internText(token, strings), true
	case toDtype:
		r.collective.Dtype, r.hasCollective = internText(token, strings), true
	case toGroupName:
		r.collective.GroupName, r.hasCollective = internText(token, strings), true
	case toGroupRanks:
		r.collective.GroupRanks, r.hasCollective = internText(token, strings), true
	default:
		if v, ok := looseInt(token); ok {
			r.setInt(to, v)
		}
	}
}

// internText interns what a string token says; any other token as it is written.
func internText(token []byte, strings *trace.Strings) trace.StringID {
	if len(token) >= 2 && token[0] == '"' {
		token, _ = decodeString(token[1 : len(token)-1])
	}
	return strings.Intern(token)
}

// looseTriple reads [x, y, z].
func looseTriple(token []byte) (v [3]int32) {
	k, in := 0, false
	for _, c := range token {
		switch {
		case c-'0' <= 9:
			if k < 3 {
				v[k] = v[k]*10 + int32(c-'0')
			}
			in = true
		case in:
			k, in = k+1, false
		}
	}
	return v
}

// put appends the row to the trace.
func (r *row) put(t *trace.Trace) int {
	side := trace.NoSide
	switch r.table {
	case trace.TableGPU:
		r.gpu.Correlation, r.gpu.ExternalID, r.gpu.Bytes = r.correlation, r.externalID, r.bytes
		track := &t.Tracks[r.track]
		if r.device == trace.Absent {
			r.device = track.PID
		}
		if r.stream == trace.Absent {
			r.stream = track.TID
		}
		r.gpu.Device, r.gpu.Stream = int32(r.device), r.stream
		if r.hasCollective {
			r.gpu.Collective = t.Collectives.Append(r.collective)
		}
		side = t.GPU.Append(r.gpu)
	case trace.TableCall:
		side = t.Calls.Append(trace.Call{Correlation: r.correlation, ExternalID: r.externalID})
	case trace.TableOp:
		r.op.ExternalID, r.op.Bytes = r.externalID, r.bytes
		if r.hasCollective {
			r.op.Collective = t.Collectives.Append(r.collective)
		}
		side = t.Ops.Append(r.op)
	case trace.TableFrame:
		side = t.Frames.Append(r.frame)
	case trace.TableMemory:
		r.memory.Bytes = r.bytes
		side = t.Memory.Append(r.memory)
	case trace.TableFlow:
		side = t.Flows.Append(trace.Flow{ID: r.flow})
	}
	return t.Events.Append(trace.Event{
		StartNs: r.start, DurationNs: r.dur, Name: r.name, Track: r.track,
		Category: r.category, Phase: r.phase, Side: side,
	})
}
