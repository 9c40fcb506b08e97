package findings

import (
	"testing"

	"github.com/inferprof/inferprof/analyze"
)

// What is printed is evidence, once, and in its unit.
func TestSay(t *testing.T) {
	var f analyze.Finding
	say(&f, "rank %s waits %s (%s of it)", rankNumber("rank", 3), nanoseconds("wait", 1_500), share("of_step", 1, 3))
	say(&f, " in %s, %s launches of %s, %s as long, and again %s", "cudaLaunchKernel", mean("launches", 7, 2), bytesOf("bytes", 2048), factor("times", 1.5), nanoseconds("wait", 1_500))
	want := "rank 3 waits 1.500 µs (33.3 % of it) in cudaLaunchKernel, 3.5 launches of 2.000 KiB, 1.50× as long, and again 1.500 µs"
	if f.Sentence != want {
		t.Errorf("says\n%q, want\n%q", f.Sentence, want)
	}
	if len(f.Evidence) != 6 {
		t.Errorf("%d pieces of evidence: %+v", len(f.Evidence), f.Evidence)
	}
}
