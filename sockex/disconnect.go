package sockex

import (
	"context"
	"net"
	"os"
	"time"
	"unsafe"

	"github.com/sockeye-net/sockeye/completion"
)

// DisconnectEx ends a connection from this side: what was sent before still arrives, then the peer sees the end of the
// stream. Nothing can be sent any more; what the peer sends can be read, and c is closed by its owner.
//
// With TF_REUSE_SOCKET it also waits until the peer has ended the connection and has everything that was sent to it, and
// makes c a [Socket] for the next connection. What the peer sends meanwhile, or has sent and nobody has read, is dropped. c
// is closed, and the Socket has its options and, if it was bound to one, its local port. Where the peer does not end the
// connection the wait ends with the context or with c's read deadline; then, and after any other error, c is only good for
// being closed. A connection that was reset, or that the peer did not acknowledge, is an error too.
//
// A goroutine that reads c gets what comes up to the end of the stream, and the wait is for that.
//
// Source: DisconnectEx of mswsock.h; connect(2), AF_UNSPEC.
func DisconnectEx(ctx context.Context, c *net.TCPConn, flags Flags) (*Socket, error) {
	s, err := disconnect(ctx, c, flags)
	return s, wrap("DisconnectEx", 0, err)
}

func disconnect(ctx context.Context, c *net.TCPConn, flags Flags) (*Socket, error) {
	if err := flags.check(disconnectFlags); err != nil {
		return nil, err
	}
	reuse := flags.has(TF_REUSE_SOCKET)
	if err := endConn(ctx, c, reuse); err != nil || !reuse {
		return nil, err
	}
	return takeOver(c)
}

// Reuse makes a connection that was ended with TF_REUSE_SOCKET by TransmitFile or TransmitPackets a [Socket] for the next
// one. c is closed. DisconnectEx does so itself.
func Reuse(c *net.TCPConn) (*Socket, error) {
	s, err := takeOver(c)
	return s, wrap("Reuse", 0, err)
}

// Disconnection is a DisconnectEx on a completion port. It may be submitted again after its result.
type Disconnection struct {
	op       completion.Op
	flags    Flags
	farewell farewell
	limit    time.Duration
	begun    bool
}

// NewDisconnectEx makes an operation that ends a connection, as [DisconnectEx] does. With TF_REUSE_SOCKET the handle can
// then be connected again, or be what an accept makes the connection (AcceptOptions.Handle). No other operation may be under
// way on it.
func NewDisconnectEx(conn *completion.Handle, flags Flags) *Disconnection {
	d := &Disconnection{flags: flags}
	d.op = completion.Op{Kind: completion.Call, Handle: conn, Call: d.call, Next: d.next}
	return d
}

// Op is the operation, to be submitted and cancelled. Its Handle, Timeout and Data may be set; Timeout is for the whole.
// After the result Err is nil or *Error.
func (d *Disconnection) Op() *completion.Op { return &d.op }

// call makes the system calls of a step, and begins with the first.
func (d *Disconnection) call(fd uintptr, overlapped unsafe.Pointer) (int, error) {
	if !d.begun {
		if err := d.flags.check(disconnectFlags); err != nil {
			return 0, err
		}
		d.begun, d.limit = true, d.op.Timeout
		d.farewell.reset(d.flags.has(TF_REUSE_SOCKET), deadlineAfter(d.limit))
	}
	return d.farewell.call(fd, overlapped)
}

func (d *Disconnection) next(op *completion.Op) bool {
	if d.begun {
		if d.farewell.next(op) {
			return true
		}
		op.Timeout, d.begun = d.limit, false
	}
	op.Kind, op.N = completion.Call, 0
	op.Err = wrap("DisconnectEx", 0, op.Err)
	return false
}

// farewell is the end of a connection on a port: the whole of an operation, or what comes last in one.
type farewell struct {
	until time.Time // zero: no limit
	pause time.Duration
	sys   sysFarewell
}

// begin makes op the first step. Then every result of op is to be given to next, until that returns false.
func (f *farewell) begin(op *completion.Op, reuse bool, until time.Time) {
	f.reset(reuse, until)
	op.Kind, op.How, op.Call = completion.Call, completion.In, f.call
	f.bound(op)
}

func (f *farewell) reset(reuse bool, until time.Time) {
	*f = farewell{until: until}
	f.sys.reuse = reuse
}

// next takes a step's result. It reports whether op is to be begun again; then op has been made the next step. It is a Call,
// or between two of them a Timer.
func (f *farewell) next(op *completion.Op) (more bool) {
	if more = f.step(op); more && !f.bound(op) {
		op.Err = os.ErrDeadlineExceeded
		return false
	}
	return more
}

// bound keeps a step within the time that is left. It reports whether there is any.
func (f *farewell) bound(op *completion.Op) bool {
	var left time.Duration
	if !f.until.IsZero() {
		if left = time.Until(f.until); left <= 0 {
			return false
		}
	}
	if op.Kind != completion.Timer {
		op.Timeout = left
	} else if left > 0 {
		op.Timeout = min(op.Timeout, left)
	}
	return true
}

// The pauses between looking whether the peer has acknowledged everything, where no event tells.
const firstPause, lastPause = time.Millisecond, 50 * time.Millisecond

// wait makes op a pause.
func (f *farewell) wait(op *completion.Op) {
	f.pause = min(max(2*f.pause, firstPause), lastPause)
	op.Kind, op.Timeout = completion.Timer, f.pause
}

func deadlineAfter(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(d)
}
