// Package capture records one profile of an engine at work and keeps what came of it.
//
// A capture is everything between start and stop: one trace per rank, what was asked and answered, and a manifest that
// says what ran, where, how long each call took and whether every file is whole. Run makes one with any
// engine.Engine. Package capture/ondisk is what it leaves, and finds it again.
//
// The order of a run is always the same (run.go):
//
//	preflight    the directory can be made and written, there is room, the configuration makes sense
//	open         the engine loads its model
//	warm-up      the workload, not profiled, so often as asked for, or until two rounds took equally long (warmup.go)
//	start        every rank begins to record
//	generate     the workload
//	stop         on every path out, interrupted or failed, and without a time limit: a stop writes the traces (profile.go). Package
//	             capture/collect looks for them where the engine says that they appear, waits, and reads each to its end.
//	             Whoever interrupts it does not wait for more (Options.GiveUp)
//	verify       each expected rank has a new file that is whole
//	manifest     written last, atomically, over a first one that says the capture never ended, into room kept for it (reserve.go)
//
// An engine may be busy with the end of a profile when the verdict on it is there (rest.go). Before the start the manifest says
// that a profile is about to be recorded, where and since when: what a killed inferprof leaves on can be ended later (recover.go).
//
// What an engine answers is not evidence; files are. A capture is complete when every file has been read back.
package capture
