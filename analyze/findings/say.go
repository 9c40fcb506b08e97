package findings

import (
	"fmt"
	"slices"

	"github.com/inferprof/inferprof/analyze"
	"github.com/inferprof/inferprof/internal/words"
)

// A sentence is a claim, and each of its numbers has to stand in the evidence beside it. So both are made at once: say takes
// the evidence itself where a number is to be printed, and keeps what it has printed. A rule that prints a number in any
// other way says something that nobody can check.

// Units of Evidence. What a sentence prints is the value in its unit, as words.Write has it.
const (
	unitNs     = words.UnitNs
	unitBytes  = words.UnitBytes
	unitShare  = words.UnitShare
	unitCount  = words.UnitCount
	unitFactor = words.UnitFactor
	unitRank   = words.UnitRank
	unitFLOPs  = words.UnitFLOPsPerS
	unitRate   = words.UnitBytesPerS
)

// say goes on with a finding's sentence. Each %s of the format takes an analyze.Evidence, which is printed in its unit and
// added to the evidence if it is not there yet, or a string without numbers of its own: a name, a choice of words.
func say(f *analyze.Finding, format string, args ...any) {
	printed := make([]any, len(args))
	for i, a := range args {
		printed[i] = a
		if e, ok := a.(analyze.Evidence); ok {
			printed[i] = e.Written()
			f.Evidence = addEvidence(f.Evidence, e)
		}
	}
	f.Sentence += fmt.Sprintf(format, printed...)
}

// addEvidence adds evidence that is not there yet.
func addEvidence(all []analyze.Evidence, more ...analyze.Evidence) []analyze.Evidence {
	for _, e := range more {
		if !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}

// mean is a number of things per step, or per whatever else there are n of.
func mean(name string, sum, n int) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: float64(sum) / float64(max(1, n)), Unit: unitCount}
}

// factor is by how much one thing is more than another.
func factor(name string, v float64) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: v, Unit: unitFactor}
}

// rankNumber names a rank.
func rankNumber(name string, rank int) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: float64(rank), Unit: unitRank}
}

// rateOf is a rate in T(FL)OP/s or GB/s.
func rateOf(name string, perSecond float64, unit words.Unit) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: perSecond, Unit: unit}
}
