package pipe

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// To wait in the poller costs a sleeping thread's wake-up, some 10 to 30 µs each way: more than all the rest of an exchange.
// So an end that has lately been answered at once looks again for a moment before it sleeps. One that was not does not: an
// idle connection costs nothing, and one whose answers are slow costs one such moment each time that they become slow.
const (
	spinTime   = 40 * time.Microsecond  // how long to look
	spinWorthy = 100 * time.Microsecond // how short the last wait must have been; it includes a wake-up where there was one

	// Who moves much does better to sleep: then both ends mostly run on one processor, in turns of a whole buffer that is
	// still in its cache.
	spinSmall = 2 << 10

	spinFails = 7 // in a row, after which one more costs no more: 126 waits that nobody looks in
)

var start = time.Now()

// looking is how many ends of this process look at the moment. More than there are processors would only be in the way of
// those that have something to do, and on a single one of the other end.
var looking atomic.Int32

func mayLook() bool {
	cpus := int32(runtime.NumCPU())
	if cpus == 1 || looking.Load() >= cpus {
		return false
	}
	looking.Add(1)
	return true
}

// spinner knows how long the waits of one direction are. Whoever has the direction's turn uses it:
//
//	for s.begin(); s.again(); { if try() { break } }; ...; s.over(n)
type spinner struct {
	hot     bool // the last wait was short
	waiting bool // one is going on
	looks   bool // and is spent looking, which looking counts
	skip    int  // how many waits to sleep through yet, because looking was in vain
	fails   uint // how often it was lately
	began   time.Duration
}

// begin is told that there is nothing yet.
func (s *spinner) begin() {
	if s.waiting {
		return
	}
	s.waiting, s.began = true, time.Since(start)
	if s.skip > 0 {
		s.skip--
		return
	}
	s.looks = s.hot && mayLook()
}

// again reports whether to look again rather than to sleep. It does not let other goroutines run (runtime.Gosched): where
// there is an idle processor that wakes a thread for each time.
func (s *spinner) again() bool {
	if !s.looks {
		return false
	}
	if time.Since(start)-s.began > spinTime {
		s.inVain()
		return false
	}
	unixpipe.Yield() // the kernel likes to put both ends on one processor
	return true
}

// inVain has each further failure cost twice as many waits in which nobody looks: the other end may be a goroutine that waits for
// this processor, or a process that does.
func (s *spinner) inVain() {
	s.rest()
	s.fails = min(s.fails+1, spinFails)
	s.skip = 1<<s.fails - 2
}

func (s *spinner) rest() {
	s.looks = false
	looking.Add(-1)
}

// over is told that n bytes were moved, or none because the wait was given up.
func (s *spinner) over(n int) {
	if s.looks {
		s.rest()
		s.fails /= 2
	}
	if s.waiting {
		s.hot = n <= spinSmall && time.Since(start)-s.began < spinWorthy
		s.waiting = false
	}
}
