package host

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCPUInfoName(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"x86", "processor\t: 0\nmodel name\t: AMD EPYC   9B45\nmodel name\t: other\n", "AMD EPYC 9B45"},
		{"arm without a name", "processor\t: 0\nCPU implementer\t: 0x41\n", ""},
		{"empty name", "model name\t:\nuarch\t: sifive,u74\n", "sifive,u74"},
		{"no text", "", ""},
	} {
		if got := cpuInfoName(strings.NewReader(c.text)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestThisMachine(t *testing.T) {
	if CPU() == "" {
		t.Error("no CPU name")
	}
	if free, ok := FreeBytes(t.TempDir()); ok && free <= 0 {
		t.Errorf("%d bytes free in a directory that was just made", free)
	}
	if _, ok := FreeBytes("/no such directory"); ok {
		t.Error("a directory that is not there has free space")
	}
	if _, ok := FileSystem("/no such directory"); ok {
		t.Error("a directory that is not there has a file system")
	}
	dir := t.TempDir()
	if a, ok := FileSystem(dir); ok {
		if b, ok := FileSystem(filepath.Dir(dir)); !ok || a != b {
			t.Errorf("file system %d in %d", a, b)
		}
	}
}
