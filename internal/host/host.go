// Package host tells what machine this is: the CPU's name, and the room on a disk.
package host

import (
	"bufio"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
)

// CPU is the processor's name as its maker spells it, or the architecture where the system does not tell.
var CPU = sync.OnceValue(func() string {
	if name := cpuName(); name != "" {
		return name
	}
	return runtime.GOARCH
})

// cpuInfoName finds the processor's name in the text of Linux's /proc/cpuinfo; "" if it is not there, as on most ARM
// machines.
func cpuInfoName(r io.Reader) string {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name", "Processor", "cpu model", "uarch":
			if name := strings.Join(strings.Fields(value), " "); name != "" {
				return name
			}
		}
	}
	return ""
}

// Name is the machine's own, or "" if it has none.
func Name() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
