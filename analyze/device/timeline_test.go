package device

import "testing"

// TestSumTimes: a sum is of the device that it is of, and of no one device if it is of several.
func TestSumTimes(t *testing.T) {
	one, other := Time{Device: 1, Events: 2, BusyNs: 30}, Time{Device: 3, Events: 5, BusyNs: 4}
	for _, c := range []struct {
		of             []Time
		device, events int
	}{
		{nil, 0, 0}, {[]Time{one}, 1, 2}, {[]Time{one, other}, AllDevices, 7}, {[]Time{one, one}, AllDevices, 4},
		{[]Time{{Device: CPUDevice, Events: 3}}, CPUDevice, 3},
	} {
		if s := SumTimes(c.of); s.Device != c.device || s.Events != c.events {
			t.Errorf("of %d devices: device %d, %d events; want %d, %d", len(c.of), s.Device, s.Events, c.device, c.events)
		}
	}
}
