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
)

// Where a server on this machine writes its traces is in its command line or environment, which Linux shows to the same
// user (and to root): the socket that listens on the address leads to the process. In a container of its own, its files are
// seen through /proc/PID/root.

// discoverDir finds the trace directory of the server at base, "" if it can't be told.
func discoverDir(base string) string {
	u, err := url.Parse(base)
	if err != nil || !loopback(u.Hostname()) {
		return ""
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return ""
	}
	sockets := listening(port)
	if len(sockets) == 0 {
		return ""
	}
	for _, pid := range processes() {
		if !holds(pid, sockets) {
			continue
		}
		proc := filepath.Join("/proc", strconv.Itoa(pid))
		dir := dirOf(readList(filepath.Join(proc, "cmdline")), readList(filepath.Join(proc, "environ")))
		if dir == "" {
			continue // another process that has inherited the socket may know
		}
		if !filepath.IsAbs(dir) {
			cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
			if err != nil {
				return ""
			}
			dir = filepath.Join(cwd, dir)
		}
		ours, errOurs := os.Readlink("/proc/self/ns/mnt")
		theirs, errTheirs := os.Readlink(filepath.Join(proc, "ns/mnt"))
		if errOurs == nil && errTheirs == nil && ours != theirs {
			dir = filepath.Join(proc, "root", dir)
		}
		return dir
	}
	return ""
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
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

// processes lists the processes, the oldest numbers first.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
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
