//go:build !linux && !darwin

package host

import "os"

func cpuName() string { return os.Getenv("PROCESSOR_IDENTIFIER") }
