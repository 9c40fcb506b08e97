package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/inferprof/inferprof/engine"
)

// Files on another machine are listed and fetched by the user's own ssh, rsync and kubectl, with his configuration and
// his rights. No local shell sees an argument. ssh gives its command to a shell on the other side, whatever one does, so
// there every argument is quoted for that shell; rsync is told not to (-s), and kubectl exec has none.
//
// A listing is one find that runs stat, which GNU and BusyBox both have and print alike.

// listing is the command that lists a directory: size, time and name of each file, a line each. A directory that is not
// there is no error: it appears with its first trace.
func listing(dir string) []string {
	return []string{"find", dir, "-maxdepth", "1", "-type", "f", "-exec", "stat", "-c", "%s %Y %n", "{}", "+"}
}

// parseListing reads what listing printed.
func parseListing(text []byte) map[string]engine.Entry {
	files := map[string]engine.Entry{}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(parts) != 3 {
			continue
		}
		size, errSize := strconv.ParseInt(parts[0], 10, 64)
		modified, errTime := strconv.ParseInt(parts[1], 10, 64)
		name := path.Base(parts[2])
		if errSize != nil || errTime != nil || name == "/" || name == "." || name == ".." || strings.ContainsRune(name, '\\') {
			continue
		}
		files[name] = engine.Entry{SizeBytes: size, ModifiedNs: modified * int64(time.Second)}
	}
	return files
}

// run runs a program until it ends, or ctx does. What it has started, such as a connection that ssh keeps for later, may hold
// its output open: that is not waited for.
func run(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = stdout, stderr, 200*time.Millisecond
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // it had ended well
		return nil
	}
	return err
}

// remoteList runs a listing.
func remoteList(ctx context.Context, what string, args []string) (map[string]engine.Entry, error) {
	var out, errOut bytes.Buffer
	err := run(ctx, &out, &errOut, args...)
	if err != nil && strings.Contains(errOut.String(), "No such file or directory") {
		return map[string]engine.Entry{}, nil
	}
	if err != nil {
		return nil, commandError(what, args[0], err, errOut.Bytes())
	}
	return parseListing(out.Bytes()), nil
}

// remoteCat writes what a command prints into a new file.
func remoteCat(ctx context.Context, what, into string, args []string) error {
	f, err := os.OpenFile(into, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	var errOut bytes.Buffer
	err = run(ctx, f, &errOut, args...)
	if err != nil {
		err = commandError(what, args[0], err, errOut.Bytes())
	} else {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// remoteMake makes a directory.
func remoteMake(ctx context.Context, what string, args []string) error {
	var said bytes.Buffer
	if err := run(ctx, &said, &said, args...); err != nil {
		return commandError(what, args[0], err, said.Bytes())
	}
	return nil
}

// commandError says what a program said.
func commandError(what, program string, err error, said []byte) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s: %s is not installed here, or not on the PATH", what, program)
	}
	words := strings.Join(strings.Fields(string(said)), " ")
	const longest = 300
	if r := []rune(words); len(r) > longest {
		words = "…" + string(r[len(r)-longest:])
	}
	if words == "" {
		return fmt.Errorf("%s: %s: %w", what, program, err)
	}
	return fmt.Errorf("%s: %s: %s", what, program, words)
}

// ssh is a directory on a host that the user can log in to.
type ssh struct{ host, path string }

func (s *ssh) String() string   { return s.host + ":" + s.path }
func (s *ssh) dir() string      { return s.path }
func (s *ssh) At(string) string { return "" }

// remote is a command line that runs args on the host. BatchMode: nobody is there to type a password while a profile runs.
func (s *ssh) remote(args []string) []string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quoteForShell(a)
	}
	return []string{"ssh", "-o", "BatchMode=yes", "--", s.host, strings.Join(quoted, " ")}
}

// quoteForShell makes one word of a POSIX shell of any text.
func quoteForShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (s *ssh) List(ctx context.Context) (map[string]engine.Entry, error) {
	return remoteList(ctx, "list "+s.String(), s.remote(listing(s.path)))
}

func (s *ssh) make(ctx context.Context) error {
	return remoteMake(ctx, "make "+s.String(), s.remote([]string{"mkdir", "-p", s.path}))
}

func (s *ssh) try(ctx context.Context) trial {
	return remoteTry(ctx, s.host, s.String(), s.remote(trialCommand(s.path)))
}

// fetch uses rsync where it is installed, here and there, since it checks what it copies and goes on where it stopped;
// cat otherwise.
func (s *ssh) Fetch(ctx context.Context, name, into string) error {
	from := path.Join(s.path, name)
	if _, err := exec.LookPath("rsync"); err == nil {
		if run(ctx, nil, nil, "rsync", "-s", "--times", "--inplace", "-e", "ssh -o BatchMode=yes", "--", s.host+":"+from, into) == nil {
			return nil
		}
	}
	return remoteCat(ctx, "fetch "+s.host+":"+from, into, s.remote([]string{"cat", from}))
}

// kubectl is a directory in a container of a pod.
type kubectl struct{ namespace, pod, container, path string }

func (k *kubectl) String() string   { return "pod " + k.pod + ":" + k.path }
func (k *kubectl) dir() string      { return k.path }
func (k *kubectl) At(string) string { return "" }

func (k *kubectl) remote(args []string) []string {
	line := []string{"kubectl", "exec"}
	if k.namespace != "" {
		line = append(line, "--namespace="+k.namespace)
	}
	if k.container != "" {
		line = append(line, "--container="+k.container)
	}
	return append(append(line, k.pod, "--"), args...)
}

func (k *kubectl) List(ctx context.Context) (map[string]engine.Entry, error) {
	return remoteList(ctx, "list "+k.String(), k.remote(listing(k.path)))
}

func (k *kubectl) make(ctx context.Context) error {
	return remoteMake(ctx, "make "+k.String(), k.remote([]string{"mkdir", "-p", k.path}))
}

func (k *kubectl) try(ctx context.Context) trial {
	return remoteTry(ctx, path.Join(k.namespace, k.pod, k.container), k.String(), k.remote(trialCommand(k.path)))
}

func (k *kubectl) Fetch(ctx context.Context, name, into string) error {
	from := path.Join(k.path, name)
	return remoteCat(ctx, "fetch "+k.pod+":"+from, into, k.remote([]string{"cat", from}))
}
