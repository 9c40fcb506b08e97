package ondisk

// Note is something to know before trusting what was opened.
type Note struct {
	Kind NoteKind
	Text string // a sentence without a full stop
}

func (n Note) String() string { return n.Text }

// NoteKind says what a note is about.
type NoteKind string

// What opening finds. Packages that read traces have kinds of their own.
const (
	NoteStatus     NoteKind = "status"     // the capture did not end well
	NoteRanks      NoteKind = "ranks"      // nobody counted the capture's ranks
	NoteNoStep     NoteKind = "no_step"    // the ranks' traces are whole, and none has a step
	NoteGone       NoteKind = "gone"       // a trace of the manifest is not there any more
	NoteChanged    NoteKind = "changed"    // a trace has another size than it was captured with
	NoteOlder      NoteKind = "older"      // traces of older profiles are left out
	NoteNewest     NoteKind = "newest"     // of several captures or directories, the newest was chosen
	NoteUnusable   NoteKind = "unusable"   // a newer capture could not be opened
	NoteUnfinished NoteKind = "unfinished" // a writer is at work, or died
	NoteAside      NoteKind = "aside"      // traces of no rank are left out
	NoteNotTraces  NoteKind = "not_traces" // other files are left out that are named as JSON
	NoteTwice      NoteKind = "twice"      // a trace or capture is named twice
)

// Texts are the words of notes; never nil.
func Texts(notes []Note) []string {
	texts := make([]string, len(notes))
	for i, n := range notes {
		texts[i] = n.Text
	}
	return texts
}
