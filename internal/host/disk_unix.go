//go:build linux || darwin

package host

import "golang.org/x/sys/unix"

// FreeBytes is how much an ordinary user may still write to the file system that holds dir. ok is false where the
// system does not tell.
func FreeBytes(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // Bsize is 32 bits wide on macOS
}

// FileSystem numbers the file system that holds path: what is on one of them shares its room. ok is false where the system
// does not tell.
func FileSystem(path string) (id uint64, ok bool) {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		return 0, false
	}
	return uint64(s.Dev), true //nolint:unconvert // Dev is 32 bits wide on macOS
}
