package completion

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// Kind is what an operation does.
type Kind uint8

// The kinds, with the fields of [Op] that each reads besides Handle and Timeout, and what it leaves in N.
const (
	// Packet does nothing: what is submitted comes out of Wait, after what was submitted before by the same goroutine has
	// begun. See [Port.Post].
	Packet Kind = iota // packet

	// Timer ends after Timeout, without an error. It needs no Handle.
	Timer // timer

	// Accept takes a connection of a listener: Conn is the new connection and Addr the remote address. With Buf it ends
	// only when the first block was received into it: N bytes, 0 where the peer closed without sending any. FirstBlock
	// bounds what a connection may take for that; without it, Timeout bounds the whole, and with it the wait for a
	// connection.
	Accept // accept

	// Connect connects to Addr and then sends Buf, if there is any. N is how many bytes were sent.
	Connect // connect

	// Recv reads Buf or Bufs; see All. At the end of the stream N is 0 and Err is io.EOF. Without a buffer it ends when
	// something can be received, which it leaves there.
	Recv // recv

	// Send writes Buf or Bufs. It ends when everything was taken, or with an error and N bytes taken.
	Send // send

	// RecvFrom receives a datagram into Buf; Addr is the sender's. What is longer than Buf is cut off.
	RecvFrom // recvfrom

	// SendTo sends Buf to Addr as a datagram.
	SendTo // sendto

	// Read reads Buf, see All, from a pipe or another stream that is no socket, or a file from where it stands.
	Read // read

	// Write writes Buf, all of it, to the same.
	Write // write

	// ReadAt reads Buf from a file at Offset: all of it, if the file has it; at its end io.EOF with the N bytes before.
	ReadAt // readat

	// WriteAt writes Buf, all of it, to a file at Offset.
	WriteAt // writeat

	// Shutdown ends one direction of a connection, or both (How).
	Shutdown // shutdown

	// Close cancels all other operations on Handle and closes it. Its result comes after theirs.
	Close // close

	// Poll ends when Handle is ready for How. Linux only.
	Poll // poll

	// Call lets a caller's own system call run on the port: see [Op.Call].
	Call // call
)

// Direction is one of a connection's two, or both.
type Direction uint8

// The directions. The zero value is In.
const (
	In   Direction = iota // in
	Out                   // out
	Both                  // both
)

// Op is an operation: what is to be done, and, once Wait has returned it, what came of it. The caller allocates it and may
// use it again after its result. From Submit until then it belongs to the port; see the package comment.
type Op struct {
	Kind Kind
	How  Direction // Shutdown, Poll, Call

	// All makes Recv and Read end only when Buf is full: with fewer bytes at the end of the stream or on an error.
	All bool

	// More says that more is about to be sent: what is too short for a segment waits for it (MSG_MORE). On Windows it
	// changes nothing.
	More bool

	Handle *Handle
	Buf    []byte
	Bufs   [][]byte // gathered or scattered, in the place of Buf
	Offset int64
	Addr   netip.AddrPort

	// Timeout cancels the operation when it has been under way for so long, and its error is os.ErrDeadlineExceeded. 0 is
	// no limit.
	Timeout time.Duration

	// FirstBlock, for an Accept with Buf, is how long a connection may be silent. When it has passed the connection is
	// closed and the operation ends with os.ErrDeadlineExceeded and the remote address. 0 is no limit.
	FirstBlock time.Duration

	// Into, for an Accept, is the socket that becomes the connection, and so Conn: one that is not connected, of the same
	// port, with nothing under way. It is the operation's meanwhile. Where no connection came it is as before; one whose
	// first block failed is closed. nil is a new socket.
	Into *Handle

	// Call is run for Kind Call, on the port's thread, which it must not block. On Linux it is called when Handle may be
	// ready for How, starting at once, and again as long as its error is EAGAIN; overlapped is nil. On Windows it is called
	// once and starts an overlapped operation with overlapped, which points to an OVERLAPPED whose Offset is that of the Op;
	// it returns what the call returned (nil or ERROR_IO_PENDING when it was begun). N is what the operation moved.
	Call func(fd uintptr, overlapped unsafe.Pointer) (n int, err error)

	// Next, if it is not nil, is called with the ended operation on the port's thread, before Wait returns it, and must not
	// block. If it returns true the operation is begun again, as whatever Next has made of it (Kind, Buf, ...), and its
	// Timeout starts anew; an operation of many steps is made so. When the port is closing, true has no effect.
	Next func(*Op) bool

	// Data is the caller's.
	Data any

	// What came of it.
	N    int
	Err  error
	Conn *Handle // Accept: the connection. It is the caller's, who closes it.

	state atomic.Uint32
	slot  int32 // in the loop's table
	timer int32 // in the loop's heap, from 1
	bare  bool  // what is accepted is not made known to the backend
	stage uint8 // of the backend, where an operation takes several steps
	flags uint8
	moved int
	limit time.Duration // on the loop's clock
	prev  *Op           // of the same handle
	next  *Op
	wait  *Op // in a queue of the epoll backend
	pin   runtime.Pinner
	sys   *sysOp
}

// The states of an operation, in the lower bits of Op.state. Above them its submissions are counted: a Cancel is for one.
const (
	idle    uint32 = iota
	claimed        // Submit makes it ready
	queued         // to be begun by the loop
	begun
	ending // Next runs

	stateMask  = 7
	submission = stateMask + 1
)

// claim takes an operation that is idle.
func (o *Op) claim() bool {
	v := o.state.Load()
	return v&stateMask == idle && o.state.CompareAndSwap(v, v+submission|claimed)
}

// is tells the state, and become changes it: only who has the operation may do that.
func (o *Op) is() uint32 { return o.state.Load() & stateMask }

func (o *Op) become(state uint32) { o.state.Store(o.state.Load()&^stateMask | state) }

// count tells one submission from the next.
func (o *Op) count() uint32 { return o.state.Load() / submission }

const (
	cancelled uint8 = 1 << iota // by Cancel
	timedOut                    // by its timeout
	offLoop                     // runs in a goroutine of its own
	askedFor                    // the kernel was asked to cancel it
)

// has reports a flag.
func (o *Op) has(f uint8) bool { return o.flags&f != 0 }

// clear makes an operation ready for another round.
func (o *Op) clear() {
	o.N, o.Err, o.Conn = 0, nil, nil
	o.moved, o.stage, o.flags, o.timer = 0, 0, 0, 0
}

// rest is what of Buf is still to be moved.
func (o *Op) rest() []byte { return o.Buf[o.moved:] }

// hold pins the operation's memory until drop.
func (o *Op) hold() {
	if len(o.Buf) > 0 {
		o.pin.Pin(unsafe.SliceData(o.Buf))
	}
	for _, b := range o.Bufs {
		if len(b) > 0 {
			o.pin.Pin(unsafe.SliceData(b))
		}
	}
}

func (o *Op) drop() { o.pin.Unpin() }
