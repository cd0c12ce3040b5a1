package pipe

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
	"github.com/sockeye-net/sockeye/internal/ntpipe"
)

// end is an overlapped handle. That of a pipe of message type is always in message mode for the system, which so tells an
// empty message from nothing and where a message ends; byte mode is ours.
type end struct {
	file *iocp.File
	from *Listener // whose instance it is; nil for the client
	c    *Conn
	in   inlet
	out  outlet
}

type inlet struct {
	mu       sync.Mutex
	op       *iocp.Op
	deadline iocp.Deadline
	rest     []byte // of the message that is being read: taken from the system when a deadline expired
	left     bool   // there is more of it in the pipe
	gone     error  // it has ended: by an empty message (see Config.EmptyIsEOF), or by one that was too long
}

type outlet struct {
	mu       sync.Mutex
	op       *iocp.Op
	deadline iocp.Deadline
	ended    bool // by CloseWrite
}

// newConn makes the Conn of a connected handle, which is on the port.
func newConn(f *iocp.File, name string, typ, mode Mode, d Direction, server bool) *Conn {
	c := &Conn{name: name, typ: typ, server: server, direction: d}
	c.readMode.Store(uint32(mode))
	c.file, c.c = f, c
	c.in.op, c.out.op = iocp.NewOp(), iocp.NewOp()
	return c
}

// maxCall is how many bytes one call moves: lengths are 32 bits wide.
const maxCall = 1 << 30

func (i *inlet) receive(f *iocp.File, b []byte) (int, error) {
	b = b[:min(len(b), maxCall)]
	i.op.Hold(b, nil)
	return f.Do(i.op, &i.deadline, func(h windows.Handle, ov *windows.Overlapped, n *uint32) error {
		return readFile(h, b, n, ov)
	})
}

// readFile is windows.ReadFile for buffers that may be empty, and without the race detector's part.
func readFile(h windows.Handle, b []byte, n *uint32, ov *windows.Overlapped) error {
	if len(b) == 0 {
		var none [1]byte
		b = none[:0]
	}
	return windows.ReadFile(h, b, n, ov)
}

func (e *end) read(b []byte) (int, error) {
	i := &e.in
	i.mu.Lock()
	defer i.mu.Unlock()
	if e.c.typ == Byte && len(b) == 0 {
		return 0, nil
	}
	return e.readLocked(b)
}

func (e *end) readLocked(b []byte) (n int, err error) {
	i := &e.in
	if i.gone != nil {
		return 0, i.gone
	}
	if len(i.rest) > 0 {
		n = copy(b, i.rest)
		i.rest = i.rest[n:]
		return n, e.finished(n, len(b), i.left || len(i.rest) > 0)
	}
	n, err = i.receive(e.file, b)
	switch {
	case err == windows.ERROR_MORE_DATA:
		i.left = true
	case err != nil:
		return n, reading(err)
	default:
		i.left = false
	}
	return n, e.finished(n, len(b), i.left)
}

// finished says what a read of n bytes into a buffer of size bytes returns.
func (e *end) finished(n, size int, more bool) error {
	switch {
	case more && e.c.ReadMode() == Message:
		return ErrMoreData
	case n == 0 && size > 0 && e.c.emptyIsEOF && e.c.typ == Message:
		e.in.gone = io.EOF
		return io.EOF
	}
	return nil
}

// firstRead is how much ReadMessage reads before it asks how long the message is.
const firstRead = 4096

func (e *end) readMessage(c *Conn, b []byte) ([]byte, error) {
	i := &e.in
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone != nil {
		return b[:0], i.gone
	}
	if cap(b) < firstRead {
		b = make([]byte, 0, firstRead)
	}
	b = append(b[:0], i.rest...)
	if len(b) > 0 && !i.left {
		i.rest = nil
		return b, nil
	}
	return e.readWhole(c, b)
}

// readWhole reads to the end of a message of which b has been read. What is read when a deadline expires is kept.
func (e *end) readWhole(c *Conn, b []byte) ([]byte, error) {
	i := &e.in
	for {
		n, err := i.receive(e.file, b[len(b):cap(b)])
		b = b[:len(b)+n]
		i.left = err == windows.ERROR_MORE_DATA || i.left && err != nil
		switch {
		case len(b) > c.maxMessage:
			i.gone = ErrMessageTooLong
			return b[:0], i.gone
		case err == nil:
			i.rest = nil
			return b, e.finished(len(b), 1, false)
		case err != windows.ERROR_MORE_DATA:
			if err == iocp.ErrTimeout {
				i.rest = append([]byte(nil), b...)
			}
			return b[:0], reading(err)
		}
		if b, err = e.grow(c, b); err != nil {
			return b[:0], told(err)
		}
	}
}

// grow makes room for what is left of the message. The system tells what of it is in the pipe, which may not be all.
func (e *end) grow(c *Conn, b []byte) ([]byte, error) {
	left := uint32(0)
	err := e.file.With(func(h windows.Handle) (err error) {
		_, _, left, err = ntpipe.Peek(h, nil)
		return err
	})
	if err != nil {
		return b, err
	}
	if uint64(len(b))+uint64(left) > uint64(c.maxMessage) {
		e.in.gone = ErrMessageTooLong // its rest is no message
		return b, ErrMessageTooLong
	}
	if need := len(b) + max(int(left), 1); need > cap(b) {
		b = append(make([]byte, 0, max(need, firstRead)), b...)
	}
	return b, nil
}

func (e *end) write(b []byte) (n int, err error) {
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return 0, ErrNoData
	}
	return e.writeLocked(b)
}

func (e *end) writeLocked(b []byte) (n int, err error) {
	if e.c.typ == Message {
		return e.send(b)
	}
	for n < len(b) {
		m, err := e.send(b[n:min(len(b), n+maxCall)])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (e *end) send(b []byte) (int, error) {
	o := &e.out
	o.op.Hold(b, nil)
	n, err := e.file.Do(o.op, &o.deadline, func(h windows.Handle, ov *windows.Overlapped, n *uint32) error {
		if len(b) == 0 {
			var none [1]byte
			return windows.WriteFile(h, none[:0], n, ov)
		}
		return windows.WriteFile(h, b, n, ov)
	})
	return n, told(err)
}

func (e *end) closeWrite() error {
	o := &e.out
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case e.file.With(func(windows.Handle) error { return nil }) != nil:
		return ErrClosed
	case e.c.typ != Message || !e.c.emptyIsEOF:
		return ErrUnsupported
	case o.ended:
		return nil
	}
	_, err := e.send(nil)
	o.ended = err == nil
	return err
}

func (e *end) transact(request, reply []byte) (int, error) {
	i := &e.in
	if !i.mu.TryLock() {
		return 0, ErrBusy
	}
	defer i.mu.Unlock()
	if len(i.rest) > 0 {
		return 0, ErrBusy
	}
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	i.op.Hold(request, reply)
	n, err := e.file.Do(i.op, &i.deadline, func(h windows.Handle, ov *windows.Overlapped, n *uint32) error {
		return ntpipe.Transact(h, request, reply, n, ov)
	})
	if i.left = err == windows.ERROR_MORE_DATA; i.left {
		return n, ErrMoreData
	}
	return n, reading(err)
}

func (e *end) peek(b []byte) (p Peeked, err error) {
	locked := e.in.mu.TryLock()
	if locked {
		defer e.in.mu.Unlock()
		p.N = copy(b, e.in.rest)
	}
	var n, avail, left uint32
	err = e.file.With(func(h windows.Handle) (err error) {
		n, avail, left, err = ntpipe.Peek(h, b[p.N:])
		return err
	})
	if err != nil {
		return Peeked{}, told(err)
	}
	if locked {
		avail += uint32(len(e.in.rest))
		left += uint32(len(e.in.rest) - p.N)
	}
	p.N += int(n)
	p.Available = int(avail)
	if e.c.typ == Message {
		p.Message = p.N + int(left)
	}
	return p, nil
}

func (e *end) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return told(cancellable(ctx, e.file.Closing(), func() error { return e.file.With(windows.FlushFileBuffers) }))
}

// cancellable makes a call that waits in a thread of its own, until ctx is done or closing is closed.
func cancellable(ctx context.Context, closing <-chan struct{}, call func() error) error {
	thread := make(chan windows.Handle, 1)
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		result <- ntpipe.Cancellable(call, func(t windows.Handle) { thread <- t })
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return cancel(thread, result, ctx.Err())
	case <-closing:
		return cancel(thread, result, ErrClosed)
	}
}

// cancel ends a call that waits, or is about to.
func cancel(thread chan windows.Handle, result chan error, why error) error {
	var t windows.Handle
	for {
		select {
		case t = <-thread:
		case err := <-result:
			if err == windows.ERROR_OPERATION_ABORTED {
				return why
			}
			return err
		case <-time.After(time.Millisecond):
		}
		if t != 0 {
			ntpipe.Cancel(t)
		}
	}
}

func (e *end) disconnect() error {
	err := e.file.With(windows.DisconnectNamedPipe)
	if err != nil {
		return told(err)
	}
	return e.close()
}

func (e *end) close() error {
	err := e.file.Close()
	if e.from != nil && err != iocp.ErrClosed {
		e.from.released()
	}
	return told(err)
}

func (e *end) setDeadline(t time.Time, read, write bool) error {
	return told(e.file.With(func(windows.Handle) error {
		if read {
			e.in.deadline.Set(t)
		}
		if write {
			e.out.deadline.Set(t)
		}
		return nil
	}))
}

func (e *end) setReadMode(Mode) error { return nil }

func (e *end) info(i *Info) error {
	return told(e.file.With(func(h windows.Handle) error {
		var out, in, most, now uint32
		if err := windows.GetNamedPipeInfo(h, nil, &out, &in, &most); err != nil {
			return err
		}
		i.OutBuffer, i.InBuffer = int(out), int(in)
		if most != windows.PIPE_UNLIMITED_INSTANCES {
			i.MaxInstances = int(most)
		}
		if windows.GetNamedPipeHandleState(h, nil, &now, nil, nil, nil, 0) == nil {
			i.Instances = int(now)
		}
		return nil
	}))
}

func (e *end) peerProcess() (*os.File, error) { return nil, ErrUnsupported }

func (e *end) rawConn() (syscall.RawConn, error) { return rawConn{e}, nil }

// rawConn is the handle for those who make calls that do not wait.
type rawConn struct{ e *end }

func (r rawConn) Control(f func(fd uintptr)) error {
	return told(r.e.file.With(func(h windows.Handle) error { f(uintptr(h)); return nil }))
}
func (rawConn) Read(func(uintptr) bool) error  { return ErrUnsupported }
func (rawConn) Write(func(uintptr) bool) error { return ErrUnsupported }

// impersonate runs f as the client. A thread that cannot go back is spoilt, and ends.
func (e *end) impersonate(c *Conn, t *thread, f func() error) error {
	if err := e.file.With(ntpipe.Impersonate); err != nil {
		return wrap("impersonate", c.name, told(err))
	}
	defer func() { t.spoilt = windows.RevertToSelf() != nil }()
	return f()
}

// peer asks the client's token, which it may have allowed the server to see, and else its process.
func (e *end) peer(c *Conn) (id Identity, err error) {
	var pid uint32
	err = e.file.With(func(h windows.Handle) error {
		if c.server {
			return windows.GetNamedPipeClientProcessId(h, &pid)
		}
		return windows.GetNamedPipeServerProcessId(h, &pid)
	})
	if err != nil {
		return id, told(err)
	}
	id.PID = int(pid)
	if c.server {
		err = onThread(func(t *thread) error {
			return e.impersonate(c, t, func() (err error) { id.User, err = threadUser(); return err })
		})
	} else {
		id.User, err = e.owner()
	}
	if err == nil {
		return id, nil
	}
	user, perr := processUser(pid)
	if perr != nil {
		return id, told(errors.Join(err, perr))
	}
	id.User = user
	return id, nil
}

func threadUser() (string, error) {
	var t windows.Token
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &t); err != nil {
		return "", err
	}
	return tokenUser(t)
}

func processUser(pid uint32) (string, error) {
	p, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return "", err
	}
	defer windows.CloseHandle(p)
	var t windows.Token
	if err := windows.OpenProcessToken(p, windows.TOKEN_QUERY, &t); err != nil {
		return "", err
	}
	return tokenUser(t)
}

// tokenUser closes the token.
func tokenUser(t windows.Token) (string, error) {
	defer t.Close()
	u, err := t.GetTokenUser()
	if err != nil {
		return "", err
	}
	return u.User.Sid.String(), nil
}

var errNoOwner = errors.New("the pipe has no owner")

// owner is who owns the pipe: its server's user.
func (e *end) owner() (sid string, err error) {
	err = e.file.With(func(h windows.Handle) error {
		sd, err := windows.GetSecurityInfo(h, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
		if err != nil {
			return err
		}
		o, _, err := sd.Owner()
		if err != nil {
			return err
		}
		if o == nil { // Wine's pipes without a security descriptor have none
			return errNoOwner
		}
		sid = o.String()
		return nil
	})
	return sid, err
}
