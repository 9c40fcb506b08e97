package profile

import (
	"path/filepath"
	"sync"
	"testing"
)

// TestTogether: one profile may be asked several things at once.
func TestTogether(t *testing.T) {
	dir := ranksOf(t, 3, 2)
	p := open(t, Options{Progress: func(Event) {}}, dir)
	var all sync.WaitGroup
	for i := range 4 {
		for name, ask := range map[string]func() error{
			"report": func() error {
				_, err := p.Report(t.Context(), Selection{Phase: Phases()[i%3]})
				return ignoreSelection(err)
			},
			"traces": func() error { _, err := p.Traces(t.Context()); return err },
			"cut":    func() error { _, err := p.Cut(t.Context(), filepath.Join(t.TempDir(), "out"), Cut{}); return err },
			"notes":  func() error { p.Notes(); return nil },
		} {
			all.Go(func() {
				if err := ask(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	all.Wait()
}

// ignoreSelection is an error but for a phase that the traces don't have.
func ignoreSelection(err error) error {
	if isError[*SelectionError](err) {
		return nil
	}
	return err
}
