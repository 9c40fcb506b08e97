package processes

import (
	"syscall"
	"unsafe"
)

// The kernel's words for a handle of a process (include/uapi/linux/pidfd.h).
const (
	sysPidfdOpen  = 434        // on every architecture
	pidfdGetInfo  = 0xc040ff0b // _IOWR(0xFF, 11, struct pidfd_info), of 64 bytes
	pidfdInfoExit = 1 << 3
)

// pidfdInfo is the kernel's struct pidfd_info.
type pidfdInfo struct {
	mask, cgroup uint64
	ids          [11]uint32 // of the process, its parent, and whose it is
	exitCode     int32      // as wait(2) gives it, if mask has pidfdInfoExit
}

func openHandle(pid int) int {
	fd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return -1
	}
	return int(fd)
}

func (h *Handle) exitStatus() (status int, ok bool) {
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(h.fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	return int(info.exitCode), errno == 0 && info.mask&pidfdInfoExit != 0
}

func closeHandle(fd int) { _ = syscall.Close(fd) }
