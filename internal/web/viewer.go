package web

import "sync/atomic"

// viewer is one open stream.
type viewer struct {
	group  *group
	queue  chan []byte   // frames; closed when the stream is to end
	behind atomic.Int64  // bytes that were queued, and not taken
	shared *atomic.Int64 // the same, of all who may see the same
	lags   bool          // it is to get everything anew, when it has taken what it has and there is room
	fresh  bool          // it has had nothing yet
}

// queueLength is how many readings and batches of events may wait for a viewer who reads slowly, and maxBehind how many bytes,
// beyond the frames that everything is in. All viewers together have maxSending.
const (
	queueLength = 16
	maxBehind   = 4 << 20
)

func newViewer(g *group, shared *atomic.Int64) *viewer {
	return &viewer{group: g, queue: make(chan []byte, queueLength), shared: shared, fresh: true}
}

// push queues frames, all or none of them. It is called under the hub's lock.
func (v *viewer) push(frames ...[]byte) bool {
	n := int64(0)
	for _, f := range frames {
		n += int64(len(f))
	}
	if cap(v.queue)-len(v.queue) < len(frames) || !v.hasRoom(n) {
		return false
	}
	v.behind.Add(n)
	v.shared.Add(n)
	for _, f := range frames {
		v.queue <- f
	}
	return true
}

// hasRoom also lets pass what is alone, however much it is.
func (v *viewer) hasRoom(n int64) bool {
	behind, shared := v.behind.Load(), v.shared.Load()
	return (behind == 0 || behind+n <= maxBehind) && (shared == 0 || shared+n <= int64(mostSending(v.group.access)))
}

// taken is called with what came from the queue when it was sent.
func (v *viewer) taken(frames []byte) {
	v.behind.Add(-int64(len(frames)))
	v.shared.Add(-int64(len(frames)))
}

// settle is called when nothing more is taken.
func (v *viewer) settle() { v.shared.Add(-v.behind.Swap(0)) }

// mayCatchUp reports whether it is worth making everything anew for a viewer who lags.
func (v *viewer) mayCatchUp() bool { return v.behind.Load() == 0 && v.hasRoom(maxBehind) }
