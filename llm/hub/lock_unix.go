//go:build unix

package hub

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes a file's lock if nobody has it, the way Python's filelock does.
func tryLock(f *os.File) bool {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}
