package tensor

import (
	"fmt"
	"os"
)

// A kernelSet is a family of implementations that need the same CPU features: an index in setNames, of which each
// architecture has its own.
type kernelSet uint8

const setPortable kernelSet = 0

// cpuEnv names the environment variable that asks for a lower kernel set than the CPU's best.
const cpuEnv = "INFERPROF_CPU"

// active is the set in use. It is written at start-up and by UseKernelSet.
var active = initialSet(os.Getenv(cpuEnv))

// initialSet is the best set of this CPU, or the one asked for if that is lower. A name that is none is ignored.
func initialSet(asked string) kernelSet {
	best := bestSet()
	for s, name := range setNames {
		if name == asked {
			return min(kernelSet(s), best)
		}
	}
	return best
}

// KernelSet names the kernel set in use: "avx512", "avx2", "neon" or "portable".
func KernelSet() string { return setNames[active] }

// KernelSets names the kernel sets that this CPU can run, the best last.
func KernelSets() []string { return append([]string(nil), setNames[:bestSet()+1]...) }

// UseKernelSet switches to the named kernel set, for tests and benchmarks that compare them. It must not be called
// while another goroutine computes. It fails if the name is none or the CPU lacks what the set needs.
func UseKernelSet(name string) error {
	for s, n := range setNames {
		if n != name {
			continue
		}
		if kernelSet(s) > bestSet() {
			return fmt.Errorf("use kernel set %q: this CPU supports %v", name, KernelSets())
		}
		active = kernelSet(s)
		return nil
	}
	return fmt.Errorf("use kernel set %q: no such set, choose one of %v", name, KernelSets())
}
