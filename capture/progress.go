package capture

import "github.com/inferprof/inferprof/capture/ondisk"

// Progress says what begins.
type Progress struct {
	Stage ondisk.Stage
	N, Of int    // warm-up round or file, counted from 1; 0 of the other stages. Of is 0 while nobody knows how many there will be
	Item  string // the file, or what is new in a stage that goes on; "" when it begins
}
