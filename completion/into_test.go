package completion

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestAcceptInto accepts into a socket that is there: its handle becomes the connection.
func TestAcceptInto(t *testing.T) {
	conform(t, func(r *rig) {
		l, a := r.listen()
		for range 3 { // a descriptor's number and its place on the port come back
			into, err := r.port.Socket("tcp4")
			r.must(err)
			op := &Op{Kind: Accept, Handle: l, Buf: make([]byte, 8), Into: into}
			r.submit(op)
			r.nothing()
			fd := into.FD()
			peer, err := net.Dial("tcp4", a.String())
			r.must(err)
			_, err = peer.Write([]byte("first"))
			r.must(err)
			r.reap(1)
			r.wants(op, 5, nil)
			if op.Conn != into || into.FD() != fd || op.Addr.String() != peer.LocalAddr().String() {
				r.Errorf("%p of %v, descriptor %d; want %p, %v, %d", op.Conn, op.Addr, into.FD(), into, peer.LocalAddr(), fd)
			}
			recv := &Op{Kind: Recv, Handle: into, Buf: make([]byte, 8)}
			r.submit(recv)
			r.nothing()
			_, err = peer.Write([]byte("second"))
			r.must(err)
			r.reap(1)
			r.wants(recv, 6, nil)
			r.must(peer.Close())
			r.do(recv)
			r.wants(recv, 0, io.EOF)
			r.ok(&Op{Kind: Close, Handle: into})
		}
	})
}

// TestAcceptIntoFails: one to which no connection came stays, one that was silent is closed.
func TestAcceptIntoFails(t *testing.T) {
	conform(t, func(r *rig) {
		l, a := r.listen()
		into, err := r.port.Socket("tcp4")
		r.must(err)
		op := &Op{Kind: Accept, Handle: l, Buf: make([]byte, 8), Into: into, Timeout: 20 * time.Millisecond}
		r.do(op)
		r.wants(op, 0, os.ErrDeadlineExceeded)
		op.Timeout = 0
		r.submit(op)
		r.must(r.port.Cancel(op))
		r.reap(1)
		r.wants(op, 0, ErrCanceled)

		peer, err := net.Dial("tcp4", a.String())
		r.must(err)
		defer peer.Close()
		op.FirstBlock = 20 * time.Millisecond
		r.do(op)
		r.wants(op, 0, os.ErrDeadlineExceeded)
		if err := into.Close(); err == nil {
			r.Error("the socket of a silent client is open")
		}
	})
}

// TestAcceptIntoBusy: a socket that is used otherwise is refused, and the client's connection ended.
func TestAcceptIntoBusy(t *testing.T) {
	conform(t, func(r *rig) {
		l, a := r.listen()
		conn, _ := r.pair()
		recv := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 8)}
		r.submit(recv)
		r.nothing()
		peer, err := net.Dial("tcp4", a.String())
		r.must(err)
		defer peer.Close()
		op := &Op{Kind: Accept, Handle: l, Into: conn}
		r.do(op)
		if op.Err == nil {
			r.Fatal("accepted into a socket that is receiving")
		}
		if runtime.GOOS == "linux" {
			r.wants(op, 0, syscall.EBUSY)
		}
		r.must(r.port.Cancel(recv))
		r.reap(1)
		r.wants(recv, 0, ErrCanceled)
	})
}
