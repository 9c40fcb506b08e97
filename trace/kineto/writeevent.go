package kineto

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

// events writes all rows, and the declarations.
func (o *writer) events() {
	var original *cursor
	if x, ok := o.t.Text.(*texts); ok {
		original = &cursor{x: x}
	}
	for i := range o.t.Events.Len() {
		if o.rows != nil && !o.rows.Has(i) {
			if original != nil && i < original.x.n {
				original.skip()
			}
			continue
		}
		e := o.t.Events.At(i)
		if e.Category == trace.CategoryTrace {
			o.hasWindow = true
		}
		o.begin()
		at := len(o.line)
		asRead := original != nil && i < original.x.n
		if asRead {
			whole := original.begin() == 0
			o.line = original.next(o.line, o.t)
			asRead = !whole || json.Valid(o.line[at:]) // what has a shape is sound
		}
		if !asRead {
			o.line = o.appendEvent(o.line[:at], i, e)
		}
		o.flush()
	}
	if o.t.Text == nil {
		o.declarations()
		return
	}
	for _, d := range o.t.Text.Declarations() {
		o.begin()
		o.line = append(o.line, d...)
		o.flush()
	}
}

// EventJSON is event i as its file wrote it, or as Write would write it if the trace was not read from one.
func EventJSON(t *trace.Trace, i int) []byte {
	if text := t.Original(i); len(text) > 0 {
		return text
	}
	o := &writer{t: t, valid: map[trace.StringID]bool{}}
	return o.appendEvent(nil, i, t.Events.At(i))
}

// EventArgs is the args object of event i, as EventJSON writes it; nil if it has none.
func EventArgs(t *trace.Trace, i int) []byte { return memberOf(EventJSON(t, i), "args") }

// memberOf is the value of a key of the object in b, of the first if there are several; nil if it has none.
func memberOf(b []byte, key string) []byte {
	for at := skipSpace(b, 1); at < len(b) && b[at] == '"'; {
		keyEnd := endOfString(b, at)
		if keyEnd < 0 {
			return nil
		}
		colon := skipSpace(b, keyEnd)
		value := skipSpace(b, min(colon+1, len(b)))
		end := endOfValue(b, value)
		if end < 0 {
			return nil
		}
		if string(b[at+1:keyEnd-1]) == key {
			return b[value:end]
		}
		if at = skipSpace(b, end); at < len(b) && b[at] == ',' {
			at = skipSpace(b, at+1)
		}
	}
	return nil
}

// begin starts an event of the array.
func (o *writer) begin() {
	if o.begun {
		o.line = append(o.line, ',')
	}
	o.begun = true
	o.line = append(o.line, "\n  "...)
}

// appendEvent appends an event in the layout that Kineto gives its kind.
func (o *writer) appendEvent(b []byte, i int, e trace.Event) []byte {
	switch e.Phase {
	case trace.PhaseFlowStart, trace.PhaseFlowEnd:
		return o.appendFlow(b, e)
	}
	b = append(append(append(b, "{\n    \"ph\": \""...), byte(e.Phase)), '"')
	if c := o.t.Events.CategoryName(i); c != "" {
		b = appendString(append(b, `, "cat": `...), c)
	}
	if e.Phase == trace.PhaseInstant {
		scope := "g"
		if e.Category == trace.CategoryInstant {
			scope = "t"
		}
		b = append(append(append(b, `, "s": "`...), scope...), '"')
	}
	b = appendString(append(b, `, "name": `...), o.t.Strings.At(e.Name))
	b = o.appendRowTrack(append(b, ", "...), e)
	b = appendMicros(append(b, ",\n    \"ts\": "...), e.StartNs)
	if e.Phase == trace.PhaseComplete {
		b = appendMicros(append(b, ", \"dur\": "...), e.DurationNs)
	}
	head := len(b)
	if e.Phase == trace.PhaseCounter && e.Side != trace.NoSide {
		if values := o.rawJSON(o.t.Counters.At(e.Side).Values); values != "" {
			b = append(append(b, ",\n    \"args\": "...), values...)
		}
		return append(b, "\n  }"...)
	}
	b = append(b, ",\n    \"args\": {\n      "...)
	args := len(b)
	b = o.appendArgs(b, e)
	if len(b) == args {
		return append(b[:head], "\n  }"...)
	}
	return append(b, "\n    }\n  }"...)
}

// appendFlow appends an arrow's start or end.
func (o *writer) appendFlow(b []byte, e trace.Event) []byte {
	id := int64(0)
	if e.Side != trace.NoSide {
		id = o.t.Flows.At(e.Side).ID
	}
	name := cmpOr(o.t.Strings.At(e.Name), "ac2g")
	b = append(append(append(b, "{\n    \"ph\": \""...), byte(e.Phase)), "\", \"id\": "...)
	b = o.appendRowTrack(append(strconv.AppendInt(b, id, 10), ", "...), e)
	b = appendMicros(append(b, ", \"ts\": "...), e.StartNs)
	b = appendString(append(b, ",\n    \"cat\": "...), name)
	b = appendString(append(b, ", \"name\": "...), name)
	if e.Phase == trace.PhaseFlowEnd {
		b = append(b, `, "bp": "e"`...)
	}
	return append(b, "\n  }"...)
}

func (o *writer) appendRowTrack(b []byte, e trace.Event) []byte {
	t := &o.t.Tracks[e.Track]
	return appendTrack(b, o.t.Strings.At(t.Process), o.t.Strings.At(t.Thread))
}

// appendTrack appends pid and tid, as numbers if they are some.
func appendTrack(b []byte, pid, tid string) []byte {
	b = appendNumberOrString(append(b, `"pid": `...), pid)
	return appendNumberOrString(append(b, `, "tid": `...), tid)
}

func appendNumberOrString(b []byte, text string) []byte {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(v, 10) == text {
		return append(b, text...)
	}
	return appendString(b, text)
}

// appendArgs appends the members of args: what the row's side table holds.
func (o *writer) appendArgs(b []byte, e trace.Event) []byte {
	if e.Category == trace.CategoryTrace {
		return append(b, `"Op count": 0`...)
	}
	if e.Side == trace.NoSide {
		return b
	}
	a := argList{b: b, start: len(b)}
	switch e.Category.Table() {
	case trace.TableGPU:
		o.gpuArgs(&a, o.t.GPU.At(e.Side), e)
	case trace.TableCall:
		c := o.t.Calls.At(e.Side)
		a.known("External id", c.ExternalID)
		a.known("correlation", c.Correlation)
	case trace.TableOp:
		op := o.t.Ops.At(e.Side)
		a.known("External id", op.ExternalID)
		if e.Category == trace.CategoryGPUAnnotation {
			break
		}
		a.int("Record function id", 0)
		o.collectiveArgs(&a, op.Collective)
		if op.Dtypes != 0 {
			a.raw("Input type", o.dtypes(o.t.Inputs.Dtypes(op.Dtypes)))
		}
		if op.Shapes != 0 {
			a.raw("Input Dims", o.shapes(o.t.Inputs.Shapes(op.Shapes)))
		}
		if op.Module != 0 {
			a.text("Module Hierarchy", o.t.Strings.At(op.Module))
		}
		a.known("flops", op.FLOPs)
		a.known("bytes", op.Bytes)
		o.evIdx(&a)
	case trace.TableFrame:
		f := o.t.Frames.At(e.Side)
		a.intOrNull("Python parent id", f.ParentID)
		a.intOrNull("Python id", f.ID)
		o.evIdx(&a)
	case trace.TableMemory:
		m := o.t.Memory.At(e.Side)
		a.known("Total Reserved", m.TotalReservedBytes)
		a.known("Total Allocated", m.TotalAllocatedBytes)
		a.int("Bytes", m.Bytes)
		a.int("Device Id", int64(m.DeviceID))
		a.int("Device Type", int64(m.DeviceType))
		a.raw("Addr", strconv.FormatUint(m.Address, 10))
		o.evIdx(&a)
	}
	return a.b
}

func (o *writer) evIdx(a *argList) {
	a.int("Ev Idx", int64(o.eventNo))
	o.eventNo++
}

func (o *writer) gpuArgs(a *argList, g *trace.GPUWork, e trace.Event) {
	a.known("External id", g.ExternalID)
	a.int("device", int64(g.Device))
	a.int("stream", g.Stream)
	a.known("correlation", g.Correlation)
	if e.Category != trace.CategoryKernel {
		a.known("bytes", g.Bytes)
		if g.Bytes > 0 && e.DurationNs > 0 {
			a.float("memory bandwidth (GB/s)", float64(g.Bytes)/float64(e.DurationNs), 64)
		}
		return
	}
	a.int("registers per thread", int64(g.Registers))
	a.int("shared memory", int64(g.SharedMemoryBytes))
	a.float("blocks per SM", float64(g.BlocksPerSM), 32)
	a.float("warps per SM", float64(g.WarpsPerSM), 32)
	a.triple("grid", g.Grid)
	a.triple("block", g.Block)
	a.float("est. achieved occupancy %", float64(g.OccupancyPercent), 32)
	o.collectiveArgs(a, g.Collective)
}

// collectiveArgs appends what record_param_comms says of a communication, and two facts of our own.
func (o *writer) collectiveArgs(a *argList, row uint32) {
	if row == trace.NoSide {
		return
	}
	c := o.t.Collectives.At(row)
	a.text("Collective name", o.t.Strings.At(c.Name))
	a.known("In msg nelems", c.InElements)
	a.known("Out msg nelems", c.OutElements)
	a.known("Group size", c.GroupSize)
	a.text("dtype", o.t.Strings.At(c.Dtype))
	a.text("In split size", "[]")
	a.text("Out split size", "[]")
	a.text("Process Group Name", o.t.Strings.At(c.GroupName))
	a.text("Process Group Description", "default_pg")
	a.text("Process Group Ranks", o.t.Strings.At(c.GroupRanks))
	a.known(argMessageBytes, c.Bytes)
	a.known(argWait, c.WaitNs)
}

// Arguments that only our own traces have.
const (
	argMessageBytes = "Message bytes"
	argWait         = "Wait (ns)"
)

// shapes are an op's input shapes as JSON; "" if the file that they were read from had none.
func (o *writer) shapes(s *trace.Shapes) string {
	if s.Source != 0 {
		return o.rawJSON(s.Source)
	}
	return s.Text
}

// dtypes are an op's input types as JSON; "" if the file that they were read from had none.
func (o *writer) dtypes(d *trace.Dtypes) string {
	if d.Source != 0 {
		return o.rawJSON(d.Source)
	}
	b := []byte{'['}
	for i, name := range d.Names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendString(b, name)
	}
	return string(append(b, ']'))
}

// rawJSON is an interned value if it is JSON; "" otherwise.
func (o *writer) rawJSON(id trace.StringID) string {
	if id == 0 {
		return ""
	}
	text := o.t.Strings.At(id)
	ok, known := o.valid[id]
	if !known {
		ok = validJSON(text)
		o.valid[id] = ok
	}
	if !ok {
		return ""
	}
	return text
}

func validJSON(text string) bool { return json.Valid([]byte(text)) }

// argList appends the members of an object.
type argList struct {
	b     []byte
	start int
}

func (a *argList) key(name string) {
	if len(a.b) > a.start {
		a.b = append(a.b, ", "...)
	}
	a.b = append(append(append(a.b, '"'), name...), `": `...)
}

func (a *argList) int(name string, v int64) {
	a.key(name)
	a.b = strconv.AppendInt(a.b, v, 10)
}

// known appends a number unless it is trace.Absent.
func (a *argList) known(name string, v int64) {
	if v != trace.Absent {
		a.int(name, v)
	}
}

func (a *argList) intOrNull(name string, v int64) {
	if v == trace.Absent {
		a.raw(name, "null")
		return
	}
	a.int(name, v)
}

func (a *argList) float(name string, v float64, bits int) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	a.key(name)
	a.b = strconv.AppendFloat(a.b, v, 'f', -1, bits)
}

func (a *argList) text(name, v string) {
	a.key(name)
	a.b = appendString(a.b, v)
}

func (a *argList) raw(name, json string) {
	if json == "" {
		return
	}
	a.key(name)
	a.b = append(a.b, json...)
}

func (a *argList) triple(name string, v [3]int32) {
	if v == [3]int32{} {
		return // kernels of a graph on ROCm have none
	}
	a.key(name)
	for i, x := range v {
		a.b = append(a.b, "[,,"[i])
		if i > 0 {
			a.b = append(a.b, ' ')
		}
		a.b = strconv.AppendInt(a.b, int64(x), 10)
	}
	a.b = append(a.b, ']')
}

// appendMicros appends nanoseconds as microseconds with three decimals.
func appendMicros(b []byte, ns int64) []byte {
	u := uint64(ns)
	if ns < 0 {
		b = append(b, '-')
		u = -u
	}
	b = strconv.AppendUint(b, u/1000, 10)
	f := u % 1000
	return append(b, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
}
