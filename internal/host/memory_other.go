//go:build !linux

package host

// AvailableMemory is not known here.
func AvailableMemory() (bytes int64, known bool) { return 0, false }
