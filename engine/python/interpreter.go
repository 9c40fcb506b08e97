package python

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/inferprof/inferprof/engine"
)

// Find finds the interpreter that an engine would run in: the one named, the active virtual environment's, or the first in
// PATH. What is named may be an interpreter, a virtual environment, or a command in PATH. The error is a UsageError.
func Find(named string) (string, error) {
	if named != "" {
		if info, err := os.Stat(named); err == nil && info.IsDir() {
			if path, ok := pythonIn(named); ok {
				return path, nil
			}
			return "", usagef("python %s: a directory that is no virtual environment: it has no %s", named, pythonPath)
		}
		path, err := exec.LookPath(named)
		if err != nil {
			return "", usagef("python %s: %v: name an interpreter or a virtual environment", named, unwrapped(err))
		}
		return path, nil
	}
	for _, variable := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if path, ok := pythonIn(os.Getenv(variable)); ok {
			return path, nil
		}
	}
	for _, name := range []string{"python3", "python"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", usagef("no Python found: activate a virtual environment, or name one with --python")
}

// pythonPath is where a virtual environment keeps its interpreter.
var pythonPath = map[bool]string{true: `Scripts\python.exe`, false: "bin/python"}[runtime.GOOS == "windows"]

func pythonIn(environment string) (string, bool) {
	if environment == "" {
		return "", false
	}
	path := filepath.Join(environment, filepath.FromSlash(pythonPath))
	info, err := os.Stat(path)
	return path, err == nil && !info.IsDir()
}

func usagef(format string, args ...any) error {
	return &engine.UsageError{Text: fmt.Sprintf(format, args...)}
}
