package kineto

import (
	"slices"

	"github.com/inferprof/inferprof/trace"
)

// kept says whether a slot's value must be kept with the text, because neither the columns nor the tables hold it
// exactly.
func kept(table trace.TableKind, k kind, to destination) bool {
	switch k {
	case kindName, kindMicros:
		return false
	case kindRaw:
		return table != trace.TableOp || to != toInputDims && to != toInputTypes
	case kindInt:
		return to != toPID && to != toTID && !slices.Contains(impliedInts[table], to)
	}
	return true
}

// impliedInts are the integers that each table holds in full.
var impliedInts = [trace.TableFlow + 1][]destination{
	trace.TableGPU:    {toCorrelation, toExternalID, toBytes},
	trace.TableCall:   {toCorrelation, toExternalID},
	trace.TableOp:     {toExternalID, toFLOPs, toBytes},
	trace.TableFrame:  {toPythonID, toPythonParent},
	trace.TableMemory: {toBytes, toTotalAllocated, toTotalReserved, toAddress},
	trace.TableFlow:   {toFlow},
}

// impliedInt is the value of an integer that is implied.
func impliedInt(t *trace.Trace, e trace.Event, table trace.TableKind, to destination) int64 {
	switch table {
	case trace.TableGPU:
		g := t.GPU.At(e.Side)
		switch to {
		case toCorrelation:
			return g.Correlation
		case toExternalID:
			return g.ExternalID
		}
		return g.Bytes
	case trace.TableCall:
		c := t.Calls.At(e.Side)
		if to == toCorrelation {
			return c.Correlation
		}
		return c.ExternalID
	case trace.TableOp:
		o := t.Ops.At(e.Side)
		switch to {
		case toExternalID:
			return o.ExternalID
		case toFLOPs:
			return o.FLOPs
		}
		return o.Bytes
	case trace.TableFrame:
		f := t.Frames.At(e.Side)
		if to == toPythonID {
			return f.ID
		}
		return f.ParentID
	case trace.TableMemory:
		m := t.Memory.At(e.Side)
		switch to {
		case toBytes:
			return m.Bytes
		case toAddress:
			return int64(m.Address)
		case toTotalAllocated:
			return m.TotalAllocatedBytes
		}
		return m.TotalReservedBytes
	case trace.TableFlow:
		return t.Flows.At(e.Side).ID
	}
	return 0
}

// appendVarint appends v so that small numbers of either sign take one byte.
func appendVarint(b []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	for u >= 0x80 {
		b = append(b, byte(u)|0x80)
		u >>= 7
	}
	return append(b, byte(u))
}

func takeVarint(b []byte) (int64, []byte) {
	var u uint64
	for i, c := range b {
		u |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return int64(u>>1) ^ -int64(u&1), b[i+1:]
		}
	}
	return 0, nil
}
