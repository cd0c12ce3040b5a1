package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Every state below is reached by what the two ends do, without packet filters: the kernel answers for a peer that is
// slow, so what keeps a connection in a passing state is a peer that does not read (its window is closed, so the FIN waits
// behind data), or a queue that is full.

// timeWait leaves the side that closed first in TIME_WAIT, for 60 seconds.
func timeWait(m *maker, n int) {
	l, at := listener(loop4, 0, n+1)
	m.own(l, "LISTEN")
	for range n {
		c, s := pairOn(l, at, 0)
		r := describe(c)
		r.Inode, r.Cookie = 0, 0
		closeFD(c)
		waitEOF(s)
		closeFD(s)
		m.nobody(r, "TIME_WAIT", "time_wait")
	}
}

func waitEOF(fd int) {
	var b [1]byte
	if n, err := unix.Read(fd, b[:]); n != 0 || err != nil {
		check(errors.Join(errors.New("no end of file"), err), "read")
	}
}

// jammed returns a connection whose side b cannot send any more, because a's small receive buffer is full and not read.
func jammed(l int) (a, b int) {
	at := localOf(l)
	a = socket(at, unix.SOCK_STREAM, 0)
	setInt(a, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10)
	check(unix.Connect(a, sockaddr(at)), "connect")
	b = accept(l)
	fill(b)
	return a, b
}

// fill writes until the kernel refused three times in a row, with time between for the peer to acknowledge.
func fill(fd int) {
	check(unix.SetNonblock(fd, true), "nonblock")
	block := make([]byte, 64<<10)
	for i, refused := 0, 0; refused < 3; i++ {
		_, err := unix.Write(fd, block)
		switch {
		case err == unix.EAGAIN:
			refused++
			unix.Nanosleep(&unix.Timespec{Nsec: 20e6}, nil)
		case err != nil || i > 10_000:
			check(errors.Join(errors.New("never full"), err), "write")
		default:
			refused = 0
		}
	}
}

// orphan closes fd and records what stays of it in the kernel.
func (m *maker) orphan(fd int, state string) {
	r := describe(fd)
	r.Inode, r.Cookie = 0, 0
	closeFD(fd)
	m.nobody(r, state, "orphan")
}

// jams calls f for each of n jammed connections to one listener.
func (m *maker) jams(n int, f func(a, b int)) {
	l, _ := listener(loop4, 0, n+1)
	m.own(l, "LISTEN")
	for range n {
		f(jammed(l))
	}
}

// finWait1: closed, but the FIN waits behind data.
func finWait1(m *maker, n int) {
	m.jams(n, func(a, b int) {
		m.orphan(b, "FIN_WAIT1")
		m.own(a, "ESTABLISHED")
	})
}

// closing: as FIN_WAIT1, and then the peer's FIN arrives.
func closing(m *maker, n int) {
	m.jams(n, func(a, b int) {
		r := describe(b)
		r.Inode, r.Cookie = 0, 0
		closeFD(b)
		check(unix.Shutdown(a, unix.SHUT_WR), "shutdown")
		m.nobody(r, "CLOSING", "orphan")
		m.own(a, "FIN_WAIT2")
	})
}

// lastAck: the peer's FIN came first, and ours waits behind data.
func lastAck(m *maker, n int) {
	m.jams(n, func(a, b int) {
		check(unix.Shutdown(a, unix.SHUT_WR), "shutdown")
		m.orphan(b, "LAST_ACK")
		m.own(a, "FIN_WAIT2")
	})
}

// finWait2: closed and acknowledged, the peer has not closed. The kernel keeps only a TIME_WAIT sized rest of it.
func finWait2(m *maker, n int) { m.halfClosed(n, 0) }

// finWait2Long: the same with a longer timeout than TIME_WAIT's, for which the kernel keeps the whole socket.
func finWait2Long(m *maker, n int) { m.halfClosed(n, 120) }

func (m *maker) halfClosed(n, linger2 int) {
	l, at := listener(loop4, 0, n+1)
	m.own(l, "LISTEN")
	for range n {
		c, s := pairOn(l, at, 0)
		if linger2 > 0 {
			setInt(s, unix.IPPROTO_TCP, unix.TCP_LINGER2, linger2)
		}
		m.orphan(s, "FIN_WAIT2")
		m.own(c, "CLOSE_WAIT")
	}
}

// closeWait holds both ends: one shut its sending side down.
func closeWait(m *maker, n int) {
	l, at := listener(loop6, 0, n+1)
	m.own(l, "LISTEN")
	for range n {
		c, s := pairOn(l, at, 0)
		check(unix.Shutdown(c, unix.SHUT_WR), "shutdown")
		m.own(c, "FIN_WAIT2")
		m.own(s, "CLOSE_WAIT")
	}
}

// acceptQueue leaves connections in the accept queue; the last one's client has closed already.
func acceptQueue(m *maker, n int) {
	l, at := listener(loop4, 0, n+1)
	m.own(l, "LISTEN")
	for range n {
		c := m.own(connect(at, unix.SOCK_STREAM, 0), "ESTABLISHED")
		m.nobody(turned(c), "ESTABLISHED", "not_accepted")
	}
	c := connect(at, unix.SOCK_STREAM, 0)
	r := turned(describe(c))
	m.nobody(r, "CLOSE_WAIT", "not_accepted")
	m.orphan(c, "FIN_WAIT2")
}

// synSent connects to a listener whose queue is full, which lets the kernel drop every further SYN.
func synSent(m *maker, n int) {
	l, at := listener(loop4, 0, 0)
	m.own(l, "LISTEN")
	first := m.own(connect(at, unix.SOCK_STREAM, 0), "ESTABLISHED")
	m.nobody(turned(first), "ESTABLISHED", "not_accepted")
	for range n {
		fd := socket(at, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err := unix.Connect(fd, sockaddr(at)); err != unix.EINPROGRESS {
			check(errors.Join(errors.New("not in progress"), err), "connect")
		}
		r := describe(fd) // getpeername answers only once connected
		r.Kind, r.PID, r.State, r.Remote = m.kind, pid, "SYN_SENT", at.String()
		m.emit(r)
	}
}

// synRecv uses TCP_DEFER_ACCEPT: the server's side stays a request until the client sends data.
func synRecv(m *maker, n int) {
	l, at := listener(loop4, 0, n+1)
	setInt(l, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 120)
	m.own(l, "LISTEN")
	for range n {
		c := m.own(connect(at, unix.SOCK_STREAM, 0), "ESTABLISHED")
		m.nobody(turned(c), "SYN_RECV", "not_accepted")
	}
}
