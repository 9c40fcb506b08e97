package main

import "golang.org/x/sys/windows"

// columnsOf is how wide a terminal is; 0 if it does not say.
func columnsOf(fd uintptr) int {
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(fd), &info) != nil {
		return 0
	}
	return int(info.Window.Right) - int(info.Window.Left) + 1
}
