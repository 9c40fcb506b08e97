package server

import (
	"bytes"
	"strconv"
	"strings"
)

// metrics are the samples of one look at Prometheus' text format. A name's samples are added up, whatever their labels.
type metrics struct {
	values map[string]float64
	labels map[string]map[string]bool // the label sets of a name
}

// parseMetrics reads what it understands and passes over the rest.
func parseMetrics(text []byte) *metrics {
	m := &metrics{values: map[string]float64{}, labels: map[string]map[string]bool{}}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(string(line), " ")
		labels := ""
		if open := bytes.IndexByte(line, '{'); open >= 0 {
			end := bytes.LastIndexByte(line, '}')
			if end < open {
				continue
			}
			name, labels, rest = string(line[:open]), string(line[open+1:end]), string(line[end+1:])
		}
		value, _, _ := strings.Cut(strings.TrimSpace(rest), " ") // a time may follow
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		m.values[name] += v
		if m.labels[name] == nil {
			m.labels[name] = map[string]bool{}
		}
		m.labels[name][labels] = true
	}
	return m
}

// sum adds up the samples of several names; ok is false if there is none of them.
func (m *metrics) sum(names []string) (sum float64, ok bool) {
	for _, name := range names {
		if v, there := m.values[name]; there {
			sum, ok = sum+v, true
		}
	}
	return sum, ok
}

// labelValues counts the different values of one label among a name's samples.
func (m *metrics) labelValues(name, label string) int {
	seen := map[string]bool{}
	for labels := range m.labels[name] {
		_, rest, ok := strings.Cut(","+labels, ","+label+`="`)
		if !ok {
			continue
		}
		value, _, _ := strings.Cut(rest, `"`)
		seen[value] = true
	}
	return len(seen)
}
