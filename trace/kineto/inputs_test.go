package kineto

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/inferprof/inferprof/trace"
)

// inputLists are texts of all kinds that files have been seen with, and others.
var inputLists = []string{
	``, `[]`, ` [ ] `, `[[]]`, `[[[]]]`, `[[8, 768], [768, 768]]`, "[\n  [8,\t768],\r\n [],[1]\n]", `[[[8, 768], [4]], [], [[]]]`,
	`[[-1, 0, -0], [999999999999999999, -999999999999999999]]`, `[[9223372036854775807]]`, `[[9223372036854775808]]`,
	`[[1e3], [01], [1.0], [--1], [1-2]]`, `[[1, [2]], [[1], 2], [[[1]]]]`, `[3, "x", null, {"a": [1]}, true, [null], [[null]], [null, [3]], [7]]`,
	`[[1], ]`, `[[1] [2]]`, `[[1]`, `[[1]]]`, `[[1]] x`, `null`, `5`, `"[[1]]"`, `{}`, "[[1]]\x00", `[[1,]]`, `[[,1]]`, `[inf]`,
	`["float", "c10::Half", "", "Scalar"]`, `["a\"b", "é", "\u00e9", "\n"]`, `["a", 1]`, `["a", null]`, `["a" "b"]`, `["a",]`, `["a`, "[\"\x01\"]", "[\"\xff\"]",
}

// shapesByJSON and dtypesByJSON are what encoding/json makes of a list.
func shapesByJSON(text string) []trace.Shape {
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) != nil || list == nil {
		return nil
	}
	out := []trace.Shape{}
	for _, raw := range list {
		var dims []int64
		var members [][]int64
		switch {
		case json.Unmarshal(raw, &dims) == nil:
			out = append(out, trace.Shape{Dims: dims})
		case json.Unmarshal(raw, &members) == nil:
			out = append(out, trace.Shape{List: members})
		default:
			out = append(out, trace.Shape{})
		}
	}
	return out
}

func dtypesByJSON(text string) []string {
	var names []string
	if json.Unmarshal([]byte(text), &names) != nil {
		return nil
	}
	return names
}

func checkInputs(t *testing.T, text string) {
	t.Helper()
	if got, want := parseShapes(text), shapesByJSON(text); len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("shapes of %q: %+v, want %+v", text, got, want)
	}
	if got, want := parseDtypes(text), dtypesByJSON(text); len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("types of %q: %q, want %q", text, got, want)
	}
}

func TestInputsAsJSONHasThem(t *testing.T) {
	for _, text := range inputLists {
		checkInputs(t, text)
	}
}

func FuzzInputs(f *testing.F) {
	for _, text := range inputLists {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkInputs(t, text) })
}
