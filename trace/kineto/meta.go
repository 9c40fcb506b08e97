package kineto

import (
	"encoding/json"
	"strconv"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/source"
)

const keyDevices = "deviceProperties"

// takeMetadata decodes the top-level keys. They are small, so that encoding/json is good enough for them.
func (s *scanner) takeMetadata() {
	m := &s.t.Meta
	s.nameEngine()
	m.Recorded.Shapes, m.Recorded.Memory = setting(s.meta["record_shapes"]), setting(s.meta["profile_memory"])
	for _, key := range s.keys {
		raw := s.meta[key]
		var ok bool
		switch key {
		case "schemaVersion":
			v, fine := looseInt(raw)
			m.SchemaVersion, ok = int(v), fine
		case "baseTimeNanoseconds":
			m.BaseTimeNanoseconds, ok = looseInt(raw)
		case "traceName":
			m.TraceName, ok = stringOf(raw)
		case "displayTimeUnit":
			m.DisplayTimeUnit, ok = stringOf(raw)
		case "host_name":
			m.HostName, ok = stringOf(raw)
		case "vllm_version", "sglang_version", "inferprof_version":
			m.Engine.Version, ok = stringOf(raw)
			s.other(key, raw)
		case "inferprof_engine":
			describe(&m.Engine, raw)
			s.other(key, raw) // it says more than an Engine holds
			ok = json.Valid(raw)
		case keyDevices:
			m.Devices, ok = devices(raw)
			s.other(key, raw) // it says more than a Device holds
		case "distributedInfo":
			m.Distributed, ok = distributed(raw)
			s.other(key, raw)
		default:
			s.other(key, raw)
			ok = json.Valid(raw)
		}
		if !ok {
			s.damageAt(source.DamageMetadata, s.places[key], key+": "+string(raw[:min(len(raw), damageText)]), 0)
		}
	}
}

// nameEngine finds out which engine wrote the trace: the first of those whose version it has.
func (s *scanner) nameEngine() {
	for _, name := range []string{"vllm", "sglang", "inferprof"} {
		if _, ok := s.meta[name+"_version"]; ok {
			s.t.Meta.Engine.Name = name
			return
		}
	}
}

// describe takes over what the embedded engine says of itself. Peaks and threads are decoded apart, so that a fault in
// one leaves the other.
func describe(e *trace.Engine, raw []byte) {
	var device struct {
		Name  string `json:"device"`
		Peaks struct {
			FLOPsPerS float64 `json:"flops_per_s"`
			BytesPerS float64 `json:"bytes_per_s"`
		} `json:"peaks"`
	}
	if json.Unmarshal(raw, &device) == nil {
		e.Device, e.FLOPsPerS, e.BytesPerS = device.Name, device.Peaks.FLOPsPerS, device.Peaks.BytesPerS
	}
	var threads struct {
		PerRank int `json:"threads_per_rank"`
	}
	if json.Unmarshal(raw, &threads) == nil {
		e.ThreadsPerRank = threads.PerRank
	}
}

// setting is what a key says that is on or off: 0 and false are off, anything else is on.
func setting(raw []byte) trace.Setting {
	var on any
	switch err := json.Unmarshal(raw, &on); {
	case err != nil:
		return trace.Unknown
	case on == float64(0) || on == false:
		return trace.Off
	}
	return trace.On
}

// other keeps a key's raw JSON.
func (s *scanner) other(key string, raw []byte) {
	if s.t.Meta.Other == nil {
		s.t.Meta.Other = map[string]string{}
	}
	s.t.Meta.Other[key] = string(raw)
}

func stringOf(raw []byte) (string, bool) {
	if first(raw) != '"' {
		return string(raw), false
	}
	text, ok := decodeString(raw[1 : len(raw)-1])
	return string(text), ok
}

func devices(raw []byte) ([]trace.Device, bool) {
	var list []struct {
		ID                               int
		Name                             string
		TotalGlobalMem                   int64
		ComputeMajor, ComputeMinor       int
		MaxThreadsPerMultiprocessor      int
		RegsPerMultiprocessor            int
		WarpSize, NumSms                 int
		SharedMemPerBlock                int64
		SharedMemPerMultiprocessor       int64
		MaxSharedMemoryPerMultiProcessor int64
	}
	err := json.Unmarshal(raw, &list)
	out := make([]trace.Device, len(list))
	for i, d := range list {
		out[i] = trace.Device{
			ID: d.ID, Name: d.Name, TotalMemoryBytes: d.TotalGlobalMem, Multiprocessors: d.NumSms,
			ComputeMajor: d.ComputeMajor, ComputeMinor: d.ComputeMinor, WarpSize: d.WarpSize,
			ThreadsPerSM: d.MaxThreadsPerMultiprocessor, RegistersPerSM: d.RegsPerMultiprocessor,
			SharedMemPerSM:    max(d.SharedMemPerMultiprocessor, d.MaxSharedMemoryPerMultiProcessor),
			SharedMemPerBlock: d.SharedMemPerBlock,
		}
	}
	return out, err == nil
}

func distributed(raw []byte) (*trace.Distributed, bool) {
	var info struct {
		Backend   string          `json:"backend"`
		Rank      json.RawMessage `json:"rank"`
		WorldSize json.RawMessage `json:"world_size"`
		Groups    []struct {
			Name        json.RawMessage `json:"pg_name"`
			Description string          `json:"pg_desc"`
			Size        json.RawMessage `json:"pg_size"`
			Ranks       json.RawMessage `json:"ranks"` // an array, or (on-demand writer) a string
		} `json:"pg_config"`
	}
	err := json.Unmarshal(raw, &info)
	rank, ok := looseInt(info.Rank)
	if !ok {
		return nil, false
	}
	size, _ := looseInt(info.WorldSize)
	d := &trace.Distributed{Backend: info.Backend, Rank: int(rank), WorldSize: int(size)}
	for _, g := range info.Groups {
		n, _ := looseInt(g.Size)
		d.Groups = append(d.Groups, trace.Group{
			Name: textOf(g.Name), Description: g.Description, Size: int(n), Ranks: ints(g.Ranks),
		})
	}
	return d, err == nil
}

// textOf is the text of a string, or of a bare token.
func textOf(raw []byte) string {
	if text, ok := stringOf(raw); ok {
		return text
	}
	return string(raw)
}

// ints finds the integers in an array, or in a string that spells one.
func ints(raw []byte) []int {
	var out []int
	for i := 0; i < len(raw); {
		j := i
		for j < len(raw) && raw[j]-'0' <= 9 {
			j++
		}
		if j > i {
			if v, err := strconv.Atoi(string(raw[i:j])); err == nil {
				out = append(out, v)
			}
			i = j
			continue
		}
		i++
	}
	return out
}
