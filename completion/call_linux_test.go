package completion

import (
	"io"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestCall sends head, file and tail as one operation, with the caller's own sendfile and cork, to a peer that reads
// slowly: what a TransmitFile is made of.
func TestCall(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		text := pattern(8 << 20)
		f := r.file(text)
		head, tail := []byte("head"), []byte("tail")
		left, offset := len(text), int64(0)
		op := &Op{Kind: Send, Handle: conn, Buf: head, More: true}
		op.Call = func(fd uintptr, _ unsafe.Pointer) (int, error) {
			for left > 0 {
				n, err := unix.Sendfile(int(fd), int(f.FD()), &offset, left)
				if err != nil {
					return 0, err
				}
				left -= n
			}
			return len(text), nil
		}
		op.How = Out
		total := 0
		op.Next = func(op *Op) bool {
			total += op.N
			switch {
			case op.Err != nil:
				return false
			case op.Kind == Send && op.More:
				op.Kind, op.More = Call, false
			case op.Kind == Call:
				op.Kind, op.Buf = Send, tail
			default:
				return false
			}
			return true
		}
		r.submit(op)
		got := r.reading(peer, len(text)+8)
		r.reap(1)
		if op.Err != nil || total != len(text)+8 {
			r.Errorf("%d bytes, %v", total, op.Err)
		}
		r.same(<-got, append(append(head, text...), tail...))
	})
}

// TestCallCancel cancels a call that waits for its turn.
func TestCallCancel(t *testing.T) {
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		op := &Op{Kind: Call, Handle: conn, Call: func(fd uintptr, _ unsafe.Pointer) (int, error) {
			return unix.Read(int(fd), make([]byte, 1))
		}}
		r.submit(op)
		r.nothing()
		r.must(r.port.Cancel(op))
		r.reap(1)
		if op.Err != ErrCanceled {
			r.Error(op.Err)
		}
		op.Timeout = 20 * time.Millisecond
		r.do(op)
		if op.Err == nil {
			r.Error("no timeout")
		}
	})
}

func TestPoll(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		in := &Op{Kind: Poll, Handle: conn, How: In}
		r.submit(in)
		r.nothing()
		out := r.ok(&Op{Kind: Poll, Handle: conn, How: Out})
		if out != in && out.N&unix.POLLOUT == 0 {
			r.Errorf("ready for %#x", out.N)
		}
		_, err := peer.Write([]byte("x"))
		r.must(err)
		r.reap(1)
		if in.Err != nil || in.N&unix.POLLIN == 0 {
			r.Errorf("%#x, %v", in.N, in.Err)
		}
		both := r.ok(&Op{Kind: Poll, Handle: conn, How: Both})
		if both.N&(unix.POLLIN|unix.POLLOUT) == 0 {
			r.Errorf("ready for %#x", both.N)
		}
	})
}

// TestPipe reads and writes a pipe, which is no socket.
func TestPipe(t *testing.T) {
	conform(t, func(r *rig) {
		var fds [2]int
		r.must(unix.Pipe2(fds[:], unix.O_CLOEXEC))
		from, err := r.port.AttachFD(uintptr(fds[0]))
		r.must(err)
		to, err := r.port.AttachFD(uintptr(fds[1]))
		r.must(err)
		defer from.Close()
		all := pattern(300000)
		write := &Op{Kind: Write, Handle: to, Buf: all}
		read := &Op{Kind: Read, Handle: from, Buf: make([]byte, len(all)), All: true}
		r.do(write, read)
		r.wants(write, len(all), nil)
		r.wants(read, len(all), nil)
		r.same(read.Buf, all)
		r.submit(read)
		r.nothing()
		r.submit(&Op{Kind: Close, Handle: to})
		r.reap(2)
		r.wants(read, 0, io.EOF)
	})
}

// TestAttach uses a connection of package net, which stays usable.
func TestAttach(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		h, err := r.port.Attach(peer)
		r.must(err)
		defer h.Close()
		r.wants(r.ok(&Op{Kind: Send, Handle: h, Buf: []byte("ab")}), 2, nil)
		_, err = peer.Write([]byte("cd"))
		r.must(err)
		op := r.ok(&Op{Kind: Recv, Handle: conn, Buf: make([]byte, 4), All: true})
		r.same(op.Buf, []byte("abcd"))
		r.must(h.Close())
		r.wants(r.ok(&Op{Kind: Send, Handle: conn, Buf: []byte("e")}), 1, nil)
		if _, err := io.ReadFull(peer, make([]byte, 1)); err != nil {
			r.Error(err)
		}
		h, err = r.port.Attach(peer) // a descriptor's number comes back
		r.must(err)
		defer h.Close()
		recv := &Op{Kind: Recv, Handle: h, Buf: make([]byte, 1)}
		r.submit(recv)
		r.nothing()
		r.submit(&Op{Kind: Send, Handle: conn, Buf: []byte("f")})
		r.reap(2)
		r.wants(recv, 1, nil)
	})
}
