package kineto_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	fastgzip "github.com/klauspost/compress/gzip"

	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/formats"
	"github.com/inferprof/inferprof/trace/kineto/gen"
	"github.com/inferprof/inferprof/trace/source"
)

// The benchmarks read one generated trace, of INFERPROF_BENCH_BYTES bytes of JSON (1.05e9 for the figures of the
// documentation; a tenth of that by default), and tell CPU seconds, which other work on the machine does not change
// much, besides wall time and the peak of memory.

// benchFiles makes the trace once, plain and compressed.
func benchFiles(b *testing.B) (plain, compressed string, totals gen.Totals) {
	b.Helper()
	size := int64(105e6)
	if env := os.Getenv("INFERPROF_BENCH_BYTES"); env != "" {
		v, err := strconv.ParseFloat(env, 64)
		if err != nil {
			b.Fatal(err)
		}
		size = int64(v)
	}
	dir := b.TempDir()
	plain, compressed = filepath.Join(dir, "a.json"), filepath.Join(dir, "a.json.gz")
	f, err := os.Create(plain)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	g, err := os.Create(compressed)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	z := fastgzip.NewWriter(g)
	if totals, err = gen.Write(io.MultiWriter(f, z), gen.Options{Bytes: size}); err != nil {
		b.Fatal(err)
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return plain, compressed, totals
}

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakBytes is the most memory that was resident since resetPeak.
func peakBytes() int64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10
}

func resetPeak() {
	runtime.GC()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // where it is not allowed, the peak is the process's
}

// measure runs f over bytes of text and reports what it took.
func measure(b *testing.B, textBytes int64, f func()) {
	b.Helper()
	resetPeak()
	cpu := cpuTime()
	b.SetBytes(textBytes)
	for b.Loop() {
		f()
	}
	used := (cpuTime() - cpu).Seconds() / float64(b.N)
	b.ReportMetric(used, "cpu-s")
	b.ReportMetric(used/float64(textBytes)*1e9, "cpu-s/GB")
	b.ReportMetric(float64(peakBytes())/1e6, "peak-MB")
}

func BenchmarkRead(b *testing.B) {
	plain, compressed, totals := benchFiles(b)
	b.Logf("%s; %d events, %d bytes", host.CPU(), totals.Events, totals.Bytes)
	for name, path := range map[string]string{"json": plain, "json.gz": compressed} {
		b.Run(name, func(b *testing.B) {
			measure(b, totals.Bytes, func() {
				t, err := formats.ReadFile(path, source.Options{Strict: true})
				if err != nil || t.Events.Len() != totals.Events {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("verify json.gz", func(b *testing.B) {
		measure(b, totals.Bytes, func() {
			if v, err := formats.Verify(compressed); err != nil || !v.Whole {
				b.Fatal(v, err)
			}
		})
	})
	b.Run("json with lanes", func(b *testing.B) {
		measure(b, totals.Bytes, func() {
			t, err := formats.ReadFile(plain, source.Options{})
			if err != nil {
				b.Fatal(err)
			}
			trace.NewLanes(t)
		})
	})
	b.Run("encoding-json", func(b *testing.B) {
		measure(b, totals.Bytes, func() { decodeEvents(b, plain, totals.Events) })
	})
	b.Run("write json.gz", func(b *testing.B) {
		t, err := formats.ReadFile(compressed, source.Options{})
		if err != nil {
			b.Fatal(err)
		}
		out := filepath.Join(b.TempDir(), "b.json.gz")
		measure(b, totals.Bytes, func() {
			if err := formats.WriteFile(out, t, nil); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// decodeEvents is the plain way: encoding/json, event by event, into a struct.
func decodeEvents(b *testing.B, path string, want int) {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	for {
		t, err := d.Token()
		if err != nil {
			b.Fatal(err)
		}
		if t == "traceEvents" {
			break
		}
	}
	if _, err := d.Token(); err != nil {
		b.Fatal(err)
	}
	n := 0
	for d.More() {
		var e struct {
			Ph, Cat, Name string
			Pid, Tid      json.RawMessage
			Ts, Dur       json.Number
			ID            json.Number
			Args          map[string]json.RawMessage
		}
		if err := d.Decode(&e); err != nil {
			b.Fatal(err)
		}
		if e.Ph != "M" {
			n++
		}
	}
	if n != want {
		b.Fatalf("%d events, want %d", n, want)
	}
}

func BenchmarkEventJSON(b *testing.B) {
	var text bytes.Buffer
	if _, err := gen.Write(&text, gen.Options{Steps: 4}); err != nil {
		b.Fatal(err)
	}
	t, err := formats.Read(&text, "generated", source.Options{})
	if err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if len(t.Original(i%t.Events.Len())) == 0 {
			b.Fatal("no text")
		}
		i += 997
	}
}
