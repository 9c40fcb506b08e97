package kineto

import "github.com/inferprof/inferprof/trace"

// PyTorch's profiler records other accelerators than GPUs under categories of their own. Which there are says Kineto's list of
// activity types (libkineto/include/ActivityType.h); what they are, whoever writes them. Work on the device itself is "kernel",
// "gpu_memcpy" and "gpu_memset" with most: Intel's XPU, Gaudi, and all that come as PrivateUse1 (Rebellions, Enflame). A row of this
// table says what a category, or in it the events of one name, are read as. What is not here is kept under its own name.

// accelerator is a category of another accelerator's events.
type accelerator struct {
	category string
	name     string // of the events; "": any
	as       trace.Category
}

var accelerators = []accelerator{
	// Intel: PTI's records of calls (libkineto/src/plugin/xpupti).
	{"xpu_runtime", "", trace.CategoryRuntime}, // urEnqueueKernelLaunch, zeCommandListAppendLaunchKernel
	{"xpu_driver", "", trace.CategoryDriver},
	// Backends out of PyTorch's tree: their runtime's and their driver's calls.
	{"privateuse1_runtime", "", trace.CategoryRuntime},
	{"privateuse1_driver", "", trace.CategoryDriver},
	// Gaudi: "HPU host side runtime event".
	{"hpu_op", "", trace.CategoryRuntime},
	// Meta's MTIA. Of what its control processor records, processing elements and transfers work; events, waits for them, and what
	// merges lanes (event_wait, event_record, merge, remote) do not, and stay what they are.
	{"mtia_runtime", "", trace.CategoryRuntime},
	{mtiaEvents, "pe_exe", trace.CategoryKernel},
	{mtiaEvents, "dma_request", trace.CategoryMemcpy},
	// Glow's runtime.
	{"glow_runtime", "", trace.CategoryRuntime},
}

// mtiaEvents is the one category whose events are told apart by name.
const mtiaEvents = "mtia_ccp_events"

// acceleratorCategory is what an event of a category and a name token is read as; false of those that are not in the table.
func acceleratorCategory(category, name []byte) (trace.Category, bool) {
	for _, a := range accelerators {
		if string(category) == a.category && (a.name == "" || string(unquoted(name)) == a.name) {
			return a.as, true
		}
	}
	return 0, false
}
