package engine

import "context"

// What some engines can do beyond Engine. Package capture asks for these by type assertion, so that an engine which has
// nothing to say stays silent.

// Preparer is an engine that gets ready for a profile before it starts: a server that others use too is waited for until
// it is quiet or, in the middle of a load, steady.
type Preparer interface {
	// Prepare is called before StartProfile, with the requests that Generate will get next. It may begin to answer them.
	Prepare(ctx context.Context, requests []Request) error
}

// Rester is an engine that may be busy with the end of a profile when StopProfile has returned.
type Rester interface {
	// Rest waits until it is not, or ctx ends.
	Rest(ctx context.Context) error
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
