package words

import (
	"math"
	"strconv"
)

// Unit is what a number counts, and so how it is written.
type Unit string

// Units, as JSON has them.
const (
	UnitWord       Unit = ""             // no number: a name, a word
	UnitNs         Unit = "ns"           // a time
	UnitNsMore     Unit = "ns_more"      // a difference of times
	UnitBytes      Unit = "bytes"        // of memory
	UnitFileBytes  Unit = "file_bytes"   // of files
	UnitShare      Unit = "share"        // of 1
	UnitPercent    Unit = "percent"      // of 100
	UnitMore       Unit = "percent_more" // a difference in percent
	UnitCount      Unit = "count"        // whole, or a mean
	UnitFactor     Unit = "factor"       // of two like things
	UnitRank       Unit = "rank"         // its number: a name rather than a quantity
	UnitFLOPsPerS  Unit = "flop/s"
	UnitBytesPerS  Unit = "bytes/s"
	UnitTokensPerS Unit = "tokens/s"
	UnitRatio      Unit = "ratio" // of any size
)

// Write writes a number in its unit, the one form that it has.
func Write(v float64, u Unit) string {
	switch u {
	case UnitNs:
		return Duration(int64(math.Round(v)))
	case UnitNsMore:
		return Difference(int64(math.Round(v)))
	case UnitBytes:
		return Memory(int64(v))
	case UnitFileBytes:
		return Size(int64(v))
	case UnitShare:
		return Percent(v)
	case UnitPercent:
		return Percent(v / 100)
	case UnitMore:
		return PercentDifference(v)
	case UnitFactor:
		return Factor(v)
	case UnitRank:
		return strconv.Itoa(int(v))
	case UnitFLOPsPerS:
		return FLOPs(v)
	case UnitBytesPerS:
		return Rate(v)
	case UnitTokensPerS:
		return Mean(v) + " tokens/s"
	case UnitRatio:
		return Ratio(v)
	}
	if v < 0 {
		return Unknown
	}
	return Mean(v)
}
