package profile

import (
	"errors"
	"fmt"
	"strings"
)

// StrictError is what Options.Strict refuses: a damaged trace, or a capture that is not complete.
type StrictError struct{ Err error }

func (e *StrictError) Error() string { return e.Err.Error() }

// Unwrap returns what was found.
func (e *StrictError) Unwrap() error { return e.Err }

// Selector is a part of a Selection or a Cut.
type Selector string

// The selectors.
const (
	BySteps   Selector = "steps"
	ByPhase   Selector = "phase"
	ByRanks   Selector = "ranks"
	ByDevices Selector = "devices"
	ByTime    Selector = "time"
	ByOnly    Selector = "only"
	ByDrop    Selector = "drop"
)

// SelectionError is a selection that leaves nothing, or asks for what is not there or can't be.
type SelectionError struct {
	By      Selector // which part; "" if it is all of it together
	Asked   string   // what that part asks for: 3-5,9
	Problem string   // what is wrong with that
	Known   []string // what could have been asked for, if the problem does not say it
}

func (e *SelectionError) Error() string {
	text := e.Problem
	if e.By != "" {
		text = strings.TrimSpace(fmt.Sprintf("%s %s", e.By, e.Asked)) + ": " + text
	}
	return text + e.KnownText()
}

// KnownText says in brackets what could have been asked for, with a space before them; "" if nothing is known.
func (e *SelectionError) KnownText() string {
	if len(e.Known) == 0 {
		return ""
	}
	return " (they have " + strings.Join(e.Known, ", ") + ")"
}

// NoStepsError is a cut by steps of a trace that has none.
type NoStepsError struct{ Path string }

func (e *NoStepsError) Error() string { return e.Path + " has no steps: cut by time" }

// OutputError is a name that a cut can't be written under.
type OutputError struct {
	Path    string
	Problem OutputProblem
	Traces  int // that were to be written, as far as that was known
}

// OutputProblem is what is wrong with a name.
type OutputProblem string

// What can be wrong.
const (
	OutputNoName   OutputProblem = "no_name"   // there is none
	OutputOneFile  OutputProblem = "one_file"  // it is a file's, and there are several traces
	OutputExists   OutputProblem = "exists"    // it is a directory's, and something has it already
	OutputIsSource OutputProblem = "is_source" // it is that of the trace that is cut
)

func (e *OutputError) Error() string {
	switch e.Problem {
	case OutputNoName:
		return "no name to write to: name a file that ends in .json or .json.gz, or a directory that is not there yet"
	case OutputOneFile:
		return fmt.Sprintf("%s is one file, and these are %d traces: name a directory, or one rank", e.Path, e.Traces)
	case OutputExists:
		return e.Path + " is there already: name a directory that is not, or a file that ends in .json or .json.gz"
	}
	return e.Path + " is the trace that is to be cut: name another file"
}

// ErrNothingLeft is in the error of a cut that leaves no work.
var ErrNothingLeft = errors.New("nothing is left")

// ErrReadOnce is the error of reading standard input again.
var ErrReadOnce = errors.New("standard input has been read, and can't be read again: save the trace to a file")
