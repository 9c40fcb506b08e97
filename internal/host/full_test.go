package host

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestIsFull(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("no such file or directory"), false},
		{&fs.PathError{Op: "write", Path: "a", Err: syscall.EACCES}, false},
		{fmt.Errorf("write the trace: %w", &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}), true},
		{syscall.EDQUOT, true},
		{errors.New("OSError: [Errno 28] No space left on device: 'a'"), true},
		{errors.New("a disk is full: free some space"), true},
	} {
		if got := IsFull(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}
