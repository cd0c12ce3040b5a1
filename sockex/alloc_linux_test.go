//go:build !race

package sockex

import (
	"context"
	"io"
	"net"
	"testing"
)

// TestAllocs holds what a small file costs in allocations: those of the two raw connections.
func TestAllocs(t *testing.T) {
	s := &sender{T: t}
	e := s.pair()
	go func() { _, _ = io.Copy(io.Discard, e.peer) }()
	f := s.file(text(4096))
	o := &FileOptions{Head: text(200), Tail: text(100)}
	got := testing.AllocsPerRun(200, func() {
		_, err := TransmitFile(context.Background(), e.conn.(*net.TCPConn), f, o)
		s.must(err)
	})
	if got > 3 {
		s.Errorf("%v allocations", got)
	}
}
