package host

import (
	"errors"
	"slices"
	"strings"
	"syscall"
)

// fullWords are those in which it is told.
var fullWords = []string{"no space left on device", "disk quota exceeded", "disk is full"}

// IsFull tells whether err is that of a disk without room, or of a quota that is used up: the system's, or one that another
// program tells of in words.
func IsFull(err error) bool {
	if err == nil {
		return false
	}
	text := strings.ToLower(err.Error())
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || slices.ContainsFunc(fullWords, func(words string) bool {
		return strings.Contains(text, words)
	})
}
