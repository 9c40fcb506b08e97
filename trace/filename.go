package trace

// FileName is what the name of a trace's file says.
type FileName struct {
	Rank     int    // -1 if the name does not say
	Prefix   string // what comes before the grammar, such as the user's profile prefix
	TP, PP   int    // -1 if the name does not say
	DP, EP   int    // -1 if the name does not say
	Stage    string // "prefill" or "decode" if SGLang profiled them apart
	FrontEnd bool   // vLLM's API server
	Merged   bool   // SGLang's all ranks in one file
	Capture  bool   // graph capture
}

// NamedRank is the rank that the file's name gives; -1 if it gives none, or there is no file.
func (m *Meta) NamedRank() int {
	if m.FileName == nil {
		return -1
	}
	return m.FileName.Rank
}

// FrontEnd tells by the file's name whether the trace is an API server's, which runs no step and is no rank.
func (m *Meta) FrontEnd() bool { return m.FileName != nil && m.FileName.FrontEnd }
