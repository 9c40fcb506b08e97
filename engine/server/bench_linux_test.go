package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/workload"
)

const (
	streams       = 200
	tokensOfEach  = 100
	tokenInterval = 20 * time.Millisecond // 50 tokens a second of each stream
)

// BenchmarkStreams asks for 200 streams at once, of 50 tokens a second each, and says how many processors receiving them keeps
// busy. The server is another process: this binary again.
func BenchmarkStreams(b *testing.B) {
	child := exec.Command(os.Args[0], "-test.run=^TestStreamServer$")
	child.Env = append(os.Environ(), "STREAM_SERVER=1")
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = in.Close() // which ends it
		_ = child.Wait()
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	e, err := Open(context.Background(), engine.Config{Server: &engine.ServerConfig{URLs: []string{strings.TrimSpace(address)}, TraceDirs: []string{b.TempDir()}}})
	if err != nil {
		b.Fatal(err)
	}
	requests := workload.Random(streams, 32, tokensOfEach, workload.AnyVocab, 1)
	cpu, wall := time.Duration(0), time.Duration(0)
	for b.Loop() {
		before, start := processorTime(b), time.Now()
		outputs, err := e.Generate(context.Background(), requests)
		cpu, wall = cpu+processorTime(b)-before, wall+time.Since(start)
		if err != nil || outputs[streams-1].OutputTokens() != tokensOfEach {
			b.Fatalf("%v, %+v", err, outputs[streams-1])
		}
	}
	b.ReportMetric(cpu.Seconds()/wall.Seconds(), "cores")
	b.ReportMetric(float64(b.N*streams*tokensOfEach)/wall.Seconds(), "tokens/s")
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestStreamServer is the server of BenchmarkStreams. Its lines are those of vLLM 0.32.
func TestStreamServer(t *testing.T) {
	if os.Getenv("STREAM_SERVER") == "" {
		t.Skip("it is run by BenchmarkStreams")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path != "/v1/completions" {
				return
			}
			_, _ = io.Copy(io.Discard, q.Body)
			tick := time.NewTicker(tokenInterval)
			defer tick.Stop()
			for i := range tokensOfEach {
				<-tick.C
				finish := "null"
				if i == tokensOfEach-1 {
					finish = `"length"`
				}
				fmt.Fprint(w, `data: {"id":"cmpl-a6635eb48ec15d7d","object":"text_completion","created":1795535608,"model":"/models/tiny","choices":[{"index":0,"text":" token`,
					strconv.Itoa(i), `","logprobs":null,"finish_reason":`, finish, `,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}]}`, "\n\n")
				w.(http.Flusher).Flush()
			}
			fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":%d}}\n\ndata: [DONE]\n\n", tokensOfEach)
		}))
	}()
	fmt.Printf("http://%s\n", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
