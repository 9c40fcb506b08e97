package server

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/inferprof/inferprof/internal/processes"
)

// findProcess finds the process of the server at base: nil if it is not on this machine, or can't be seen.
func findProcess(base string) *serverProcess {
	u, err := url.Parse(base)
	if err != nil || !here(u.Hostname()) {
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return nil
	}
	sockets := listening(port)
	if len(sockets) == 0 {
		return nil
	}
	var first *serverProcess
	for _, pid := range processes.Numbers() {
		if !holds(pid, sockets) {
			continue
		}
		p := lookAt(pid)
		if p == nil {
			continue
		}
		if first == nil {
			first = p
		} else if first.settings.Dir == "" && p.settings.Dir != "" { // a process that has inherited the socket may know
			first.settings, first.cwd = p.settings, p.cwd
		}
	}
	return first
}

// lookAt reads what /proc shows of a process; nil if it only passes on what others serve.
func lookAt(pid int) *serverProcess {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	args, environ := readList(filepath.Join(proc, "cmdline")), readList(filepath.Join(proc, "environ"))
	if relay(args) {
		return nil
	}
	p := &serverProcess{pid: pid, settings: settingsOf(args, environ), environ: environ, temps: tempsOf(environ), rights: rightsOf(pid)}
	p.cwd, _ = os.Readlink(filepath.Join(proc, "cwd"))
	ours, errOurs := os.Readlink("/proc/self/ns/mnt")
	theirs, errTheirs := os.Readlink(filepath.Join(proc, "ns/mnt"))
	if errOurs == nil && errTheirs == nil && ours != theirs {
		p.root = filepath.Join(proc, "root")
	}
	return p
}

// here tells whether a host is this machine: localhost, or an address of its own.
func here(host string) bool {
	ip := net.ParseIP(host)
	if host == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	return err == nil && ip != nil && slices.ContainsFunc(addresses, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}

// listening lists the sockets that listen on a port, as the links of descriptors name them.
func listening(port int) []string {
	var sockets []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
			c := strings.Fields(lines.Text())
			const listen = "0A"
			if len(c) > 9 && c[3] == listen && strings.HasSuffix(c[1], fmt.Sprintf(":%04X", port)) {
				sockets = append(sockets, "socket:["+c[9]+"]")
			}
		}
		f.Close()
	}
	return sockets
}

// holds tells whether a process has one of the sockets.
func holds(pid int, sockets []string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if link, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && slices.Contains(sockets, link) {
			return true
		}
	}
	return false
}

// readList reads a file of /proc whose words end in zero bytes.
func readList(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}
