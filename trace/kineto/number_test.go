package kineto

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// exactNanos is parseMicros by arbitrary precision.
func exactNanos(text string) (int64, bool) {
	if !number([]byte(text)) || len(text) > 300 {
		return 0, false
	}
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		if v, err := strconv.Atoi(text[e+1:]); err != nil || v < -300 || v > 300 {
			return 0, false
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	r.Mul(r, big.NewRat(1000, 1))
	q, rem := new(big.Int).DivMod(r.Num(), r.Denom(), new(big.Int)) // floor
	if c := rem.Lsh(rem, 1).Cmp(r.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q.Int64(), q.IsInt64() && q.Int64() != math.MinInt64
}

func TestParseMicros(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0.0": 0, "1": 1000, "1.5": 1500, "4565046131617.245": 4565046131617245, "1712195495519689.047": 1712195495519689047,
		"-2.001": -2001, "0.0005": 0, "0.0015": 2, "0.0025": 2, "0.00251": 3, "0.9995": 1000, "1e3": 1000000, "1.5e-3": 2, "2.5E-3": 2,
		"1.7121954955196892e15": 1712195495519689200, "0e5": 0, "-0.0005": 0,
	} {
		if got, ok := parseMicros([]byte(text)); !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, ok, want)
		}
		if exact, ok := exactNanos(text); !ok || exact != want {
			t.Errorf("the oracle says %d for %s, want %d", exact, text, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "inf", "NaN", "N/A", "1e", "1e400", "9223372036854775.808", "99999999999999999999", "1 ", "0x1", "1_0", "+1", "1..2", "1e3e3"} {
		if got, ok := parseMicros([]byte(text)); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// FuzzNumbers holds every way of reading a number against slow and exact ones.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0", "-1", "12.345", "1712195495519689.047", "1e3", "0.0005", "-0", "007", "999999999999999999", "9223372036854775807", "1234567.89"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := []byte(text)
		want, ok := exactNanos(text)
		if got, fine := parseMicros(b); ok && !fine && len(b) < 30 || fine && ok && got != want {
			t.Fatalf("parseMicros(%q) is %d, %v; want %d, %v", text, got, fine, want, ok)
		}
		v, err := strconv.ParseInt(text, 10, 64)
		plain := err == nil && strconv.FormatInt(v, 10) == text
		if got, fine := parseInt(b); plain && (!fine || got != v) {
			t.Fatalf("parseInt(%q) is %d, %v", text, got, fine)
		}
		padded := append(bytes.Clone(b), padBytes[:]...)
		if got, end := scanInt(padded, 0); end == len(b) && (!plain || got != v) {
			t.Fatalf("scanInt(%q) is %d", text, got)
		} else if plain && end != len(b) && math.Abs(float64(v)) < 1e17 {
			t.Fatalf("scanInt(%q) ends at %d", text, end)
		}
		if got, end := scanMicros(padded, 0); end == len(b) && (!ok || got != want || string(appendMicros(nil, got)) != text) {
			t.Fatalf("scanMicros(%q) is %d, want %d", text, got, want)
		}
		if got, _, end := scanShort(padded, 0); end == len(b) && (!ok || got != want) {
			t.Fatalf("scanShort(%q) is %d, want %d", text, got, want)
		}
		looseInt(b)
		looseUint(b)
		looseFloat(b)
		looseTriple(b)
	})
}

func TestScanMicrosRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 100_000 {
		want := r.Int64N(1 << r.IntN(60))
		text := fmt.Appendf(nil, "%d.%03d", want/1000, want%1000)
		got, end := scanMicros(append(bytes.Clone(text), padBytes[:]...), 0)
		if len(text) > 19 {
			continue // more than 15 digits before the point go the long way
		}
		if got != want || end != len(text) {
			t.Fatalf("%s is %d, ends at %d", text, got, end)
		}
	}
}
