package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/tracetest"
)

// A report says how waiting for other ranks was told where it is not what the words say.
func TestReportSaysHowWaitingWasTold(t *testing.T) {
	for _, hosts := range [][]string{{"a", "a"}, {"a", "b"}} {
		var traces []*trace.Trace
		for r, host := range hosts {
			b := tracetest.New()
			b.Trace.Meta.HostName, b.Trace.Meta.Distributed = host, &trace.Distributed{Rank: r, WorldSize: 2}
			b.Op("aten::mm", 0, 1_000_000)
			b.Collective("allreduce", 1_000_000+int64(r)*40_000, 200_000, trace.Absent, 4096) // the ends are apart
			traces = append(traces, b.Trace)
		}
		res := analyze.Analyze(traces, analyze.Options{})
		for format, o := range map[string]Options{"text": {Full: true}, "html": {}, "csv": {By: "collective"}} {
			var out bytes.Buffer
			if err := Render(&out, format, res, o); err != nil {
				t.Fatal(err)
			}
			apart := hosts[0] != hosts[1]
			words := []string{"by durations since clocks differ", "beyond the shortest of the ranks, whose clocks differ"}
			if format == "csv" {
				words = []string{",durations,"}
			}
			for _, w := range words {
				if strings.Contains(strings.Join(strings.Fields(out.String()), " "), w) != apart {
					t.Errorf("hosts %s, %s: %q is there: %v", hosts, format, w, !apart)
				}
			}
			if format == "csv" && !apart && !strings.Contains(out.String(), fmt.Sprintf(",%s,", analyze.WaitFromStarts)) {
				t.Errorf("%s", out.String())
			}
		}
	}
}
