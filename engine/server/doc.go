// Package server profiles inference servers that run already: vLLM, SGLang, TensorRT-LLM and whatever else has a route to
// start its profiler and one to stop it. It is an engine.Engine like the others, for one server or for several that
// belong together (replicas, prefill and decode servers).
//
// Servers differ in what they call things, in what they answer and in what they lose. Those differences are data
// (dialects.go); which of them apply is found out by GET requests alone (probe.go), never by starting a profile.
//
// What a server answers is not evidence. HTTP 200 after a stop may come with no file, with half of one, or minutes before
// the file is there. So what the engine names is the directories that traces appear in (place*.go), local or through the
// user's own ssh and kubectl. Package capture/collect watches them: a profile is over when every rank has a new trace that
// could be read to its last byte, or when nothing moves any more, and then there is a sentence that says what is wrong
// (explain.go).
//
// A server that runs on this machine is more than an address: its process tells what it was told, and what it may
// (discover.go, settings.go, rights.go). Before anything is asked of a server it is made sure, as far as that can be known, that
// it can write its traces (preflight.go, room.go, disks.go): some die if they can't.
//
// The load is generated here too (load.go, stream.go): streamed completions whose tokens' arrival times are kept.
package server
