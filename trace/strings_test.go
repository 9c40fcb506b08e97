package trace

import (
	"fmt"
	"testing"
)

func TestStrings(t *testing.T) {
	s := NewStrings()
	if s.Len() != 1 || s.At(0) != "" || s.InternString("") != 0 {
		t.Fatal("0 is not the empty string")
	}
	const n = 10_000 // several times the first table
	for round := range 2 {
		for i := range n {
			text := fmt.Sprint("name ", i)
			var id StringID
			if (i+round)&1 == 0 {
				id = s.InternString(text)
			} else {
				id = s.Intern([]byte(text))
			}
			if id != StringID(i+1) || s.At(id) != text {
				t.Fatalf("%q is %d, %q", text, id, s.At(id))
			}
		}
	}
	if s.Len() != n+1 {
		t.Errorf("%d strings, want %d", s.Len(), n+1)
	}
	if id, ok := s.Lookup("name 77"); !ok || id != 78 {
		t.Errorf("lookup gave %d, %v", id, ok)
	}
	if _, ok := s.Lookup("absent"); ok {
		t.Error("found what was never interned")
	}
}

func BenchmarkIntern(b *testing.B) {
	s := NewStrings()
	names := make([][]byte, 3000)
	for i := range names {
		names[i] = fmt.Appendf(nil, "vllm/v1/worker/gpu_model_runner.py(%d): execute_model", i)
	}
	i := 0
	for b.Loop() {
		s.Intern(names[i%len(names)])
		i++
	}
}
