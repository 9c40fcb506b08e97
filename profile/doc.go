// Package profile opens profiles: it finds the traces, reads and analyses them within one memory budget, and lets each go
// as soon as what is needed of it is known.
//
//	p, err := profile.Open(ctx, []string{"./vllm_profile"}, profile.Options{})
//	…
//	result, err := p.Report(ctx, profile.Selection{Phase: "decode"})
//
// A profile is what was recorded between one start and stop: a capture, a directory of traces, or traces that are named
// one by one ("-" is standard input). From one it gives
//
//	Report    where the time went, with findings: of everything, or of some steps, a phase, some ranks, some devices
//	Traces    the traces themselves, for those who stay and look: as much memory as they take together
//	Cut       smaller traces: some steps, a window of time, some categories, some ranks
//
// and, beside it, ReadSides reads what comparing needs of several profiles, and Verify says whether traces are whole and
// make sense.
//
// A profile may have more ranks than memory has room for. So traces are read side by side, as many as there are processors
// for and as fit into Options.MemoryBytes by an estimate from their size; each is reduced to a part (analyze.NewPart), and
// the parts are joined when the last has been read. Which number a rank gets is known only then, since replicas may all
// claim to be rank 0; where a selection of ranks turns out to have left out one that it means, the traces are read again.
//
// There is no flag and no terminal here. What happens is told by events (Options.Progress), what should be known before
// numbers are trusted by notes, and what goes wrong by errors of types that a caller can tell apart: StrictError,
// SelectionError, OutputError, engine.UsageError. The end of a context ends reading soon, in the middle of a file too: what
// is being analysed is done first, and standard input that says nothing is waited for.
package profile
