package host

// CPU is what the host spent.
type CPU struct {
	Calls            []API    `json:"calls,omitempty"` // runtime and driver calls by function
	RuntimeNs        int64    `json:"runtime_ns"`      // Σ self time of runtime and driver calls
	LaunchNs         int64    `json:"launch_ns"`       // of those that launch kernels and graphs
	SyncNs           int64    `json:"sync_ns"`         // of those that wait for the device
	Launches         int      `json:"launches"`        // calls that launch kernels and graphs
	OpSelfNs         int64    `json:"op_self_ns"`      // Σ self time of ops
	AnnotationSelfNs int64    `json:"annotation_self_ns"`
	Threads          []Thread `json:"threads,omitempty"` // busiest first
}

// CPU is what the host spent, by what was found.
func (s *Swept) CPU() CPU {
	c := CPU{Calls: s.apis, OpSelfNs: s.opSelfNs, AnnotationSelfNs: s.annotationSelfNs, Threads: s.threads}
	c.SumCalls()
	return c
}

// SumCalls fills the sums over Calls.
func (c *CPU) SumCalls() {
	for _, a := range c.Calls {
		c.RuntimeNs += a.SelfNs
		switch a.Use {
		case "launch":
			c.LaunchNs += a.SelfNs
			c.Launches += a.Calls
		case "sync":
			c.SyncNs += a.SelfNs
		}
	}
}
