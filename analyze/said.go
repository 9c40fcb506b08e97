package analyze

import (
	"github.com/inferprof/inferprof/internal/words"
)

// What a result says of itself in sentences is computed here, once, and is part of it: whoever shows a result shows the same
// (package report), and programs find the numbers beside the words.

type ( // Of package words, by the names that readers of results have for them.
	// Message is one thing that is said: its id, the numbers and names in it, and the sentence that they make.
	Message = words.Message
	// Param is one number or name of a message.
	Param = words.Param
	// Unit is what a number counts.
	Unit = words.Unit
)

// Figure is a number that a reader looks for first.
type Figure struct {
	ID    string  `json:"id"`
	Label string  `json:"label"`
	Value float64 `json:"value"` // in Unit
	Unit  Unit    `json:"unit"`
	Text  string  `json:"text"`          // Value as people read it
	Note  Message `json:"note,omitzero"` // what it is of; absent if nothing is to be said
	// RestsOn are the parts of the result that it is from, as Problem.Affects names them.
	RestsOn []string `json:"rests_on,omitempty"`
}

// Remark is something to be said of one of the tables of a report.
type Remark struct {
	Table   string  `json:"table"` // by its name in a report: time, idle, phase …
	Message Message `json:"message"`
}
