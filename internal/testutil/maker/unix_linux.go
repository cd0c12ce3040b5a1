package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func unixSocket(typ int) int {
	fd, err := unix.Socket(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC, 0)
	check(err, "socket")
	return fd
}

func unixSocketpair(typ int) (a, b int) {
	p, err := unix.Socketpair(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC, 0)
	check(err, "socketpair")
	return p[0], p[1]
}

// unixName is a path in TMPDIR for two of four i, else an abstract name.
func unixName(kind string, i int) string {
	name := fmt.Sprintf("sockeye-%s-%d-%d", kind, pid, i)
	if i&2 != 0 {
		return "@" + name
	}
	return filepath.Join(os.TempDir(), name)
}

func bindUnix(fd int, name string) {
	check(unix.Bind(fd, &unix.SockaddrUnix{Name: name}), "bind "+name)
}

func unixStream(m *maker, n int)    { m.unixConnections(n, unix.SOCK_STREAM) }
func unixSeqpacket(m *maker, n int) { m.unixConnections(n, unix.SOCK_SEQPACKET) }

// unixConnections holds n listeners with one accepted connection each.
func (m *maker) unixConnections(n, typ int) {
	for i := range n {
		name := unixName(m.kind, i)
		l := unixSocket(typ)
		bindUnix(l, name)
		check(unix.Listen(l, 16), "listen")
		m.own(l, "LISTEN")
		c := unixSocket(typ)
		check(unix.Connect(c, &unix.SockaddrUnix{Name: name}), "connect")
		m.own(c, "ESTABLISHED")
		m.own(accept(l), "ESTABLISHED")
	}
}

// unixDgram holds bound sockets that nobody knows, and others with a socket connected to them. Those last have no state
// here: connecting to a datagram socket marks it ESTABLISHED too since Linux 5.14.
func unixDgram(m *maker, n int) {
	for i := range n {
		alone := unixSocket(unix.SOCK_DGRAM)
		bindUnix(alone, unixName(m.kind, 2*i))
		m.own(alone, "UNCONN")
		name := unixName(m.kind, 2*i+1)
		l := unixSocket(unix.SOCK_DGRAM)
		bindUnix(l, name)
		c := unixSocket(unix.SOCK_DGRAM)
		check(unix.Connect(c, &unix.SockaddrUnix{Name: name}), "connect")
		m.own(l, "")
		m.own(c, "ESTABLISHED")
	}
}

func unixPair(m *maker, n int) {
	for i := range n {
		typ := []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET}[i%3]
		a, b := unixSocketpair(typ)
		ra, rb := describe(a), describe(b)
		ra.Kind, ra.PID, ra.State, ra.Peer = m.kind, pid, "ESTABLISHED", rb.Inode
		rb.Kind, rb.PID, rb.State, rb.Peer = m.kind, pid, "ESTABLISHED", ra.Inode
		m.emit(ra)
		m.emit(rb)
	}
}

// unixQueue leaves connections in the accept queue of a listener. Their server's side has no file yet, and sock_diag does
// not tell of it (net/unix/diag.c passes over a socket without an inode), so it is nobody's row.
func unixQueue(m *maker, n int) {
	name := unixName(m.kind, 2)
	l := unixSocket(unix.SOCK_STREAM)
	bindUnix(l, name)
	check(unix.Listen(l, n), "listen")
	m.own(l, "LISTEN")
	for range n {
		c := unixSocket(unix.SOCK_STREAM)
		check(unix.Connect(c, &unix.SockaddrUnix{Name: name}), "connect")
		m.own(c, "ESTABLISHED")
	}
}
