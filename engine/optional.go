package engine

import (
	"context"
	"time"
)

// What some engines can do beyond Engine. Package capture asks for these by type assertion, so that an engine which has
// nothing to say stays silent.

// Preflighter is an engine that can tell why a profile would fail, or do harm, before anything is asked of a model.
type Preflighter interface {
	// Preflight is called once, when the engine is open, with the requests that it will get. It starts nothing.
	Preflight(ctx context.Context, requests []Request) error
}

// Preparer is an engine that gets ready for a profile before it starts: a server that others use too is waited for until
// it is quiet or, in the middle of a load, steady.
type Preparer interface {
	// Prepare is called before StartProfile, with the requests that Generate will get next. It may begin to answer them.
	Prepare(ctx context.Context, requests []Request) error
}

// Settler is an engine whose ranks may still be writing their traces when StopProfile has returned. Those of others are
// all there by then.
type Settler interface {
	// SettleTime is how long nothing must have moved before the traces that are missing are given up: no file has appeared,
	// grown, or been read to its end. It is 0 if nothing is being written any more, as when the engine has died. It is
	// asked after StopProfile has returned, again and again. The end of ctx ends what it looks at.
	SettleTime(ctx context.Context) time.Duration
}

// Concluder is an engine that knows what it means if traces stay away.
type Concluder interface {
	// Conclude is told what came of a profile, once nothing more is waited for. Its error says what is wrong, that of
	// StopProfile included as far as it matters; nil if nothing is. The end of ctx ends what it looks at for that.
	Conclude(ctx context.Context, all Collected) error
}

// Rester is an engine that can be left to itself while it says nothing to a StopProfile: when ctx ends that returns,
// and the engine may be busy with the end of the profile. Both methods may be called after Close.
type Rester interface {
	// Resting names the parts of the engine that are, such as the addresses of servers.
	Resting() []string
	// Rest waits until none is, or ctx ends.
	Rest(ctx context.Context) error
}

// Resumer is an engine that can take over a profile which another process has started (Config.Resume).
type Resumer interface {
	// Disown says that the profile has ended already, by itself or by somebody's stop: what is recorded now is not ours to stop.
	Disown(endedItself bool)
}

// Diagnoser is an engine that can say more than its errors do about what went wrong, from its log for instance.
type Diagnoser interface {
	// Diagnose returns a sentence for each thing, with what to do about it. It may be called after Close.
	Diagnose() []string
}

// Reporter is an engine that tells what goes on inside its long calls.
type Reporter interface {
	// Report sets the function that is told, in a few words, such as "rank 0: 12.4 MB, 3.1 MB/s". It may be called from
	// any goroutine.
	Report(tell func(text string))
}

// Warner is an engine that knows why a capture may mislead.
type Warner interface {
	// Warnings returns what there is to say since the last call, one sentence each.
	Warnings() []string
}
