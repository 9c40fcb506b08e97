// Package ondisk is a capture on disk: what its directory is, and how one is found again.
//
// A capture's directory holds one trace per rank, a manifest (capture.json) that says what ran, where, how long each call
// took and whether every file is whole, and what was asked and answered (requests.jsonl). docs/capture.md describes the
// files. Directories of traces that somebody else made, without a manifest, are taken too.
//
//	manifest.go   the manifest: its types, writing and reading it
//	requests.go   requests.jsonl
//	traces.go     which files are traces, in which order, and which of them are the newest profile
//	open.go       from a path to a Capture: the traces to read, and what to know before trusting them
//	note.go       what to know before trusting it
//	distinct.go   the same trace named twice
//	verify.go     reading traces back
//
// Nothing here runs an engine or analyses a trace: package capture makes captures, package profile reads them.
package ondisk
