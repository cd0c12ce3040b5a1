package completion

import (
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/epoll"
	"github.com/sockeye-net/sockeye/internal/uring"
)

// uringDriver is the backend on io_uring.
type uringDriver struct {
	loop *loop
	ring *uring.Ring
	bell *epoll.Bell
	late []*Op // begun while the submission queue was full

	head, tail uint32 // of the results that are being taken
	aside      []uring.CQE

	rung    bool // the bell's poll has to be armed
	streams *uringCarrier
}

// What a result's UserData says: in the upper byte whose it is, below it which one.
const (
	forOp uint64 = iota << 56
	forBell
	forNobody
	forAccept
	forRecv
	forSend
	forMask = 0xff << 56
)

// polling is the stage bit of a step that waits for readiness before it is taken again.
const polling uint8 = 1 << 7

// uringFlags are tried in this order: the last is what Linux 6.1 has. NO_SQARRAY came with 6.6.
var uringFlags = []uint32{
	uring.SetupSubmitAll | uring.SetupCoopTaskrun | uring.SetupSingleIssuer | uring.SetupDeferTaskrun | uring.SetupRDisabled | uring.SetupNoSQArray,
	uring.SetupSubmitAll | uring.SetupCoopTaskrun | uring.SetupSingleIssuer | uring.SetupDeferTaskrun | uring.SetupRDisabled,
}

// errOldKernel is a kernel whose io_uring lacks what we build on.
var errOldKernel = fmt.Errorf("io_uring of this kernel is older than that of Linux 6.1: %w", errors.ErrUnsupported)

func newUringDriver(l *loop) (*uringDriver, error) {
	ring, err := newRing(l.cfg.Entries)
	if err != nil {
		return nil, err
	}
	bell, err := epoll.NewBell()
	if err != nil {
		_ = ring.Close()
		return nil, err
	}
	return &uringDriver{loop: l, ring: ring, bell: bell, rung: true}, nil
}

func newRing(entries int) (ring *uring.Ring, err error) {
	for _, flags := range uringFlags {
		if ring, err = uring.New(entries, completionQueue(entries), flags); !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.EINVAL):
		return nil, errOldKernel
	case err != nil:
		return nil, err
	}
	missing, err := ring.Supports(uring.OpAccept, uring.OpConnect, uring.OpSend, uring.OpRecv, uring.OpSendMsg, uring.OpRecvMsg,
		uring.OpRead, uring.OpWrite, uring.OpPollAdd, uring.OpClose, uring.OpAsyncCancel)
	if err == nil {
		err = ring.Allowed()
	}
	if err == nil && (missing >= 0 || ring.Features&uring.FeatExtArg == 0 || ring.Features&uring.FeatNoDrop == 0) {
		err = errOldKernel
	}
	if err != nil {
		_ = ring.Close()
		return nil, err
	}
	return ring, nil
}

// completionQueue is how many results fit before the kernel has to put them aside.
func completionQueue(entries int) int { return min(max(8*entries, 4096), 65536) }

func (d *uringDriver) enable() error {
	if err := d.ring.Enable(); err != nil {
		return err
	}
	d.ring.RegisterSelf()
	return nil
}

func (d *uringDriver) wake() { d.bell.Ring() }

func (d *uringDriver) shut() error {
	// Closes of a server's sockets may not have been handed over yet.
	return errors.Join(d.ring.Enter(0, true), d.ring.Close(), d.bell.Close())
}

// sqe is a free entry. Where there is none, what is filled is handed over first. It may still be nil.
func (d *uringDriver) sqe() *uring.SQE {
	s := d.ring.SQE()
	if s == nil {
		_ = d.ring.Enter(0, true) // an error will be met again by wait
		s = d.ring.SQE()
	}
	return s
}

func (d *uringDriver) begin(op *Op) {
	switch op.Kind {
	case Call:
		d.call(op)
	case Shutdown: // the kernel would have a thread do it. What was begun before goes first
		_ = d.ring.Enter(0, true)
		d.loop.finish(op, 0, unix.Shutdown(int(op.Handle.fd), op.How.shutdown()))
	default:
		d.issue(op)
	}
}

// call runs the caller's own system call, and waits where it would block.
func (d *uringDriver) call(op *Op) {
	n, err := op.Call(op.Handle.FD(), nil)
	for err == unix.EINTR && !op.has(askedFor) {
		n, err = op.Call(op.Handle.FD(), nil)
	}
	n = max(n, 0)
	switch {
	case err != unix.EAGAIN:
		op.moved = n
		d.loop.finish(op, n, err)
	case op.has(askedFor):
		d.loop.finish(op, n, syscall.ECANCELED)
	default:
		op.stage |= polling
		d.issue(op)
	}
}

// issue hands the operation's step to the kernel.
func (d *uringDriver) issue(op *Op) {
	if op.has(askedFor) {
		d.complete(op, -int32(unix.ECANCELED))
		return
	}
	s := d.sqe()
	if s == nil {
		d.late = append(d.late, op)
		return
	}
	s.FD, s.UserData = int32(op.subject()), forOp|uint64(op.slot)
	if err := d.prepare(op, s); err != nil {
		s.Op, s.UserData = uring.OpNop, forNobody
		d.loop.finish(op, 0, err)
	}
}

// prepare fills an entry with the operation's step.
func (d *uringDriver) prepare(op *Op, s *uring.SQE) error {
	if op.stage&polling != 0 || op.Kind == Poll {
		s.Op, s.OpFlags = uring.OpPollAdd, op.direction().pollMask()
		return nil
	}
	switch op.Kind {
	case Accept:
		prepareAccept(op, s)
	case Connect:
		return prepareConnect(op, s)
	case Send:
		prepareSend(op, s)
	case Recv:
		prepareRecv(op, s)
	case SendTo, RecvFrom:
		return prepareLetter(op, s)
	case Read, Write, ReadAt, WriteAt:
		prepareFile(op, s)
	case Close:
		if !op.Handle.closed.CompareAndSwap(false, true) {
			return errBadHandle
		}
		op.Handle.sys.forget(int(op.Handle.fd))
		s.Op = uring.OpClose
	default:
		return unix.EINVAL
	}
	return nil
}

func memory(s *uring.SQE, b []byte) {
	s.Addr, s.Len = uring.Address(unsafe.Pointer(unsafe.SliceData(b))), uring.Length(len(b))
}

func prepareAccept(op *Op, s *uring.SQE) {
	if op.stage == second {
		s.Op = uring.OpRecv
		memory(s, op.Buf)
		return
	}
	y := op.system()
	op.pin.Pin(y)
	y.addrLen = uint32(len(y.addr))
	s.Op, s.OpFlags = uring.OpAccept, acceptFlags
	s.Addr, s.Off = uring.Address(unsafe.Pointer(&y.addr)), uring.Address(unsafe.Pointer(&y.addrLen))
}

func prepareConnect(op *Op, s *uring.SQE) error {
	if op.stage == second {
		prepareSend(op, s)
		return nil
	}
	to, n, err := op.target()
	if err != nil {
		return err
	}
	op.pin.Pin(op.sys)
	s.Op, s.Addr, s.Off = uring.OpConnect, uring.Address(unsafe.Pointer(to)), uint64(n)
	return nil
}

func prepareSend(op *Op, s *uring.SQE) {
	s.Op, s.OpFlags = uring.OpSend, uint32(op.sendFlags()|unix.MSG_WAITALL)
	if op.Bufs == nil {
		memory(s, op.rest())
		return
	}
	s.Op, s.Len = uring.OpSendMsg, 1
	s.Addr = uring.Address(unsafe.Pointer(op.gather()))
	op.pin.Pin(op.sys)
	op.pin.Pin(unsafe.SliceData(op.sys.iov))
}

func prepareRecv(op *Op, s *uring.SQE) {
	s.Op = uring.OpRecv
	switch {
	case op.size() == 0: // the kernel would answer at once, and Windows waits for data
		memory(s, op.system().peek[:])
		op.pin.Pin(op.sys)
		s.OpFlags = unix.MSG_PEEK
	case op.Bufs == nil:
		memory(s, op.rest())
	default:
		s.Op, s.Len = uring.OpRecvMsg, 1
		s.Addr = uring.Address(unsafe.Pointer(op.gather()))
		op.pin.Pin(op.sys)
		op.pin.Pin(unsafe.SliceData(op.sys.iov))
	}
}

func prepareLetter(op *Op, s *uring.SQE) error {
	m, err := op.letter()
	if err != nil {
		return err
	}
	op.pin.Pin(op.sys)
	op.pin.Pin(unsafe.SliceData(op.sys.iov))
	s.Op, s.Len, s.Addr, s.OpFlags = uring.OpRecvMsg, 1, uring.Address(unsafe.Pointer(m)), 0
	if op.Kind == SendTo {
		s.Op, s.OpFlags = uring.OpSendMsg, uint32(op.sendFlags())
	}
	return nil
}

func prepareFile(op *Op, s *uring.SQE) {
	s.Op = uring.OpRead
	if op.Kind == Write || op.Kind == WriteAt {
		s.Op = uring.OpWrite
	}
	memory(s, op.rest())
	s.Off = ^uint64(0) // where the file stands
	if op.Kind == ReadAt || op.Kind == WriteAt {
		s.Off = uint64(op.Offset) + uint64(op.moved)
	}
}

// complete takes the result of the operation's step.
func (d *uringDriver) complete(op *Op, res int32) {
	var err error
	if res < 0 {
		err = syscall.Errno(-res)
	}
	polled := op.stage&polling != 0
	op.stage &^= polling
	switch {
	case polled && err == nil && op.Kind == Call:
		d.call(op)
		return
	case polled && err == nil && !op.has(askedFor):
		d.issue(op)
		return
	case polled && err == nil:
		err = syscall.ECANCELED
	case err == unix.EAGAIN && !op.has(askedFor):
		op.stage |= polling
		d.issue(op)
		return
	}
	if op.Kind == RecvFrom && err == nil {
		op.Addr = op.sys.addr.get(int(op.sys.msg.Namelen))
	}
	if op.has(askedFor) && err == unix.EINTR {
		err = syscall.ECANCELED
	}
	if d.loop.settle(op, int(res), err) {
		d.issue(op)
	}
}

// cancel asks the kernel to let go. What it has not got yet is ended by issue.
func (d *uringDriver) cancel(op *Op) {
	s := d.sqe()
	if s == nil {
		op.flags &^= askedFor // to be asked again: nothing is left undone while results are taken
		d.loop.cancelLater(op)
		return
	}
	s.Op, s.FD, s.Flags = uring.OpAsyncCancel, -1, uring.SQECQESkip
	s.Addr, s.UserData = forOp|uint64(op.slot), forNobody
}

func (d *uringDriver) wait(t time.Duration, raw bool) (found bool, err error) {
	late := d.late
	d.late = nil
	for _, op := range late {
		d.issue(op)
	}
	if d.rung {
		d.listen()
	}
	if d.streams != nil {
		d.streams.publish() // what was released since the last results
	}
	if len(d.aside) > 0 {
		t = 0
	}
	if t < 0 {
		t = uring.Forever
	}
	err = d.ring.Enter(t, raw)
	if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EAGAIN) {
		return false, err
	}
	return d.collect(), nil
}

// listen arms the poll that the bell ends.
func (d *uringDriver) listen() {
	s := d.sqe()
	if s == nil {
		return
	}
	s.Op, s.FD, s.OpFlags, s.UserData = uring.OpPollAdd, int32(d.bell.FD()), unix.POLLIN, forBell
	d.rung = false
}

// collect takes all results that are there.
func (d *uringDriver) collect() (found bool) {
	found = len(d.aside) > 0
	for i := 0; i < len(d.aside); i++ { // it may grow
		c := d.aside[i]
		d.dispatch(c.UserData, c.Res, c.Flags)
	}
	d.aside = d.aside[:0]
	d.head, d.tail = d.ring.Results()
	found = found || d.head != d.tail
	for d.head != d.tail {
		c := d.ring.At(d.head)
		d.head++
		d.dispatch(c.UserData, c.Res, c.Flags)
	}
	d.ring.Advance(d.tail)
	if d.streams != nil {
		d.streams.publish()
	}
	return found
}

// spill puts the results that are there aside, to be dispatched later: the kernel wants room for more.
func (d *uringDriver) spill() {
	_, d.tail = d.ring.Results()
	for ; d.head != d.tail; d.head++ {
		d.aside = append(d.aside, *d.ring.At(d.head))
	}
	d.ring.Advance(d.tail)
}

func (d *uringDriver) dispatch(data uint64, res int32, flags uint32) {
	switch which := data &^ uint64(forMask); data & forMask {
	case forRecv:
		d.streams.received(uint32(which), res, flags)
	case forSend:
		d.streams.sent(which, res)
	case forOp:
		if op := d.loop.slots[which]; op != nil {
			d.complete(op, res)
		}
	case forBell:
		d.bell.Silence()
		d.rung = true
	case forAccept:
		d.streams.accepted(res, flags)
	}
}
