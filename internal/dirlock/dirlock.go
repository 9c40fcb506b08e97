// Package dirlock says that a directory is in use, to other processes that ask. The lock is the operating system's: it
// leaves no file behind, and is gone with the process that holds it, however that ends.
package dirlock

import "errors"

// ErrInUse is what Lock fails with if another process holds the lock.
var ErrInUse = errors.New("in use by another process")

// Supported tells whether this system has such locks. Without, Lock always succeeds.
func Supported() bool { return supported }
