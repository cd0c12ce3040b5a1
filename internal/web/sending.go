package web

import (
	"context"
	"sync"
)

// sending bounds the answers that are made, and those that clients are slow to take: each is a whole table in memory. Those
// without the token have a share of it for themselves.
type sending struct {
	turns [accesses]chan struct{}

	mu    sync.Mutex
	bytes [accesses]int
}

// Limits of the answers of all clients together.
const (
	maxRendering = 4         // tables that are written at once
	maxSending   = 128 << 20 // bytes that clients have not taken yet, beyond an answer that is alone; of streams as many again
	leastSpare   = 8 << 20   // of these, for another to be made
)

func newSending() *sending {
	return &sending{turns: [accesses]chan struct{}{Public: make(chan struct{}, share(maxRendering)), Full: make(chan struct{}, maxRendering)}}
}

// mostSending is the share of those who may see the same. Strangers have a quarter.
func mostSending(a Access) int {
	if a == Public {
		return maxSending / 4
	}
	return maxSending
}

// spare is how many more bytes may be on their way: where there is hardly any room, nothing needs to be made.
func (s *sending) spare(a Access) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return mostSending(a) - s.bytes[a]
}

// turn waits until a table may be written; the caller gives the turn back.
func (s *sending) turn(ctx context.Context, a Access) (done func(), err error) {
	select {
	case s.turns[a] <- struct{}{}:
		if s.spare(a) < leastSpare {
			<-s.turns[a]
			return nil, errBusy
		}
		return func() { <-s.turns[a] }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// begin reports whether an answer of so many bytes may be sent; end says that it was.
func (s *sending) begin(a Access, bytes int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes[a] > 0 && s.bytes[a]+bytes > mostSending(a) {
		return false
	}
	s.bytes[a] += bytes
	return true
}

func (s *sending) end(a Access, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes[a] -= bytes
}
