package pipe_test

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/sockeye-net/sockeye/pipe"
)

// whole is a pipe in message mode for those who only know streams: what is left of a message is no error.
type whole struct{ *pipe.Conn }

func (w whole) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if errors.Is(err, pipe.ErrMoreData) {
		err = nil
	}
	return n, err
}

func TestConn(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				server, client := s.pair(t)
				return whole{server}, whole{client}, func() { server.Close(); client.Close() }, nil
			})
		})
	}
}
