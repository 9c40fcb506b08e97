package analyze

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/inferprof/inferprof/analyze/device"
	"github.com/inferprof/inferprof/analyze/host"
	"github.com/inferprof/inferprof/analyze/index"
	"github.com/inferprof/inferprof/trace"
)

// torchRow is one or more rows of PyTorch's own table (key_averages().table()), those of one name.
type torchRow struct {
	calls               int
	self, total, device float64 // ns
	slack               float64 // what rounding to the printed digits may come to
}

// torchKey is the name of a row, and whether it has device time alone: compiled ops are called as their kernels are.
type torchKey struct {
	name     string
	onDevice bool
}

// compareTorch compares with the table that PyTorch wrote beside the trace. That table
//   - shows 50 or 100 rows, by self CUDA (or CPU) time, and cuts names at 55 characters;
//   - has a row per name and input shapes if shapes were recorded, so that rows of one name are added up, and compared
//     only if all calls are shown;
//   - counts Python frames among the ops if stacks were recorded, which the results do not, so that self times differ;
//   - knows kernels as rows with device time alone, and repeats annotations with device time alone;
//   - leaves out gloo's annotations, which run on gloo's threads;
//   - splits off the overhead that the profiler itself reports (lazy loading, buffer requests) from the op it fell in.
func compareTorch(t *testing.T, d *differences, tr *trace.Trace, res *Result, path string) {
	t.Helper()
	table := readTorchTable(t, path)
	stacks := tr.Frames.Len() > 0
	var overhead int64
	for i := range tr.Events.Len() {
		if tr.Events.Category(i) == trace.CategoryOverhead {
			overhead += tr.Events.DurationNs(i)
		}
	}
	near := func(what string, got int64, want, slack float64) {
		if diff := float64(got) - want; diff > slack || diff < -slack {
			d.check(what, got, int64(want))
		}
	}
	ops, kernels := 0, 0
	for key, w := range table {
		name := key.name
		if i := slices.IndexFunc(res.Ops, func(o host.Op) bool { return o.Name == name }); i >= 0 && !key.onDevice {
			o := res.Ops[i]
			if o.Calls != w.calls {
				d.check(name+": more calls in PyTorch's table", w.calls > o.Calls, false)
				continue
			}
			ops++
			near(name+" total (PyTorch)", o.TotalNs, w.total, w.slack)
			if !stacks && (float64(o.SelfNs) < w.self || float64(o.SelfNs) > w.self+float64(overhead)) {
				near(name+" self (PyTorch)", o.SelfNs, w.self, w.slack)
			}
		}
		if i := slices.IndexFunc(res.Kernels, func(k device.Kernel) bool { return k.Name == name }); i >= 0 && key.onDevice {
			k := res.Kernels[i]
			kernels++
			d.check(name+" count (PyTorch)", k.Count, w.calls)
			near(name+" sum (PyTorch)", k.TotalNs, w.device, w.slack)
		}
	}
	d.check("ops compared with PyTorch's table", ops >= 5, true)
	if res.Kind == index.KindGPU {
		d.check("kernels compared with PyTorch's table", kernels >= 5, true)
	}
}

func readTorchTable(t *testing.T, path string) map[torchKey]*torchRow {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	// The first line is dashes, one run per column.
	var columns [][2]int
	for at, line := 0, []rune(lines[0]); at < len(line); {
		end := at
		for end < len(line) && line[end] == '-' {
			end++
		}
		columns = append(columns, [2]int{at, end})
		for at = end; at < len(line) && line[at] == ' '; at++ {
		}
	}
	heads := regexp.MustCompile(`\s{2,}`).Split(strings.TrimSpace(lines[1]), -1)
	cells := func(line string) map[string]string {
		out := map[string]string{}
		row := []rune(line)
		for i, c := range columns {
			if i < len(heads) && c[1] <= len(row) {
				out[heads[i]] = strings.TrimSpace(string(row[c[0]:c[1]]))
			}
		}
		return out
	}
	table := map[torchKey]*torchRow{}
	for _, line := range lines[3:] {
		if strings.HasPrefix(line, "---") {
			break
		}
		c := cells(line)
		if strings.HasSuffix(c["Name"], "...") {
			continue
		}
		calls, err := strconv.Atoi(c["# of Calls"])
		if err != nil {
			t.Fatalf("%s: %q: %v", path, line, err)
		}
		self, slackSelf := torchTime(t, c["Self CPU"])
		total, slackTotal := torchTime(t, c["CPU total"])
		key := torchKey{c["Name"], total == 0}
		r := table[key]
		if r == nil {
			r = &torchRow{}
			table[key] = r
		}
		r.calls += calls
		r.self += self
		r.total += total
		r.slack += max(slackSelf, slackTotal)
		if text, ok := c["Self CUDA"]; ok {
			device, slack := torchTime(t, text)
			r.device += device
			r.slack = max(r.slack, slack)
		}
	}
	return table
}

// torchTime reads 1.047s, 901.735ms or 5.107us, and says by how much it may be rounded.
func torchTime(t *testing.T, text string) (ns, slack float64) {
	t.Helper()
	for _, u := range []struct {
		suffix string
		ns     float64
	}{{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if digits, ok := strings.CutSuffix(text, u.suffix); ok {
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil {
				break
			}
			return v * u.ns, 0.0005*u.ns + 1
		}
	}
	t.Fatal(fmt.Errorf("%q is no time of PyTorch's table", text))
	return 0, 0
}
