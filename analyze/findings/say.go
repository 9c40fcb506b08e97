package findings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferprof/inferprof/analyze"
)

// A sentence is a claim, and each of its numbers has to stand in the evidence beside it. So both are made at once: say takes
// the evidence itself where a number is to be printed, and keeps what it has printed. A rule that prints a number in any
// other way says something that nobody can check.

// Units of Evidence. What a sentence prints is the value in its unit, by Written.
const (
	unitNs     = "ns"
	unitBytes  = "bytes"
	unitShare  = "share"  // of 1, printed in percent
	unitCount  = "count"  // whole, or a mean
	unitFactor = "factor" // of two like things, printed with two decimals and ×
	unitRank   = "rank"   // its number: a name rather than a quantity
	unitFLOPs  = "flop/s"
	unitRate   = "bytes/s"
)

// say goes on with a finding's sentence. Each %s of the format takes an analyze.Evidence, which is printed in its unit and
// added to the evidence if it is not there yet, or a string without numbers of its own: a name, a choice of words.
func say(f *analyze.Finding, format string, args ...any) {
	printed := make([]any, len(args))
	for i, a := range args {
		printed[i] = a
		if e, ok := a.(analyze.Evidence); ok {
			printed[i] = Written(e)
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

// Written is evidence as a sentence prints it.
func Written(e analyze.Evidence) string {
	switch e.Unit {
	case unitNs:
		return duration(int64(e.Value))
	case unitBytes:
		return size(int64(e.Value))
	case unitShare:
		return writtenShare(e.Value)
	case unitFactor:
		return fmt.Sprintf("%.2f×", e.Value)
	case unitRank:
		return itoa(int(e.Value))
	case unitFLOPs:
		return fmt.Sprintf("%.0f TFLOP/s", e.Value/1e12)
	case unitRate:
		return fmt.Sprintf("%.0f GB/s", e.Value/1e9)
	}
	if e.Value >= 100 || e.Value == float64(int64(e.Value)) {
		return count(int(e.Value + 0.5))
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", e.Value), ".0")
}

// writtenShare is in whole percent, but for shares that would be rounded to nothing or to everything.
func writtenShare(v float64) string {
	switch percent := 100 * v; {
	case percent > 0 && percent < 0.05:
		return "under 0.1 %"
	case percent > 0 && percent < 0.95:
		return fmt.Sprintf("%.1f %%", percent)
	case percent < 100 && percent >= 99.5:
		return fmt.Sprintf("%.1f %%", min(percent, 99.9))
	default:
		return fmt.Sprintf("%.0f %%", percent)
	}
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
func rateOf(name string, perSecond float64, unit string) analyze.Evidence {
	return analyze.Evidence{Name: name, Value: perSecond, Unit: unit}
}
