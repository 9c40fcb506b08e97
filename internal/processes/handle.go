package processes

// Handle holds on to a process: how that ended can be asked when it is long gone and its parent has kept to itself what the
// system told it. Only Linux has such handles, and tells from 6.15 on.
type Handle struct{ fd int }

// Hold returns a handle of a process that is there. Close it.
func Hold(p Process) *Handle {
	h := &Handle{openHandle(p.PID)}
	if len(Ended([]Process{p})) > 0 {
		h.Close() // whose number another may have by now
	}
	return h
}

// How says how the process ended, as the function How does; "" if it is there, or nobody can tell.
func (h *Handle) How() string {
	if h.fd < 0 {
		return ""
	}
	status, ok := h.exitStatus()
	if !ok {
		return ""
	}
	return howOf(status)
}

// Close lets go of the process.
func (h *Handle) Close() {
	if h.fd >= 0 {
		closeHandle(h.fd)
		h.fd = -1
	}
}
