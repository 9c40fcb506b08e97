package model

import "math"

// ropeTable holds the cosines and sines of rotary positions (Su et al. 2021), [position][headDim/2] each. Angles are
// rounded to float32 as Hugging Face does it: the tests compare against its logits.
type ropeTable struct {
	half     int
	cos, sin []float32
}

func newRopeTable(c *Config, maxLen int) *ropeTable {
	t := &ropeTable{half: c.HeadDim / 2}
	n := maxLen * t.half
	t.cos, t.sin = make([]float32, n), make([]float32, n)
	for i := range t.half {
		f := 1 / math.Pow(c.RopeTheta, float64(2*i)/float64(c.HeadDim))
		if c.RopeScaling != nil {
			f = c.RopeScaling.scale(f)
		}
		for p := range maxLen {
			angle := float64(float32(p) * float32(f))
			t.cos[p*t.half+i], t.sin[p*t.half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return t
}

func (t *ropeTable) at(position int) (cos, sin []float32) {
	return t.cos[position*t.half:][:t.half], t.sin[position*t.half:][:t.half]
}

// scale stretches a frequency as Llama 3.1 does: wavelengths far beyond the context of training by the full factor,
// short ones not at all, those between gradually.
func (s *ropeScaling) scale(f float64) float64 {
	wave := 2 * math.Pi / f
	switch {
	case wave > s.OriginalMax/s.LowFactor:
		return f / s.Factor
	case wave < s.OriginalMax/s.HighFactor:
		return f
	}
	smooth := (s.OriginalMax/wave - s.LowFactor) / (s.HighFactor - s.LowFactor)
	return (1-smooth)*f/s.Factor + smooth*f
}
