package capture

import (
	"context"

	"github.com/inferprof/inferprof/capture/ondisk"
)

// Recorded is a capture on which the verdict is there. The engine may be busy with the end of the profile for a while, and
// answer nobody.
type Recorded struct {
	*ondisk.Capture
	session *session
}

// Busy names the parts of the engine that still are, such as the addresses of servers.
func (r *Recorded) Busy() []string {
	if r.session.rester == nil {
		return nil
	}
	return r.session.rester.Resting()
}

// Rest waits until the engine is free, or ctx ends, and adds to the manifest what there is to say of that.
func (r *Recorded) Rest(ctx context.Context) error {
	if len(r.Busy()) == 0 {
		return nil
	}
	s := r.session
	err := s.rester.Rest(ctx)
	if ctx.Err() != nil {
		return err
	}
	s.describe(s.engine)
	s.takeWarnings(s.engine)
	if writeErr := s.manifest.Write(s.dir.path); writeErr != nil {
		return directoryError(s.dir.path, writeErr)
	}
	return err
}

// Close gives the capture's directory free.
func (r *Recorded) Close() { r.session.unlock() }
