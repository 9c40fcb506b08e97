package capture

// Stage is a part of a capture.
type Stage string

// The stages, in order.
const (
	StageOpen     Stage = "open"
	StageWarmup   Stage = "warmup"
	StagePrepare  Stage = "prepare"
	StageOverhead Stage = "overhead"
	StageStart    Stage = "start_profile"
	StageGenerate Stage = "generate"
	StageStop     Stage = "stop_profile"
	StageVerify   Stage = "verify"
)

// Progress says what begins.
type Progress struct {
	Stage Stage
	N, Of int    // warm-up round or file, counted from 1; 0 of the other stages
	Item  string // the file, or what is new in a stage that goes on; "" when it begins
}
