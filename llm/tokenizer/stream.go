package tokenizer

// Stream turns ids into text as they come. What Push and Flush return, put together, is what Decode makes of all the
// ids. Text is held back only while it could still turn out otherwise: an unfinished UTF-8 character, or a run of
// <0x..> byte tokens, which is decoded as a whole.
type Stream struct {
	tokenizer   *Tokenizer
	skipSpecial bool
	decoder     sink
	out         textSink
}

// NewStream begins a text. With skipSpecial, special tokens leave nothing in it.
func (t *Tokenizer) NewStream(skipSpecial bool) *Stream {
	s := &Stream{tokenizer: t, skipSpecial: skipSpecial}
	s.decoder = t.decoder(&s.out)
	return s
}

// Push takes the next id and returns the text that is settled by it, often none.
func (s *Stream) Push(id int32) string {
	s.put(id)
	return s.out.take()
}

// Append is Push to the end of dst. It allocates nothing but what dst has to grow by, if the decoder is ByteLevel.
func (s *Stream) Append(dst []byte, id int32) []byte {
	s.put(id)
	dst = append(dst, s.out.text...)
	s.out.text = s.out.text[:0]
	return dst
}

// Flush ends the text and returns what was held back. The stream then begins anew.
func (s *Stream) Flush() string {
	s.decoder.close()
	s.decoder = s.tokenizer.decoder(&s.out)
	return s.out.take()
}

func (s *Stream) put(id int32) {
	if a, ok := s.tokenizer.addedByID[id]; ok {
		if !s.skipSpecial || !a.Special {
			s.decoder.put(a.spelling, true, true)
		}
		return
	}
	if text, ok := s.tokenizer.model.vocab.text(id); ok {
		s.decoder.put(text, true, true)
	}
}

// textSink is the end of a decoder: the text.
type textSink struct{ text []byte }

func (t *textSink) put(part string, _, _ bool) { t.text = append(t.text, part...) }

func (t *textSink) close() {}

func (t *textSink) take() string {
	text := string(t.text)
	t.text = t.text[:0]
	return text
}
