package host

import (
	"errors"
	"strings"
	"syscall"
)

// IsFull tells whether err is that of a disk without room, or of a quota that is used up: the system's, or one that another
// program tells of in words.
func IsFull(err error) bool {
	if err == nil {
		return false
	}
	text := strings.ToLower(err.Error())
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		strings.Contains(text, "no space left on device") || strings.Contains(text, "disk quota exceeded")
}
