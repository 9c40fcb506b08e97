package index

import (
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// ModuleFrame begins the names of Python frames that are calls of modules.
const ModuleFrame = "nn.Module: "

// NameFacts are what a name says.
type NameFacts uint8

// What a name may say.
const (
	factsKnown      NameFacts = 1 << iota
	FactGraphLaunch           // a call that launches a graph
	FactTF32                  // a kernel that multiplies float32 matrices in TF32
	FactModule                // a Python frame that is a call of a module
	FactLaunch                // a call that launches kernels or graphs
	FactSync                  // a call that waits for the device
	factFrame                 // a Python frame that is a module's or a step's
)

// Facts are what a name says: each is looked at once, however many events have it.
func (x *Index) Facts(id trace.StringID) NameFacts {
	if x.nameFacts == nil {
		x.nameFacts = make([]NameFacts, x.Trace.Strings.Len())
	}
	f := x.nameFacts[id]
	if f == 0 {
		f = factsKnown
		name := x.Name(id)
		if isGraphLaunch(name) {
			f |= FactGraphLaunch
		}
		if strings.Contains(name, "tf32") {
			f |= FactTF32
		}
		if strings.HasPrefix(name, ModuleFrame) {
			f |= FactModule | factFrame
		}
		if _, ok := trace.ParsePythonStep(name); ok {
			f |= factFrame
		}
		if IsKernelLaunch(name) {
			f |= FactLaunch
		}
		if IsSync(name) {
			f |= FactSync
		}
		x.nameFacts[id] = f
	}
	return f
}

// IsGraphLaunch tells whether a call launches a graph.
func (x *Index) IsGraphLaunch(c *Call) bool { return x.Facts(c.Name)&FactGraphLaunch != 0 }

// IsSync tells whether a call waits for the device.
func (x *Index) IsSync(c *Call) bool { return x.Facts(c.Name)&FactSync != 0 }

// isGraphLaunch knows cudaGraphLaunch, hipGraphLaunch, cuGraphLaunch and their _ptsz forms.
func isGraphLaunch(name string) bool { return strings.Contains(name, "GraphLaunch") }

// IsKernelLaunch knows the functions of which each call starts kernels: cudaLaunchKernel, cudaLaunchKernelExC,
// cuLaunchKernelEx, hipLaunchKernel, hipExtModuleLaunchKernel, hipModuleLaunchKernel, hipExtLaunchKernel, graph launches …
func IsKernelLaunch(name string) bool {
	return strings.Contains(name, "Launch") && (strings.HasPrefix(name, "cu") || strings.HasPrefix(name, "hip")) &&
		!strings.Contains(name, "HostFunc")
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
