package host

// MemoryPoint is what an allocator had given out from one moment on.
type MemoryPoint struct {
	AtNs  int64 `json:"at_ns"` // since the trace's base time
	Bytes int64 `json:"bytes"`
}

// curvePieces is into how many pieces of equal length a curve is cut.
const curvePieces = 200

// memoryCurve keeps of each piece of a window the value that is highest and the one that is last, so that a curve of a
// million allocations has a few hundred points, and none of its peaks is lost.
type memoryCurve struct {
	from, until int64
	piece       int64 // of the last point
	highest     int   // index of the point that is the piece's highest
	points      []MemoryPoint
}

// add appends a value; times do not decrease.
func (c *memoryCurve) add(at, bytes int64) {
	piece := int64(0)
	if c.until > c.from {
		piece = (at - c.from) * curvePieces / (c.until - c.from + 1)
	}
	p := MemoryPoint{at, bytes}
	n := len(c.points)
	switch {
	case n == 0 || piece != c.piece:
		c.piece, c.highest = piece, n
		c.points = append(c.points, p)
	case bytes >= c.points[c.highest].Bytes: // what came between the piece's start and its peak is lower
		c.points = append(c.points[:c.highest], p)
	case n-1 == c.highest:
		c.points = append(c.points, p)
	default:
		c.points[n-1] = p
	}
}
