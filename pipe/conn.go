package pipe

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is one end of a connected pipe. It is a net.Conn.
type Conn struct {
	end // the system's

	name       string
	typ        Mode
	readMode   atomic.Uint32
	direction  Direction // what of the pipe this end has, seen from the server
	server     bool
	emptyIsEOF bool
	maxMessage int
}

var _ net.Conn = (*Conn)(nil)

// Read reads what the other end wrote. In message mode it is one message: if it is longer than b, Read fills b and returns
// [ErrMoreData], and the next Read goes on with it. An empty message is 0 bytes and no error. In byte mode it is some
// of what is there, at most len(b) bytes; of a pipe of message type never of two messages at once. io.EOF is the end: the other end has closed, or closed for writing.
func (c *Conn) Read(b []byte) (int, error) {
	if c.direction != Duplex && c.server == (c.direction == Outbound) {
		return 0, wrap("read", c.name, ErrAccessDenied)
	}
	n, err := c.read(b)
	return n, wrap("read", c.name, err)
}

// Write writes b: in a pipe of message type as one message, in whole or not at all.
func (c *Conn) Write(b []byte) (int, error) {
	if err := c.writable(b); err != nil {
		return 0, wrap("write", c.name, err)
	}
	n, err := c.write(b)
	return n, wrap("write", c.name, err)
}

func (c *Conn) writable(b []byte) error {
	switch {
	case c.direction != Duplex && c.server == (c.direction == Inbound):
		return ErrAccessDenied
	case c.typ == Message && len(b) > c.maxMessage:
		return ErrMessageTooLong
	}
	return nil
}

// ReadMessage reads one whole message, in b's memory if its capacity is enough, in any read mode; what Read has left of a
// message is one. On a pipe of byte type it returns [ErrBadMode]. A deadline that expires in the middle loses nothing: the
// next read goes on.
func (c *Conn) ReadMessage(b []byte) ([]byte, error) {
	switch {
	case c.typ != Message:
		return b[:0], wrap("read message", c.name, ErrBadMode)
	case c.direction != Duplex && c.server == (c.direction == Outbound):
		return b[:0], wrap("read message", c.name, ErrAccessDenied)
	}
	m, err := c.end.readMessage(c, b[:0])
	return m, wrap("read message", c.name, err)
}

// WriteMessage writes one message, which may be empty. On a pipe of byte type it returns [ErrBadMode].
func (c *Conn) WriteMessage(b []byte) error {
	if c.typ != Message {
		return wrap("write message", c.name, ErrBadMode)
	}
	_, err := c.Write(b)
	return err
}

// Transact writes a message and reads the one that comes back, into reply: [ErrMoreData] says that there is more of it, for
// Read (TransactNamedPipe). The end must be in message mode, else [ErrBadMode]. Where something can be read before, it is
// [ErrBusy] and nothing is written. No other reader comes between.
func (c *Conn) Transact(request, reply []byte) (int, error) {
	err := c.writable(request)
	if err == nil && c.direction != Duplex {
		err = ErrAccessDenied
	}
	if c.ReadMode() != Message {
		err = ErrBadMode
	}
	if err != nil {
		return 0, wrap("transact", c.name, err)
	}
	n, err := c.transact(request, reply)
	return n, wrap("transact", c.name, err)
}

// Peeked is what [Conn.Peek] found.
type Peeked struct {
	N         int // bytes copied to the buffer, which stay in the pipe
	Available int // bytes in the pipe, of all messages
	Message   int // bytes of the next message, of which N were copied; on a pipe of byte type 0
}

// Peek looks at what can be read, without taking it and without waiting (PeekNamedPipe). It copies from the next message
// only; on Windows, in byte mode, from those behind it too. Where nothing can be read and nothing will come, it returns
// [ErrBrokenPipe].
func (c *Conn) Peek(b []byte) (Peeked, error) {
	if c.direction != Duplex && c.server == (c.direction == Outbound) {
		return Peeked{}, wrap("peek", c.name, ErrAccessDenied)
	}
	p, err := c.peek(b)
	return p, wrap("peek", c.name, err)
}

// Flush waits until the other end has read everything that was written (FlushFileBuffers), has gone, or ctx is done.
func (c *Conn) Flush(ctx context.Context) error { return wrap("flush", c.name, c.flush(ctx)) }

// Disconnect is for the server: it ends the connection, and throws away what the client has not read yet, which then gets
// [ErrNotConnected] (DisconnectNamedPipe). Call Flush first where the client is to have it. The Conn is closed after it.
func (c *Conn) Disconnect() error {
	if !c.server {
		return wrap("disconnect", c.name, ErrAccessDenied)
	}
	return wrap("disconnect", c.name, c.disconnect())
}

// Close closes this end. The other one reads what was written before, and then io.EOF. Closing again returns [ErrClosed].
func (c *Conn) Close() error { return wrap("close", c.name, c.close()) }

// CloseWrite says that no more will be written: the other end reads io.EOF after what was written, and can go on writing.
// Windows' pipes cannot do it, but see [Config].EmptyIsEOF.
func (c *Conn) CloseWrite() error { return wrap("close write", c.name, c.closeWrite()) }

// LocalAddr and RemoteAddr return the pipe's name, an [Addr].
func (c *Conn) LocalAddr() net.Addr { return Addr(c.name) }

// RemoteAddr returns the pipe's name, an [Addr].
func (c *Conn) RemoteAddr() net.Addr { return Addr(c.name) }

// SetDeadline sets both deadlines. A deadline in the past ends calls that wait; the zero time removes it.
func (c *Conn) SetDeadline(t time.Time) error {
	return wrap("set deadline", c.name, c.end.setDeadline(t, true, true))
}

// SetReadDeadline bounds reading.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return wrap("set deadline", c.name, c.end.setDeadline(t, true, false))
}

// SetWriteDeadline bounds writing.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return wrap("set deadline", c.name, c.end.setDeadline(t, false, true))
}

// Type returns the type of the pipe.
func (c *Conn) Type() Mode { return c.typ }

// ReadMode returns how Read reads.
func (c *Conn) ReadMode() Mode { return Mode(c.readMode.Load()) }

// SetReadMode changes how Read reads from now on (SetNamedPipeHandleState). Message mode needs a pipe of message type, else
// it is [ErrBadMode].
func (c *Conn) SetReadMode(m Mode) error {
	if m > c.typ {
		return wrap("set read mode", c.name, ErrBadMode)
	}
	if err := c.end.setReadMode(m); err != nil {
		return wrap("set read mode", c.name, err)
	}
	c.readMode.Store(uint32(m))
	return nil
}

// IsServer tells whether this is the server's end.
func (c *Conn) IsServer() bool { return c.server }

// Direction returns which directions this end has, seen from the server.
func (c *Conn) Direction() Direction { return c.direction }

// Identity is who is at the other end.
type Identity struct {
	PID  int    // its process; 0 where it cannot be known, as in another pid namespace
	User string // the user's number, or SID
	// UID, GID and Groups are on Linux only; GID is the effective group, Groups all the others.
	UID, GID uint32
	Groups   []uint32
}

// Peer returns who is at the other end: who they were when they connected, or, for the client, when the server began to
// listen. A process id can belong to another process by now; see [Conn.PeerProcess].
func (c *Conn) Peer() (Identity, error) {
	id, err := c.end.peer(c)
	return id, wrap("peer", c.name, err)
}

// PeerProcess returns a handle of the process at the other end that stays that process's, whoever gets its id: a pidfd
// (pidfd_open(2)), which the caller closes. Linux 6.5 and later only.
func (c *Conn) PeerProcess() (*os.File, error) {
	f, err := c.end.peerProcess()
	return f, wrap("peer process", c.name, err)
}

// Impersonate calls f in a thread that has the client's identity (ImpersonateNamedPipeClient), and returns when it has its
// own again. Only f's own goroutine has it: not those that it starts. It is for the server, which needs the privilege for
// it: on Linux CAP_SETUID and CAP_SETGID, on Windows SeImpersonatePrivilege and a client that allows it (see
// [DialConfig].Level), and, there, that something was read from the client before.
func (c *Conn) Impersonate(f func() error) error {
	if !c.server {
		return wrap("impersonate", c.name, ErrAccessDenied)
	}
	return onThread(func(t *thread) error { return c.end.impersonate(c, t, f) })
}

// Info is what the system knows about a pipe (GetNamedPipeInfo, GetNamedPipeHandleState).
type Info struct {
	Type                Mode
	ReadMode            Mode
	Server              bool
	InBuffer, OutBuffer int // in bytes
	MaxInstances        int // 0 is unlimited, or not known: the client's end on Linux does not
	Instances           int // of all servers; on Linux 0
}

// Info asks the system.
func (c *Conn) Info() (Info, error) {
	i := Info{Type: c.typ, ReadMode: c.ReadMode(), Server: c.server}
	err := c.end.info(&i)
	return i, wrap("info", c.name, err)
}

// SyscallConn returns the descriptor or handle, for splice(2) and the like. It is the caller's to know what this end does
// with it meanwhile: on a pipe of message type not everything is a message.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	r, err := c.end.rawConn()
	return r, wrap("raw", c.name, err)
}
