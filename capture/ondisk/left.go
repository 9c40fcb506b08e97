package ondisk

import (
	"path/filepath"

	"github.com/inferprof/inferprof/internal/dirlock"
)

// Left finds the captures in dir that may have left a profiler on: their manifests say that they were recording, and nobody
// is making them any more. A directory that is not there holds none.
func Left(dir string) []*Capture {
	paths, err := manifestsBelow(dir)
	if err != nil {
		return nil
	}
	var left []*Capture
	for _, path := range paths {
		m, err := ReadManifest(path)
		if err != nil || m.RecordingSince == nil {
			continue
		}
		release, err := dirlock.Lock(path)
		if err != nil {
			continue // it is being made
		}
		release()
		left = append(left, &Capture{Dir: path, Manifest: m})
	}
	return left
}

// Of tells whether a capture is of a server at an address.
func (c *Capture) Of(url string) bool {
	for _, p := range c.Manifest.Engine.Endpoints {
		if p.URL == url {
			return true
		}
	}
	return false
}

// Shown is the capture's directory as people are told it.
func (c *Capture) Shown() string { return filepath.Clean(c.Dir) }
