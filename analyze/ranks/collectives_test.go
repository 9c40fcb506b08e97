package ranks

import (
	"testing"

	"github.com/inferprof/inferprof/trace"
	"github.com/inferprof/inferprof/trace/kineto"
)

func TestMessageBytes(t *testing.T) {
	for _, c := range []struct {
		dims, types string
		bytes       int64
		dtype       string
	}{
		{"[[309, 768]]", `["c10::BFloat16"]`, 309 * 768 * 2, "c10::BFloat16"},
		{"[[[8, 768]], [], []]", `["float", "", ""]`, 8 * 768 * 4, "float"},
		{"[[], [4]]", `["Scalar", "long int"]`, 32, "long int"},
		{"[[4]]", `["quint4x2"]`, -1, "quint4x2"},
		{"", "", -1, ""},
		{"[[4", `["float"]`, -1, ""},
	} {
		if n, d := messageBytes(inputsOf(c.dims, c.types)); n != c.bytes || d != c.dtype {
			t.Errorf("messageBytes(%s, %s) = %d, %q; want %d, %q", c.dims, c.types, n, d, c.bytes, c.dtype)
		}
	}
}

// inputsOf decodes lists of shapes and types as files spell them.
func inputsOf(shapes, dtypes string) ([]trace.Shape, []string) {
	t := &trace.Trace{Strings: trace.NewStrings()}
	return t.Inputs.Shapes(kineto.ShapesOf(t, shapes)).Args, t.Inputs.Dtypes(kineto.DtypesOf(t, dtypes)).Names
}
