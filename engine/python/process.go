package python

import (
	"bufio"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/inferprof/inferprof/engine"
	"github.com/inferprof/inferprof/internal/processes"
)

// The child and its end. A child that drives vLLM starts an engine process, which starts a worker for each rank; killing
// the parent of such a family leaves orphans that keep gigabytes of GPU memory. Three things are done about it:
//
//   - the child leads a process group of its own, in which its descendants stay. It ends as a whole; and a Ctrl-C at the
//     terminal, which goes to the group in the foreground, reaches us alone, so that the profile can be stopped.
//   - when the child is gone, however it went, the rest of its group is killed.
//   - when we are gone, even by kill -9, the system closes our end of a pipe, on which a guard process waits that the
//     child forked at its start; it kills the group. Without process groups (Windows) there is only the end of the
//     child's standard input, at which it shuts down.
//
// What the child prints goes into a file and not through us: a pipe whose reader dies would end the writers too.

//go:embed driver/*.py
var driverFiles embed.FS

// source is the driver's text for an engine.
func source(name string) (string, error) {
	var text strings.Builder
	for _, file := range []string{"protocol", name + "_engine"} {
		part, err := driverFiles.ReadFile("driver/" + file + ".py")
		if err != nil {
			return "", err
		}
		text.Write(part)
	}
	text.WriteString("\n\nserve(open_engine)\n")
	return text.String(), nil
}

// loader is what Python is told to run. The driver's text comes in the environment: a command line is for everybody to
// read, and a file would be left behind.
const loader = `import os; exec(compile(os.environ["INFERPROF_DRIVER"], "inferprof-driver", "exec"))`

// child is the process with the driver in it.
type child struct {
	name    string
	command *exec.Cmd
	stdin   io.WriteCloser
	answers chan answer
	calls   int // commands sent so far
	family  *family

	mu     sync.Mutex
	told   []string // diagnoses that an error has in it already
	named  bool     // an error says which process died, and so more than the symptoms of it
	felled bool     // and that it was ended from outside: what else the log says came of that

	lifeline  *os.File // our end of the guard's pipe
	logPath   string
	keepLog   bool
	logFile   *os.File
	exited    chan struct{} // closed when the child is gone
	exitState atomic.Pointer[os.ProcessState]
	closed    bool
}

// start starts the driver of the named engine.
func start(interpreter, name string, c engine.Config) (_ *child, err error) {
	text, err := source(name)
	if err != nil {
		return nil, err
	}
	ch := &child{name: name, answers: make(chan answer), exited: make(chan struct{}), logPath: c.LogPath, keepLog: c.LogPath != ""}
	if err := ch.openLog(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ch.release()
		}
	}()
	ch.command = exec.Command(interpreter, "-u", "-c", loader)
	ch.command.Env = environment(c, text)
	ch.command.Stderr = ch.logFile
	if ch.stdin, err = ch.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe() // not StdoutPipe: descendants may hold it open after the child's end
	if err != nil {
		return nil, err
	}
	ch.command.Stdout = theirOut
	guardEnd, err := ch.prepareGroup()
	if err == nil {
		err = ch.command.Start()
	}
	theirOut.Close()
	if guardEnd != nil {
		guardEnd.Close()
	}
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("start %s: %w: name the Python that %s is installed in with --python", interpreter, unwrapped(err), name)
	}
	ch.family = newFamily(ch.command.Process.Pid)
	go ch.read(out)
	go ch.wait(out)
	return ch, nil
}

// environment is ours, with what the driver needs and what makes traces better.
func environment(c engine.Config, driver string) []string {
	env := append(os.Environ(), "INFERPROF_DRIVER="+driver, "PYTHONUNBUFFERED=1")
	if os.Getenv("PT_PROFILER_JOB_NAME") == "" && c.LogPath != "" {
		env = append(env, "PT_PROFILER_JOB_NAME="+filepath.Base(filepath.Dir(c.LogPath))) // newer PyTorch puts it into the trace
	}
	return env
}

func (c *child) openLog() (err error) {
	if c.keepLog {
		c.logFile, err = os.OpenFile(c.logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	} else if c.logFile, err = os.CreateTemp("", "inferprof-*.log"); err == nil {
		c.logPath = c.logFile.Name()
	}
	return err
}

// read takes answers off the child's standard output until its end. What is not an answer was printed by something that
// ran before the driver, and goes into the log like everything that is printed.
func (c *child) read(out io.Reader) {
	defer close(c.answers)
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return
		}
		var a answer
		if json.Unmarshal(line, &a) != nil || a.ID == 0 {
			_, _ = c.logFile.Write(line)
			continue
		}
		c.answers <- a
	}
}

// wait waits for the child's end, and closes what it wrote to: descendants may have it open still.
func (c *child) wait(out *os.File) {
	_ = c.command.Wait()
	c.exitState.Store(c.command.ProcessState)
	// What the child had written lies in the pipe, and is read before the deadline strikes.
	_ = out.SetReadDeadline(time.Now().Add(time.Second))
	close(c.exited)
}

func (c *child) send(command map[string]any) error {
	line, err := json.Marshal(command)
	if err == nil {
		_, err = c.stdin.Write(append(line, '\n'))
	}
	return err
}

// dead reports whether the child is gone.
func (c *child) dead() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// How long an engine may take to end by itself, and one that has been interrupted, or has lost a process.
var (
	shutdownTime = 20 * time.Second
	hurriedTime  = 2 * time.Second
)

// close ends the child with its whole group, after it has had so long to end by itself at the end of its commands.
func (c *child) close(patience time.Duration) {
	if c.closed {
		return
	}
	c.closed = true
	c.stdin.Close()
	go func() {
		for range c.answers { // let the reader go on
		}
	}()
	if patience > 0 {
		select {
		case <-c.exited:
		case <-time.After(patience):
		}
	}
	c.kill()
	c.release()
}

// release gives back what the child does not need any more. Its log stays readable through Diagnose if it is kept.
func (c *child) release() {
	if c.lifeline != nil {
		c.lifeline.Close()
	}
	if c.family != nil {
		c.family.release()
	}
	c.logFile.Close()
	if !c.keepLog {
		_ = os.Remove(c.logPath)
	}
}

// How much of the end of a log is looked at, for how things ended, and for the last line.
const (
	logBytes  = 1 << 20
	lineBytes = 4 << 10
)

// log is the end of what the child printed, so many bytes of it at most.
func (c *child) log(most int64) []byte {
	f, err := os.Open(c.logPath)
	if err != nil {
		return nil
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd)
	}
	text, _ := io.ReadAll(f)
	return text
}

// endError is the error of a command that the child ended over.
func (c *child) endError(op string) error {
	how := "ended"
	s := c.exitState.Load()
	if s != nil {
		how = endText(s)
	}
	text, log := fmt.Sprintf("%s %s during %s", c.name, how, op), c.log(logBytes)
	if s != nil && s.Exited() { // else its processes have followed it
		c.family.look()
		if deaths := c.family.deaths(log); len(deaths) > 0 {
			return c.deathError(text+": ", deaths, log)
		}
	}
	if op == "open" && s != nil && s.Exited() && diagnose(log) == nil && lastException(log) == "" {
		path := c.command.Path
		text += fmt.Sprintf(" without saying why: check that it is a Python: %s -c \"import %s\"", path, c.name)
	}
	return c.explained(text, log)
}

// departure is how long a process may take to be gone that the engine says has ended.
const departure = 300 * time.Millisecond

// failureError is the error of a command that the child answered with an exception. What is wrong is said more plainly by
// the end of a process, and by what the exception is a consequence of.
func (c *child) failureError(op string, f *failure) error {
	text := firstLine(f.Text)
	if f.Usage {
		return &engine.UsageError{Text: text}
	}
	for end := time.Now().Add(departure); !c.family.look() && consequence.MatchString(f.Type+": "+text) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond) // whoever was killed may not be gone yet
	}
	log := slices.Concat(c.log(logBytes), []byte("\n"+f.Text))
	deaths := c.family.deaths(log)
	if len(deaths) == 0 && op == "open" {
		deaths = c.family.suspects(log)
	}
	if len(deaths) > 0 {
		return c.deathError(fmt.Sprintf("%s: %s: ", c.name, op), deaths, log)
	}
	text = f.Type + ": " + text
	if consequence.MatchString(text) {
		if cause := lastException(log); cause != "" && !consequence.MatchString(cause) {
			text = cause
		}
	}
	return c.explained(fmt.Sprintf("%s: %s: %s", c.name, op, text), log)
}

// lossError is the error of a command that is not answered because processes of the engine have ended.
func (c *child) lossError(op string, deaths []processes.End) error {
	return c.deathError(fmt.Sprintf("%s does not answer %s: ", c.name, op), deaths, c.log(logBytes))
}

// deathError says which processes ended. Of what the log says only the causes of an end count, and none if that came from
// outside.
func (c *child) deathError(what string, deaths []processes.End, log []byte) error {
	c.mu.Lock()
	c.named, c.felled = true, killed(deaths)
	c.mu.Unlock()
	text := what + deathText(deaths)
	if line := lastException(log); line != "" && !consequence.MatchString(line) {
		text = strings.TrimSuffix(text, nothingTellsWhy)
	}
	return c.explained(text, log)
}

// explained adds to an error what the log says about it: a cause that is known, the exception, or a symptom.
func (c *child) explained(text string, log []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.felled {
		return errors.New(text)
	}
	found := diagnosed(log, false)
	if line := lastException(log); len(found) == 0 && line != "" && (c.named || !consequence.MatchString(line)) {
		if !strings.Contains(text, line) && !consequence.MatchString(line) {
			text += ": " + line
		}
		return errors.New(text)
	}
	if len(found) == 0 && !c.named {
		found = diagnosed(log, true)
	}
	found = slices.DeleteFunc(found, func(d string) bool { return slices.Contains(c.told, d) })
	if len(found) == 0 {
		return errors.New(text)
	}
	c.told = append(c.told, found...)
	return errors.New(strings.TrimSuffix(text, ".") + ": " + strings.Join(found, "; "))
}

// isNamed tells whether an error says which process died; unname, that it was not told after all.
func (c *child) isNamed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.named
}

func (c *child) unname() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.named, c.felled = false, false
}

// untold are the diagnoses of the log that are in no error yet.
func (c *child) untold() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	switch log := c.log(logBytes); {
	case c.felled:
	case c.named:
		found = diagnosed(log, false)
	default:
		found = diagnose(log)
	}
	return slices.DeleteFunc(found, func(d string) bool { return slices.Contains(c.told, d) })
}

// endText says how a process ended.
func endText(s *os.ProcessState) string {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		text := processes.How(status.Signal(), 0)
		if status.Signal() == syscall.SIGKILL {
			text += memoryShort
		}
		return text
	}
	return processes.How(0, s.ExitCode())
}

func firstLine(text string) string {
	text = strings.TrimSpace(text)
	line, _, more := strings.Cut(text, "\n")
	line = strings.TrimSpace(line)
	if more && strings.HasSuffix(line, ":") { // "1 validation error for EngineArgs" and such say more below
		line = strings.Join(strings.Fields(text), " ")
	}
	const longest = 400
	if r := []rune(line); len(r) > longest {
		line = string(r[:longest]) + "…"
	}
	return line
}

func unwrapped(err error) error {
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}
