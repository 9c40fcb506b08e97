//go:build !unix

package python

import "os"

func (c *child) prepareGroup() (*os.File, error) { return nil, nil }

func (c *child) kill() {
	if c.command.Process != nil {
		_ = c.command.Process.Kill()
		<-c.exited
	}
}

func (c *child) groupAlive() bool { return !c.dead() }
