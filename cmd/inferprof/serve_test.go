package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// inferprof serve says where it listens as soon as it does, serves, and ends without an error when it is told to, with
// the profile that was being recorded on disk.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	read, write := io.Pipe()
	var stderr bytes.Buffer
	exit := make(chan int)
	go func() {
		exit <- execute(ctx, []string{
			"serve", "--port", "0", "--served-model-name", "mine", "--max-model-len", "64",
			"--profiler-config", `{"profiler":"torch","torch_profiler_dir":"` + strings.ReplaceAll(dir, `\`, `\\`) + `"}`,
		}, write, &stderr)
	}()
	url, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	url = strings.TrimSpace(url)
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("it listens on %s: not on loopback alone", url)
	}
	for _, call := range []struct{ path, body string }{
		{"/start_profile", ""}, {"/v1/completions", `{"model":"mine","prompt":"The","max_tokens":3}`},
	} {
		r, err := http.Post(url+call.path, "application/json", strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", call.path, r.Status)
		}
	}
	cancel()
	if code := <-exit; code != exitFine {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("traces %v, %v", files, err)
	}
}
