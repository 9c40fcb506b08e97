package doctor

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// program puts a shell script into a directory.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
		t.Fatal(err)
	}
}

// TestGPUs: what the makers' tools print, on machines that are not here.
func TestGPUs(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if g := lookAtGPUs(context.Background()); len(g.Devices) != 0 || g.Error != "" {
		t.Errorf("without tools: %+v", g)
	}
	program(t, dir, "nvidia-smi", `echo "NVIDIA H200, 143771 MiB, 570.1"; echo "no such line"`)
	program(t, dir, "rocm-smi", `echo "device,series"; echo "card0,Instinct MI300X"`)
	g := lookAtGPUs(context.Background())
	if len(g.Devices) != 2 || g.Devices[0] != (GPU{"NVIDIA H200", "143771 MiB", "570.1"}) || g.Devices[1].Name != "AMD Instinct MI300X" {
		t.Errorf("%+v", g.Devices)
	}
	g.Profilers = []string{"nsys"}
	if p := g.problems(); len(p) != 1 || !strings.Contains(p[0], "nsys") {
		t.Errorf("with another profiler: %q", p)
	}
	program(t, dir, "nvidia-smi", `echo "couldn't talk to the driver" >&2; exit 9`)
	g = lookAtGPUs(context.Background())
	if p := g.problems(); !strings.Contains(g.Error, "talk to the driver") || len(p) == 0 || p[0] != g.Error {
		t.Errorf("without a driver: %+v, %q", g, p)
	}
}

// TestPython: an interpreter that is none, one that prints something else, and what is installed.
func TestPython(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "python3")
	for script, want := range map[string]string{
		`echo hello`: "does not behave like a Python",
		`exit 3`:     path,
		`echo '{"version": "3.12.1", "packages": {"torch": "2.9", "vllm": "0.12.0+cpu"}}'`: "use 0.13 or newer",
		`echo '{"version": "3.12.1", "packages": {"torch": "2.9", "vllm": "0.24.0"}}'`:     "",
	} {
		program(t, dir, "python3", script)
		p := lookAtPython(context.Background(), path)
		problems := strings.Join(p.problems(), "; ")
		if want == "" && problems != "" || !strings.Contains(problems, want) {
			t.Errorf("%s: %q, want %q", script, problems, want)
		}
	}
}

func TestMachine(t *testing.T) {
	dir := t.TempDir()
	m := lookAtMachine(filepath.Join(dir, "not", "there", "yet"))
	if m.CPUs < 1 || m.Kernels == "" || len(m.Disks) > 0 && m.Disks[0].Directory != dir {
		t.Errorf("%+v, want the room in %s", m, dir)
	}
	m.Disks = []Disk{{dir, "captures", littleRoom - 1}, {dir, "traces", littleRoom}}
	if p := m.problems(); len(p) != 1 || !strings.Contains(p[0], "captures") {
		t.Errorf("%q", p)
	}
}
