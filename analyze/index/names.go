package index

import (
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// ModuleFrame begins the names of Python frames that are calls of modules.
const ModuleFrame = "nn.Module: "

// nameFacts are what a name says, bit by bit.
type nameFacts uint16

// What a name may say.
const (
	factsKnown      nameFacts = 1 << iota
	factGraphLaunch           // a call that launches a graph
	factTF32                  // a kernel that multiplies float32 matrices in TF32
	factModule                // a Python frame that is a call of a module
	factLaunch                // a call that launches kernels or graphs
	factSync                  // a call that waits for the device
	factFrame                 // a Python frame that is a module's or a step's
	factStep                  // an annotation that marks a step
	factPageable              // a copy from or to pageable memory
	factWrapper               // a Python frame that only calls what it is around
)

// facts are what a name says: each is looked at once, however many events have it.
func (x *Index) facts(id trace.StringID) nameFacts {
	if f := x.knownFacts[id]; f != 0 {
		return f
	}
	return x.learn(id)
}

// learn looks at a name for the first time.
func (x *Index) learn(id trace.StringID) nameFacts {
	f, name := factsKnown, x.Name(id)
	if isGraphLaunch(name) {
		f |= factGraphLaunch
	}
	if strings.Contains(name, "tf32") {
		f |= factTF32
	}
	if strings.HasPrefix(name, ModuleFrame) {
		f |= factModule | factFrame
	}
	if _, ok := trace.ParsePythonStep(name); ok {
		f |= factFrame
	}
	if _, ok := trace.ParseStep(name); ok {
		f |= factStep
	}
	if strings.Contains(name, "nn/modules/module.py(") && strings.HasSuffix(name, "_call_impl") {
		f |= factWrapper
	}
	if strings.HasPrefix(name, "Memcpy") && strings.Contains(name, "Pageable") {
		f |= factPageable
	}
	if IsKernelLaunch(name) {
		f |= factLaunch
	}
	if IsSync(name) {
		f |= factSync
	}
	x.knownFacts[id] = f
	return f
}

// IsGraphLaunch tells whether a call launches a graph.
func (x *Index) IsGraphLaunch(c *Call) bool { return c.facts&factGraphLaunch != 0 }

// IsSync tells whether a call waits for the device.
func (x *Index) IsSync(c *Call) bool { return c.facts&factSync != 0 }

// IsTF32 tells whether a kernel of a name multiplies float32 matrices in TF32.
func (x *Index) IsTF32(name trace.StringID) bool { return x.facts(name)&factTF32 != 0 }

// isGraphLaunch knows cudaGraphLaunch, hipGraphLaunch, cuGraphLaunch and their _ptsz forms.
func isGraphLaunch(name string) bool { return strings.Contains(name, "GraphLaunch") }

// IsKernelLaunch knows the functions of which each call starts kernels: cudaLaunchKernel, cudaLaunchKernelExC,
// cuLaunchKernelEx, hipLaunchKernel, hipExtModuleLaunchKernel, hipModuleLaunchKernel, hipExtLaunchKernel, of Intel's runtimes
// urEnqueueKernelLaunch, piEnqueueKernelLaunch and zeCommandListAppendLaunchKernel, graph launches …
func IsKernelLaunch(name string) bool {
	if !strings.Contains(name, "Launch") {
		return false
	}
	for _, runtime := range []string{"cu", "hip", "urEnqueue", "piEnqueue", "zeCommandListAppend"} {
		if strings.HasPrefix(name, runtime) {
			return !strings.Contains(name, "HostFunc")
		}
	}
	return false
}

// IsSync knows the functions that block until the device is done: cudaDeviceSynchronize, cudaStreamSynchronize,
// cudaEventSynchronize, cuCtxSynchronize, hip…, and copies that return only when done (cudaMemcpy, hipMemcpyWithStream).
func IsSync(name string) bool {
	return strings.HasSuffix(name, "Synchronize") || strings.HasSuffix(name, "Synchronize_ptsz") ||
		name == "cudaMemcpy" || name == "hipMemcpy" || name == "hipMemcpyWithStream" ||
		name == "cudaMemcpy2D" || name == "hipMemcpyDtoH" || name == "hipMemcpyHtoD"
}

// IsCopy knows calls that copy or set memory.
func IsCopy(name string) bool {
	return strings.Contains(name, "Memcpy") || strings.Contains(name, "Memset")
}
