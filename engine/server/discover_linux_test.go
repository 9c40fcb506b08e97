package server

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/inferprof/inferprof/engine"
)

// A server that this process is itself is found, and what is true of this process is what is said of it.
func TestFindProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := findProcess("http://" + l.Addr().String())
	if p == nil {
		t.Fatal("not found")
	}
	cwd, _ := os.Getwd()
	if p.pid != os.Getpid() || p.cwd != cwd || p.root != "" || !p.rights.known || int(p.rights.uid) != os.Geteuid() || !slices.Contains(p.temps, filepath.Clean(os.TempDir())) {
		t.Errorf("%+v", p)
	}
	dir := t.TempDir()
	if v, why := p.rights.mayCreate("", dir); v != yes {
		t.Errorf("%s: %v %s", dir, v, why)
	}
	l.Close()
	if p := findProcess("http://" + l.Addr().String()); p != nil {
		t.Errorf("nobody listens: %+v", p)
	}
	if p := findProcess("http://192.0.2.1:8000"); p != nil {
		t.Errorf("another machine: %+v", p)
	}
}

func TestParseStatus(t *testing.T) {
	for text, want := range map[string]rights{
		"Name:\tpython\nUid:\t1000\t1000\t1000\t1001\nGid:\t100\t100\t100\t101\nGroups:\t4 24 \nCapEff:\t0000000000000000\n": {known: true, uid: 1001, groups: []uint32{101, 4, 24}},
		"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\nCapEff:\t000001ffffffffff\n":                                         {known: true, groups: []uint32{0}, anyFile: true, anyDir: true},
		"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapEff:\t0000000000000004\n":                                                    {known: true, groups: []uint32{0}, anyDir: true},
		"Uid:\t0\t0\n": {},
		"":             {},
	} {
		if diff := cmp.Diff(want, parseStatus(text), cmp.AllowUnexported(rights{})); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add("Uid:\t1\t2\t3\t4\nGid:\t1\t2\t3\t4\nGroups:\t5\nCapEff:\tff\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r := parseStatus(text); r.known && len(r.groups) == 0 {
			t.Errorf("%q: %+v", text, r)
		}
	})
}

// Permissions bind a user by what is his: owner, group or neither, and also those of the directories above.
func TestRights(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "closed", "dir")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(top, "closed"), 0o700) })
	for at := filepath.Dir(top); at != "/"; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err != nil || info.Mode()&0o1 == 0 {
			t.Skipf("%s lets not everybody pass", at)
		}
	}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	owner, group, other := rights{known: true, uid: uid}, rights{known: true, uid: uid + 1, groups: []uint32{gid}}, rights{known: true, uid: uid + 1, groups: []uint32{gid + 1}}
	capable, foreign := rights{known: true, uid: uid + 1, anyFile: true}, rights{known: true, uid: uid + 1, anyFile: true, foreign: true}
	for _, c := range []struct {
		above, dir os.FileMode
		who        rights
		want       verdict
		why        string
	}{
		{0o755, 0o755, owner, yes, ""},
		{0o755, 0o755, group, no, "may not write to " + dir},
		{0o755, 0o755, other, no, "may not write to " + dir},
		{0o755, 0o755, capable, yes, ""},
		{0o755, 0o755, foreign, unknown, ""},
		{0o755, 0o775, group, yes, ""},
		{0o755, 0o775, other, no, "may not write to " + dir},
		{0o755, 0o777, other, yes, ""},
		{0o755, 0o777, foreign, yes, ""},
		{0o700, 0o777, other, no, "may not enter " + filepath.Dir(dir)},
		{0o700, 0o777, capable, yes, ""},
		{0o755, 0o777, rights{}, unknown, ""},
	} {
		for path, mode := range map[string]os.FileMode{top: 0o755, dir: c.dir, filepath.Dir(dir): c.above} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		got, why := c.who.mayCreate("", dir)
		if got != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%v under %v, %+v: %v %q, want %v", c.dir, c.above, c.who, got, why, c.want)
		}
	}
}

// Temporary files go where Python puts them: to the first directory that is there and may be written to.
func TestTemp(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	p := serverProcess{rights: rights{known: true, uid: uint32(os.Geteuid()), anyFile: true}, temps: []string{filepath.Join(a, "none"), a, b}}
	if got := p.temp(); got.at != a || got.writable != yes || got.free <= 0 {
		t.Errorf("%+v, want %s", got, a)
	}
	p.rights = rights{known: true, uid: uint32(os.Geteuid()) + 1}
	if got := p.temp(); got.writable != no || got.dir != p.temps[0] {
		t.Errorf("where it may write nowhere: %+v", got)
	}
}

// A server that was told another directory than the one that is looked into is known by that, unless the two are one.
func TestWritesElsewhere(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	link := filepath.Join(other, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dialect, looked string
		told            settings
		want            bool
	}{
		{"vllm-body", dir, settings{Dir: dir}, false},
		{"vllm-body", link, settings{Dir: dir}, false},
		{"vllm-body", other, settings{Dir: dir}, true},
		{"vllm-body", other, settings{}, false},
		{"vllm-body", filepath.Join(other, "none"), settings{Dir: dir}, false}, // it may come, and be the same
		{"sglang", other, settings{Dir: dir}, false},                           // which is told anew
	} {
		p := &endpoint{dialect: dialectNamed(c.dialect), place: local{engine.Directory(c.looked), c.looked}, process: &serverProcess{settings: c.told}}
		if got, ok := p.writesElsewhere(); ok != c.want || ok && got != dir {
			t.Errorf("%+v: %s, %t", c, got, ok)
		}
	}
}
