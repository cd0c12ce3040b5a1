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
	maxSending   = 128 << 20 // bytes that clients have not taken yet, beyond an answer that is alone
)

func newSending() *sending {
	return &sending{turns: [accesses]chan struct{}{Public: make(chan struct{}, share(maxRendering)), Full: make(chan struct{}, maxRendering)}}
}

// turn waits until a table may be written; the caller gives the turn back.
func (s *sending) turn(ctx context.Context, a Access) (done func(), err error) {
	select {
	case s.turns[a] <- struct{}{}:
		return func() { <-s.turns[a] }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}

// begin reports whether an answer of so many bytes may be sent; end says that it was.
func (s *sending) begin(a Access, bytes int) bool {
	most := maxSending
	if a == Public {
		most = share(most)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes[a] > 0 && s.bytes[a]+bytes > most {
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
