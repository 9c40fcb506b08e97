//go:build !amd64 && !arm64

package tensor

import "testing"

func withoutDots(*testing.T) {}
