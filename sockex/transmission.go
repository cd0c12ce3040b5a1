package sockex

import (
	"math"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"github.com/sockeye-net/sockeye/completion"
)

// Transmission is a TransmitFile or TransmitPackets on a completion port. It may be submitted again after its result, and
// then sends the same once more. Until then it belongs to the port, with everything it was made of.
type Transmission struct {
	// Next is what completion.Op.Next is for other operations: it is called with the ended one, on the port's thread. If it
	// returns true the transmission is begun again, as Set has left it.
	Next func(*Transmission) bool

	// To is where datagrams go, on a socket that is not connected. Linux only.
	To netip.AddrPort

	op   completion.Op
	t    transfer
	sys  sysTransmission
	sent int64

	f        *os.File
	fileOpts FileOptions
	elements []Element
	opts     PacketOptions
	packets  bool

	begun    bool
	limit    time.Duration // the caller's Timeout, for all rounds together
	until    time.Time
	farewell farewell
	leaving  bool // everything is sent, and the connection is being ended
}

// NewTransmitFile makes an operation that sends head, file and tail on a stream; see [TransmitFile]. On Linux a file that
// is not in the page cache is read on the port's thread.
func NewTransmitFile(conn *completion.Handle, f *os.File, o *FileOptions) *Transmission {
	x := newTransmission(conn, "TransmitFile")
	x.SetFile(f, o)
	return x
}

// NewTransmitPackets makes one that sends elements, on a stream or as datagrams; see [TransmitPackets].
func NewTransmitPackets(conn *completion.Handle, elements []Element, o *PacketOptions) *Transmission {
	x := newTransmission(conn, "TransmitPackets")
	x.SetPackets(elements, o)
	return x
}

func newTransmission(conn *completion.Handle, name string) *Transmission {
	x := &Transmission{}
	x.t.name = name
	x.op = completion.Op{Kind: completion.Call, How: completion.Out, Handle: conn, Call: x.call, Next: x.next}
	return x
}

// SetFile has it send another file, or another part, when it is submitted next.
func (x *Transmission) SetFile(f *os.File, o *FileOptions) {
	if o == nil {
		o = &FileOptions{}
	}
	x.f, x.fileOpts, x.packets, x.elements = f, *o, false, nil
	x.t.name = "TransmitFile"
}

// SetPackets has it send other elements when it is submitted next.
func (x *Transmission) SetPackets(elements []Element, o *PacketOptions) {
	if o == nil {
		o = &PacketOptions{}
	}
	x.elements, x.opts, x.packets, x.f, x.fileOpts = elements, *o, true, nil, FileOptions{}
	x.t.name = "TransmitPackets"
	if o.To.IsValid() {
		x.To = o.To
	}
}

// Op is the operation, to be submitted and cancelled. Its Handle, Timeout and Data may be set; Timeout is for the whole.
// After the result Err is nil or *Error, around completion.ErrCanceled where it was cancelled.
func (x *Transmission) Op() *completion.Op { return &x.op }

// Sent is how many bytes the system took, after the result. Op().N is the same where an int holds it.
func (x *Transmission) Sent() int64 { return x.sent }

// prepare checks what is to be sent, when the operation begins.
func (x *Transmission) prepare() error {
	x.begun, x.sent, x.leaving = true, 0, false
	x.limit, x.until = x.op.Timeout, deadlineAfter(x.op.Timeout)
	x.t.pieces = x.t.three[:0]
	if x.packets {
		return x.t.setElements(x.elements, &x.opts)
	}
	return x.t.setFile(x.f, &x.fileOpts)
}

// next is called when a round has ended, and begins another or ends the operation.
func (x *Transmission) next(op *completion.Op) bool {
	if x.begun && x.goOn(op) {
		return true
	}
	x.finish(op)
	return x.Next != nil && x.Next(x)
}

// goOn makes op the next round, if there is one: of sending, or of ending the connection.
func (x *Transmission) goOn(op *completion.Op) bool {
	switch {
	case x.leaving:
		return x.farewell.next(op)
	case x.more(op):
		if x.limit > 0 {
			op.Timeout = max(time.Until(x.until), 1)
		}
		return true
	case op.Err != nil || !x.t.flags.has(TF_DISCONNECT):
		return false
	}
	x.leaving = true
	x.end(op)
	x.farewell.begin(op, x.t.flags.has(TF_REUSE_SOCKET), x.until)
	return true
}

func (x *Transmission) finish(op *completion.Op) {
	if x.begun {
		x.end(op)
		op.Timeout = x.limit
		op.Err = x.explain(op)
	}
	x.sent = x.t.sent
	op.N = int(min(x.sent, math.MaxInt))
	op.Err = wrap(x.t.name, x.sent, op.Err)
	op.Kind, op.How, op.Call, op.Offset = completion.Call, completion.Out, x.call, 0
	x.begun = false
	x.t.reset()
}

// call makes the system calls of a round.
func (x *Transmission) call(fd uintptr, overlapped unsafe.Pointer) (int, error) {
	if !x.begun {
		if err := x.prepare(); err != nil {
			return 0, err
		}
		if err := x.start(fd); err != nil {
			return 0, err
		}
		if len(x.t.pieces) == 0 { // no call will be made that would tell whether there is a connection
			if _, err := x.op.Handle.RemoteAddr(); err != nil && !x.To.IsValid() {
				return 0, err
			}
		}
	}
	return x.round(fd, overlapped)
}
