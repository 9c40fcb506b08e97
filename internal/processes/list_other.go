//go:build !linux

package processes

import "time"

func numbers() []int { return nil }

func list() []Process { return nil }

func look(int) (p Process, ok bool) { return p, false }

func hasOpen(string) bool { return false }

func openHandle(int) int { return -1 }

func closeHandle(int) {}

func (h *Handle) exitStatus() (status int, ok bool) { return 0, false }

func startedAt(string) time.Time { return time.Time{} }
