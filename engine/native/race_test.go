//go:build race

package native

// Under the race detector sync.Pool throws away some of what is given back to it, at random.
func init() { poolsForget = true }
