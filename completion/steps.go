package completion

import (
	"io"
	"syscall"
)

// A backend takes an operation in steps: a system call's worth each, whose result says what comes next.

// The stages of an operation: its first half (accepting, connecting) and its second (the first block, the data).
const (
	first uint8 = iota
	second
)

// settle takes the result of a step. It reports whether there is another to take, and ends the operation otherwise.
func (l *loop) settle(op *Op, n int, err error) (more bool) {
	if err == nil {
		more, err = l.advance(op, n)
	}
	if err == syscall.EINTR && !op.has(askedFor) {
		return true
	}
	if more && op.has(askedFor) {
		more, err = false, syscall.ECANCELED
	}
	if more {
		return true
	}
	if op.Kind == Accept && err != nil && op.Conn != nil {
		_ = op.Conn.Close()
		op.Conn = nil
	}
	l.finish(op, op.moved, err)
	return false
}

// advance says what a step that succeeded with n came to.
func (l *loop) advance(op *Op, n int) (more bool, err error) {
	switch op.Kind {
	case Accept:
		return l.accepted(op, n)
	case Connect:
		return l.connected(op, n)
	case Send, Write, WriteAt, SendTo:
		return sent(op, n)
	case Recv, Read, ReadAt, RecvFrom:
		return received(op, n)
	case Poll:
		op.moved = n
	}
	return false, nil
}

func sent(op *Op, n int) (more bool, err error) {
	op.moved += n
	if n == 0 && op.moved < op.size() {
		return false, io.ErrShortWrite // a file or device that takes no more, and says nothing
	}
	return op.moved < op.size() && op.Handle.nature != otherSocket, nil
}

func received(op *Op, n int) (more bool, err error) {
	switch {
	case op.size() == 0: // something is there to be received
		return false, nil
	case n == 0 && op.Handle.nature == otherSocket:
		return false, nil
	case n == 0:
		return false, io.EOF
	}
	op.moved += n
	whole := op.All || op.Kind == ReadAt
	return whole && op.moved < op.size() && op.Kind != RecvFrom, nil
}

// size is how many bytes an operation is to move.
func (o *Op) size() int {
	if o.Bufs == nil {
		return len(o.Buf)
	}
	n := 0
	for _, b := range o.Bufs {
		n += len(b)
	}
	return n
}
