package enginetest

import (
	"os"
	"testing"
)

// Main runs a package's tests with a directory of their own for temporary files: another program's that is named as one of
// PyTorch's would be taken for what is left of a trace. It is called by TestMain and returns the exit code.
func Main(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "enginetest-")
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return m.Run()
}
