//go:build !linux && !darwin

package dirlock

const supported = false

// Lock does nothing on this system.
func Lock(string) (release func(), err error) { return func() {}, nil }
