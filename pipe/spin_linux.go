package pipe

import (
	"runtime"
	"time"
)

// To wait in the poller costs a sleeping thread's wake-up, some 10 to 30 µs each way: more than all the rest of an exchange.
// So an end that has lately been answered at once looks again for a moment before it sleeps. One that was not does not: an
// idle connection costs nothing, and one whose answers are slow costs one such moment each time that they become slow.
const (
	spinTime   = 40 * time.Microsecond  // how long to look
	spinWorthy = 100 * time.Microsecond // how short the last wait must have been; it includes a wake-up where there was one

	// Who moves much does better to sleep: then both ends mostly run on one processor, in turns of a whole buffer that is
	// still in its cache.
	spinSmall = 16 << 10
)

var (
	oneCPU = runtime.NumCPU() == 1
	start  = time.Now()
)

// spinner knows how long the waits of one direction are. Whoever has the direction's turn uses it:
//
//	for s.begin(); s.again(); { if try() { break } }; ...; s.over(n)
type spinner struct {
	hot     bool // the last wait was short
	waiting bool // one is going on
	spun    bool // and was spent looking already
	began   time.Duration
}

// begin is told that there is nothing yet.
func (s *spinner) begin() {
	if !s.waiting {
		s.waiting, s.spun, s.began = true, !s.hot || oneCPU, time.Since(start)
	}
}

// again reports whether to look again rather than to sleep.
func (s *spinner) again() bool {
	if s.spun {
		return false
	}
	runtime.Gosched() // the other end may be a goroutine of this thread
	s.spun = time.Since(start)-s.began > spinTime
	return true
}

// over is told that n bytes were moved, or none because the wait was given up.
func (s *spinner) over(n int) {
	if s.waiting {
		s.hot = n <= spinSmall && time.Since(start)-s.began < spinWorthy
		s.waiting = false
	}
}
