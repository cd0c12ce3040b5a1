package sockex

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

// TestPortCancelStorm cancels each operation at any time: it ends, with its result or as cancelled, and nothing stays behind.
func TestPortCancelStorm(t *testing.T) {
	onPorts(t, func(r *portRig) {
		cancelled := func(op *completion.Op) bool {
			r.Helper()
			if op.Err != nil && !errors.Is(op.Err, completion.ErrCanceled) && !onWine() {
				r.Fatal(op.Err)
			}
			return op.Err != nil
		}
		reused := 0
		for i := range 150 {
			after := time.Duration(i%50*2) * time.Microsecond
			client := r.socket()
			accept := NewAcceptEx(r.l, make([]byte, 16), nil)
			connect := NewConnectEx(client, r.to, []byte("x"), &ConnectOptions{FastOpen: i%2 == 1})
			r.start(accept.Op(), connect.Op())
			spin(after)
			r.must(r.port.Cancel(connect.Op()))
			spin(after)
			r.must(r.port.Cancel(accept.Op()))
			r.reap(accept.Op(), connect.Op())
			whole := !cancelled(connect.Op())
			if !cancelled(accept.Op()) {
				server := accept.Accepted().Handle
				r.do(NewDisconnectEx(server, 0).Op()) // where the client has gone it is an error
				if whole {
					end := NewDisconnectEx(client, TF_REUSE_SOCKET)
					r.start(end.Op())
					spin(after)
					r.must(r.port.Cancel(end.Op()))
					r.reap(end.Op())
					if !cancelled(end.Op()) {
						reused++
					}
				}
				r.must(server.Close())
			}
			r.must(client.Close())
			r.drainBacklog()
		}
		r.Logf("%d of 150 were used again", reused)
	})
}

// spin waits for less than a sleep can.
func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// drainBacklog accepts what nobody has accepted.
func (r *portRig) drainBacklog() {
	r.Helper()
	accept := NewAcceptEx(r.l, nil, nil)
	accept.Op().Timeout = time.Millisecond
	for {
		r.do(accept.Op())
		if accept.Op().Err != nil {
			return
		}
		r.must(accept.Accepted().Handle.Close())
	}
}

// TestCancelStorm does the same with contexts, which end at any time.
func TestCancelStorm(t *testing.T) {
	r := newRig(t)
	for i := range 150 {
		ctx, cancel := contextFor(r, time.Duration(i%50*20)*time.Microsecond)
		accepted := make(chan *Accepted, 1)
		go func() {
			a, err := AcceptEx(ctx, r.l, make([]byte, 16), nil)
			if err != nil {
				a = nil
			}
			accepted <- a
		}()
		c, _, err := ConnectEx(ctx, nil, r.to, []byte("x"), nil)
		a := <-accepted
		if a != nil {
			if _, err := DisconnectEx(ctx, a.Conn, 0); err != nil && !errors.Is(err, ErrReset) && !errors.Is(err, ErrNotConnected) {
				t.Error(err)
			}
		}
		if err == nil {
			if s, err := DisconnectEx(ctx, c, TF_REUSE_SOCKET); err == nil {
				r.must(s.Close())
			} else {
				r.must(c.Close())
			}
		}
		if a != nil {
			r.must(a.Conn.Close())
		}
		cancel()
		r.must(r.l.SetDeadline(time.Now().Add(2 * time.Millisecond)))
		for {
			c, err := r.l.Accept()
			if err != nil {
				break
			}
			_ = c.Close()
		}
		r.must(r.l.SetDeadline(time.Time{}))
	}
	c, err := net.Dial("tcp", r.to.String()) // the listener is as before
	r.must(err)
	defer c.Close()
	r.writes(c.(*net.TCPConn), "y")
	r.gets(r.accept(r.ctx, nil), "y")
}
