//go:build linux || darwin

package dirlock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

const supported = true

// Lock takes the lock of a directory, without waiting for it. release gives it back.
func Lock(dir string) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		f.Close()
		return nil, ErrInUse
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		f.Close()
		return func() {}, nil // a network file system that has none
	case err != nil:
		f.Close()
		return nil, err
	}
	return func() {
		// A child that is being started has a copy of the descriptor until it runs its program, and would keep the lock.
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
		f.Close()
	}, nil
}
