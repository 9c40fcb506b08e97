package kineto

import (
	"encoding/json"
	"strconv"

	"github.com/inferprof/inferprof/trace"
)

const keyDevices = "deviceProperties"

// takeMetadata decodes the top-level keys. They are small, so that encoding/json is good enough for them.
func (s *scanner) takeMetadata() {
	m := &s.t.Meta
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
			m.EngineVersion, ok = stringOf(raw)
			s.other(key, raw)
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
			s.damageText(DamageMetadata, 0, key+": "+string(raw[:min(len(raw), damageText)]), 0)
		}
	}
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
