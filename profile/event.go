package profile

// Event is something that happens while profiles are read.
type Event struct {
	Kind  EventKind
	Path  string // the trace, or the side of a comparison, that it is about; "" if it is about all
	N, Of int    // traces: so many of so many

	NeedBytes, FreeBytes int64 // of TooLarge
}

// EventKind is a kind of Event.
type EventKind string

// What happens.
const (
	Reading   EventKind = "reading"   // Of traces, of the side Path if there are sides, will be read
	Read      EventKind = "read"      // N of them are done
	TooLarge  EventKind = "too_large" // Path may take NeedBytes of memory, and FreeBytes are there; it is read all the same
	Verifying EventKind = "verifying" // Path, the N-th, is read to its last byte
	Checking  EventKind = "checking"  // Of traces will be read for what makes their numbers doubtful
	Writing   EventKind = "writing"   // Of traces will be written
)
