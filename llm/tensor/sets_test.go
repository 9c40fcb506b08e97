package tensor

import (
	"math"
	"math/rand/v2"
	"testing"
)

// onEachSet runs a test once for each kernel set of this CPU.
func onEachSet(t *testing.T, test func(t *testing.T)) {
	for _, name := range KernelSets() {
		t.Run(name, func(t *testing.T) {
			useSet(t, name)
			test(t)
		})
	}
}

// useSet switches the kernel set until the test ends.
func useSet(t testing.TB, name string) {
	t.Helper()
	before := KernelSet()
	if err := UseKernelSet(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := UseKernelSet(before); err != nil {
			t.Fatal(err)
		}
	})
}

// rowStep is how far a test goes from one number of rows to the next: with -short, which is for the race detector, some
// numbers do. What threads share is the same for all.
func rowStep(short int) int {
	if testing.Short() {
		return short
	}
	return 1
}

// oneThread leaves a long test out with -short: the race detector has nothing to see in it.
func oneThread(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("one thread, and -short")
	}
}

func newPool(t testing.TB, threads int) *Pool {
	p := NewPool(threads)
	t.Cleanup(p.Close)
	return p
}

// random returns n values of a normal distribution.
func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func newRand(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

func clone(x []float32) []float32 { return append([]float32(nil), x...) }

// sameBits compares bit for bit, but takes all NaNs for one.
func sameBits(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			return false
		}
	}
	return true
}

// near reports whether got is within a relative or absolute tolerance of want; NaN and infinities must be the same.
func near(got float32, want, tolerance float64) bool {
	g := float64(got)
	if math.IsNaN(want) || math.IsInf(want, 0) || math.IsNaN(g) || math.IsInf(g, 0) {
		return g == want || math.IsNaN(want) && math.IsNaN(g)
	}
	return math.Abs(g-want) <= tolerance*max(1, math.Abs(want))
}

func TestKernelSetNames(t *testing.T) {
	best := setNames[bestSet()]
	for _, test := range []struct{ asked, want string }{
		{"", best}, {"portable", "portable"}, {"avx512", best}, {"sse9", best},
	} {
		if got := setNames[initialSet(test.asked)]; got != test.want {
			t.Errorf("%s=%q gives %s, want %s", cpuEnv, test.asked, got, test.want)
		}
	}
	if err := UseKernelSet("sse9"); err == nil {
		t.Error("a set that does not exist could be used")
	}
	onEachSet(t, func(t *testing.T) {
		if want := t.Name()[len("TestKernelSetNames/"):]; KernelSet() != want {
			t.Errorf("set in use is %s, want %s", KernelSet(), want)
		}
	})
}
