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
	// Meta's MTIA. Of what its control processor records, transfers and programs of the processing elements are work, whether a
	// program is called pe_exe, as a compiled model's is, or after its op, as in eager mode (add-dtype_Float); events, waits for
	// them, and what merges lanes are none.
	{"mtia_runtime", "", trace.CategoryRuntime},
	{mtiaEvents, "event_wait", keptAsIs},
	{mtiaEvents, "event_record", keptAsIs},
	{mtiaEvents, "merge", keptAsIs},
	{mtiaEvents, "remote", keptAsIs},
	{mtiaEvents, "dma_request", trace.CategoryMemcpy},
	{mtiaEvents, "", trace.CategoryKernel},
	// Glow's runtime.
	{"glow_runtime", "", trace.CategoryRuntime},
}

// mtiaEvents is the one category whose events are told apart by name.
const mtiaEvents = "mtia_ccp_events"

// keptAsIs is what events are read as that are in the table for being no work: they stay under their own name.
const keptAsIs = trace.CategoryOther

// acceleratorCategory is what an event of a category and a name token is read as, by the first row that it fits; false of what is
// not in the table, or is kept as it is.
func acceleratorCategory(category, name []byte) (trace.Category, bool) {
	for _, a := range accelerators {
		if string(category) == a.category && (a.name == "" || string(unquoted(name)) == a.name) {
			return a.as, a.as != keptAsIs
		}
	}
	return 0, false
}
