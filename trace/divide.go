package trace

// Divide parts a trace into n by its tracks: part says of each, by its TrackID, to which part its events go. The parts
// share all but the events with t, and know which of its events theirs are (FileRow).
func (t *Trace) Divide(part []int, n int) []*Trace {
	parts := make([]*Trace, n)
	for k := range parts {
		p := *t
		p.Events = Events{others: t.Events.others}
		parts[k] = &p
	}
	for i := range t.Events.Len() {
		p := parts[part[t.Events.Track(i)]]
		at, j := &p.Events, p.Events.Append(t.Events.At(i))
		at.blocks[j>>blockBits].Category[j&blockMask] = t.Events.blocks[i>>blockBits].Category[i&blockMask]
		p.rows = append(p.rows, int32(i))
	}
	for _, p := range parts {
		if t.Text != nil {
			p.Text = &partText{t, p.rows}
		}
	}
	return parts
}

// partText is the text of a part of a trace.
type partText struct {
	whole *Trace
	rows  []int32 // of the whole, by the part's
}

func (p *partText) AppendEvent(dst []byte, _ *Trace, i int) []byte {
	return p.whole.Text.AppendEvent(dst, p.whole, int(p.rows[i]))
}

func (p *partText) Arg(_ *Trace, i int, name string) (Value, bool) {
	return p.whole.Text.Arg(p.whole, int(p.rows[i]), name)
}

func (p *partText) Declarations() []string { return p.whole.Text.Declarations() }
