//go:build !linux && !darwin

package host

// FreeBytes is how much an ordinary user may still write to the file system that holds dir. ok is false where the
// system does not tell, as here.
func FreeBytes(string) (bytes int64, ok bool) { return 0, false }

// FileSystem numbers the file system that holds path: what is on one of them shares its room. ok is false where the system
// does not tell, as here.
func FileSystem(string) (id uint64, ok bool) { return 0, false }
