package kineto

import (
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// row is one event while it is read or written: what goes into the columns, and into the one side table that it has a row
// in. Arguments name their places here (arguments.go). What tables share or hold otherwise is a field of its own.
type row struct {
	phase    trace.Phase
	category trace.Category
	table    trace.TableKind
	start    int64
	dur      int64
	name     trace.StringID
	track    trace.TrackID

	correlation, externalID int64
	device, bytes, address  int64
	flow                    int64
	frame                   trace.Frame
	gpu                     trace.GPUWork
	op                      trace.Op
	memory                  trace.MemoryEvent
	collective              trace.Collective
	hasCollective           bool
	samples                 []trace.Sample

	pid, tid int64 // as shapes read them: numbers, or interned tokens marked as textual
	ignored  int64 // where integers go that nothing holds
}

// reset prepares r for an event of a table.
func (r *row) reset(table trace.TableKind) {
	r.table = table
	r.start, r.dur, r.name, r.track = 0, 0, 0, 0
	r.correlation, r.externalID = trace.Absent, trace.Absent
	switch table {
	case trace.TableGPU:
		r.device, r.bytes, r.gpu = blank.device, blank.bytes, blank.gpu
		r.collective, r.hasCollective = blank.collective, false
	case trace.TableOp:
		r.bytes, r.op = blank.bytes, blank.op
		r.collective, r.hasCollective = blank.collective, false
	case trace.TableFrame:
		r.frame = blank.frame
	case trace.TableMemory:
		r.address, r.memory = blank.address, blank.memory
	case trace.TableFlow:
		r.flow = trace.Absent
	case trace.TableCounter:
		r.samples = r.samples[:0]
	}
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
		if r.gpu.Stream == trace.Absent {
			r.gpu.Stream = track.TID
		}
		r.gpu.Device = int32(r.device)
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
		r.memory.Address = uint64(r.address)
		side = t.Memory.Append(r.memory)
	case trace.TableFlow:
		side = t.Flows.Append(trace.Flow{ID: r.flow})
	case trace.TableCounter:
		side = t.Counters.Append(trace.Counter{Samples: slices.Clone(r.samples)})
	}
	return t.Events.Append(trace.Event{
		StartNs: r.start, DurationNs: r.dur, Name: r.name, Track: r.track,
		Category: r.category, Phase: r.phase, Side: side,
	})
}

// load does the reverse of put for what arguments ask: the event's duration and its row of the side table.
func (r *row) load(t *trace.Trace, e trace.Event) {
	r.dur = e.DurationNs
	if e.Side == trace.NoSide {
		return
	}
	collective := trace.NoSide
	switch e.Table() {
	case trace.TableGPU:
		r.gpu = *t.GPU.At(e.Side)
		r.correlation, r.externalID, r.bytes, r.device = r.gpu.Correlation, r.gpu.ExternalID, r.gpu.Bytes, int64(r.gpu.Device)
		collective = r.gpu.Collective
	case trace.TableCall:
		c := t.Calls.At(e.Side)
		r.correlation, r.externalID = c.Correlation, c.ExternalID
	case trace.TableOp:
		r.op = *t.Ops.At(e.Side)
		r.externalID, r.bytes = r.op.ExternalID, r.op.Bytes
		collective = r.op.Collective
	case trace.TableFrame:
		r.frame = *t.Frames.At(e.Side)
	case trace.TableMemory:
		r.memory = *t.Memory.At(e.Side)
		r.address = int64(r.memory.Address)
	case trace.TableFlow:
		r.flow = t.Flows.At(e.Side).ID
	}
	if r.hasCollective = collective != trace.NoSide; r.hasCollective {
		r.collective = *t.Collectives.At(collective)
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
