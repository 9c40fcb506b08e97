package analyze

import (
	"strings"

	"github.com/inferprof/inferprof/trace"
)

// moduleFrame begins the names of Python frames that are calls of modules.
const moduleFrame = "nn.Module: "

// nameFacts are what a name says, asked once per name.
type nameFacts uint8

const (
	factsKnown nameFacts = 1 << iota
	factGraphLaunch
	factTF32
	factModule
	factLaunch
	factSync
)

func (x *index) facts(id trace.StringID) nameFacts {
	if x.nameFacts == nil {
		x.nameFacts = make([]nameFacts, x.t.Strings.Len())
	}
	f := x.nameFacts[id]
	if f == 0 {
		f = factsKnown
		name := x.name(id)
		if isGraphLaunch(name) {
			f |= factGraphLaunch
		}
		if strings.Contains(name, "tf32") {
			f |= factTF32
		}
		if strings.HasPrefix(name, moduleFrame) {
			f |= factModule
		}
		if isKernelLaunch(name) {
			f |= factLaunch
		}
		if isSync(name) {
			f |= factSync
		}
		x.nameFacts[id] = f
	}
	return f
}

// isGraphLaunch tells whether a call launches a graph.
func (x *index) isGraphLaunch(c *call) bool { return x.facts(c.name)&factGraphLaunch != 0 }

// isGraphLaunch knows cudaGraphLaunch, hipGraphLaunch, cuGraphLaunch and their _ptsz forms.
func isGraphLaunch(name string) bool { return strings.Contains(name, "GraphLaunch") }

// isKernelLaunch knows the functions of which each call starts kernels: cudaLaunchKernel, cudaLaunchKernelExC,
// cuLaunchKernelEx, hipLaunchKernel, hipExtModuleLaunchKernel, hipModuleLaunchKernel, hipExtLaunchKernel, graph launches …
func isKernelLaunch(name string) bool {
	return strings.Contains(name, "Launch") && (strings.HasPrefix(name, "cu") || strings.HasPrefix(name, "hip")) &&
		!strings.Contains(name, "HostFunc")
}

// isSync knows the functions that block until the device is done: cudaDeviceSynchronize, cudaStreamSynchronize,
// cudaEventSynchronize, cuCtxSynchronize, hip…, and copies that return only when done (cudaMemcpy, hipMemcpyWithStream).
func isSync(name string) bool {
	return strings.HasSuffix(name, "Synchronize") || strings.HasSuffix(name, "Synchronize_ptsz") ||
		name == "cudaMemcpy" || name == "hipMemcpy" || name == "hipMemcpyWithStream" ||
		name == "cudaMemcpy2D" || name == "hipMemcpyDtoH" || name == "hipMemcpyHtoD"
}

// isCopy knows calls that copy or set memory.
func isCopy(name string) bool {
	return strings.Contains(name, "Memcpy") || strings.Contains(name, "Memset")
}
