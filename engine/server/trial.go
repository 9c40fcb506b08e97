package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/inferprof/inferprof/internal/host"
)

// A trial is a small file that is written where the traces will be, and removed again, before anything is asked of a server.
// It finds what listing a directory does not: that it can't be written, that its disk is full. A trace directory that is not
// there yet is made by the server, with all above it; then the nearest directory that is there is tried, so that a capture
// that is refused leaves nothing behind.

// trial is what came of one.
type trial struct {
	at   string // the directory that was written to, as it is reached
	err  error  // why it could not be; nil if it could
	disk disk
	free int64 // what an ordinary user may still write to that disk; -1 if nobody tells
	// Of another machine: where its shell would put temporary files, "" if that is not known, and the room there.
	temp     string
	tempDisk disk
	tempFree int64
}

const (
	trialBytes = 64 << 10 // some disks take the first few bytes of a file and no more
	// trialTimeout bounds a trial, on another machine or on a mount that does not answer: what hangs would hang with the traces, too.
	trialTimeout = time.Minute
)

func trialName() string { return ".inferprof-trial-" + rand.Text() }

// nearest is a directory, or the nearest one above it that is there; dir is absolute, and root what it is seen under.
func nearest(root, dir string) string {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(root, at)); err == nil || at == filepath.Dir(at) {
			return at
		}
	}
}

func (l local) try(ctx context.Context) trial {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	done := make(chan trial, 1)
	go func() { // what hangs on a mount that does not answer hears of no context
		t := trial{at: nearest("", string(l.Directory)), free: -1}
		t.disk = diskOf(t.at)
		if free, ok := host.FreeBytes(t.at); ok {
			t.free = free
		}
		t.err = writeTrial(filepath.Join(t.at, trialName()))
		done <- t
	}()
	select {
	case t := <-done:
		return t
	case <-ctx.Done():
		return trial{err: fmt.Errorf("try %s: it takes no file: %w", l, ctx.Err()), free: -1}
	}
}

// writeTrial is tryFile, but for tests.
var writeTrial = tryFile

// tryFile writes a file that was not there, to the disk, and removes it.
func tryFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if removeErr := os.Remove(path); err == nil {
			err = removeErr
		}
	}()
	if _, err = f.Write(make([]byte, trialBytes)); err != nil {
		return err
	}
	return f.Sync()
}

// trialScript is a trial for a POSIX shell: $1 is the directory, $2 the file's name. It prints a line each of where it wrote,
// how that went, and the room there and where temporary files go.
const trialScript = `d=$1
while [ ! -e "$d" ] && [ "$d" != / ]; do d=$(dirname "$d"); done
f=$d/$2
t=${TMPDIR:-/tmp}
trap 'rm -f "$f"' EXIT
trap 'exit 1' HUP INT TERM
set -C
printf 'at %s\n' "$d"
if said=$( (head -c 65536 /dev/zero >"$f") 2>&1); then echo wrote; else printf 'failed %s\n' "$(echo $said)"; fi
printf 'room %s\n' "$(df -Pk "$d" 2>/dev/null | tail -n 1)"
printf 'temp %s\n' "$t"
printf 'temproom %s\n' "$(df -Pk "$t" 2>/dev/null | tail -n 1)"`

func trialCommand(dir string) []string {
	return []string{"sh", "-c", trialScript, "sh", dir, trialName()}
}

// remoteTry runs a trial on another machine.
func remoteTry(ctx context.Context, machine, what string, args []string) trial {
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	var out, errOut bytes.Buffer
	err := run(ctx, &out, &errOut, args...)
	t := parseTrial(out.String())
	t.disk.machine, t.tempDisk.machine = machine, machine
	switch {
	case t.at == "" && err != nil:
		t.err = commandError("try "+what, args[0], err, errOut.Bytes())
	case t.at == "":
		t.err = fmt.Errorf("try %s: %s: it is not told how that went", what, args[0])
	}
	return t
}

// parseTrial reads what the script printed.
func parseTrial(text string) trial {
	t := trial{free: -1, tempFree: -1}
	done := false
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "at":
			t.at = rest
		case "wrote":
			done = true
		case "failed":
			t.err = errors.New(rest)
		case "room":
			t.free, t.disk.id = parseFree(rest)
		case "temp":
			t.temp = rest
		case "temproom":
			t.tempFree, t.tempDisk.id = parseFree(rest)
		}
	}
	if t.at != "" && !done && t.err == nil {
		t.err = errors.New("the trial broke off")
	}
	return t
}

// parseFree is the free bytes of a line of df -Pk, -1 if it has none, and where its file system is mounted. Its name may have
// spaces, so the column is found by the one after it, such as 35%.
func parseFree(line string) (bytes int64, mountedOn string) {
	fields := strings.Fields(line)
	for i := len(fields) - 1; i > 0; i-- {
		if !strings.HasSuffix(fields[i], "%") {
			continue
		}
		kB, err := strconv.ParseInt(fields[i-1], 10, 64)
		if err != nil || kB < 0 || kB > 1<<50 {
			break
		}
		return kB << 10, strings.Join(fields[i+1:], " ")
	}
	return -1, ""
}
