package capture

import "github.com/inferprof/inferprof/capture/ondisk"

// Progress says what begins.
type Progress struct {
	Stage ondisk.Stage
	N, Of int    // warm-up round or file, counted from 1; 0 of the other stages. Of is 0 while nobody knows how many there will be
	Item  string // the file, or what is new in a stage that goes on; "" when it begins
}

func (s *session) progress(p Progress) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.Progress != nil {
		s.Progress(p)
	}
}

// tell says what is new in the stage that goes on. An engine does so from goroutines of its own, such as that of a stop.
func (s *session) tell(text string) {
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.Progress != nil {
		s.Progress(Progress{Stage: s.stage, Item: text})
	}
}

// hush ends all telling: a stop that was left to itself goes on, and has nobody to tell.
func (s *session) hush() {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.Progress = nil
}
