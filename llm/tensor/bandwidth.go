package tensor

import (
	"runtime"
	"sync/atomic"
	"time"
)

// MeasureBandwidth is the speed, in bytes per second, at which one core streams memory into registers: the best of some
// rounds over a buffer of the given size, which should be far larger than the caches, read with the widest loads of the
// active kernel set. No decode step can read its weights faster, so it is the roofline of single-threaded decoding.
func MeasureBandwidth(bytes, rounds int) (bytesPerSecond float64) {
	m := NewMatrix(panelRows, max(bytes/4/panelRows, 1)) // memory of the kind that weights are in
	touch(m.data)
	for range max(rounds, 1) {
		start := time.Now()
		runtime.KeepAlive(read(m.data))
		elapsed := time.Since(start)
		bytesPerSecond = max(bytesPerSecond, float64(len(m.data))*4/max(elapsed.Seconds(), 1e-9))
	}
	runtime.KeepAlive(m)
	return bytesPerSecond
}

// touch writes to each page: untouched ones would all be the same page of zeros.
func touch(x []float32) {
	for i := 0; i < len(x); i += 1 << 10 {
		x[i] = 1
	}
}

// Peaks are what a pool's threads can do together: the roofline of everything that runs on it.
type Peaks struct {
	FLOPs float64 // float32 multiply-adds in registers, two operations each, per second
	Bytes float64 // read from memory, per second
}

// MeasurePeaks measures a pool's peaks, in some tenths of a second. Other programs use the machine, too: so work is done in
// rounds that are shorter than what a system gives a thread at once, and the best counts. Arithmetic is multiply-adds of the
// active kernel set's widest vectors; memory is a stream, as in MeasureBandwidth, each round through another part of more
// than caches hold.
func MeasurePeaks(p *Pool) (peaks Peaks) {
	const bytes, rounds, floatsPerRead = 256 << 20, 64, 1 << 16
	threads := p.Threads()
	m := NewMatrix(panelRows, bytes/4/panelRows)
	touch(m.data)
	round := m.data[:0]
	var next atomic.Int64
	sums, flops := make([]float32, threads), make([]float64, threads)
	stream := func(worker int) { // in pieces, so that a thread that is late leaves more to the others
		for {
			at := int(next.Add(1)-1) * floatsPerRead
			if at >= len(round) {
				return
			}
			sums[worker] += read(round[at:min(at+floatsPerRead, len(round))])
		}
	}
	length := 0
	multiply := func(worker int) { flops[worker] = multiplyAdds(length) }
	for i := range rounds {
		size := min(threads<<20, len(m.data)/4) // 4 MiB to a thread
		first := i * size % (len(m.data) - size + 1)
		round = m.data[first : first+size]
		next.Store(0)
		start := time.Now()
		p.Run(stream)
		peaks.Bytes = max(peaks.Bytes, 4*float64(size)/max(time.Since(start).Seconds(), 1e-9))

		length = 1 << (15 + i%4) // from tenths of a millisecond to one
		start = time.Now()
		p.Run(multiply)
		total := 0.0
		for _, f := range flops {
			total += f
		}
		peaks.FLOPs = max(peaks.FLOPs, total/max(time.Since(start).Seconds(), 1e-9))
	}
	runtime.KeepAlive(m)
	return peaks
}
