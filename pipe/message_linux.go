package pipe

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// tail is what was in the socket when the other end had gone, taken out to see whether the server has made it void.
type tail struct {
	packets []packet
}

type packet struct {
	data   []byte
	marked bool
}

// collect takes all packets out of a socket to which no more will come, or finds that they are void. It may be called as
// soon as the end was seen.
func (i *inlet) collect(fd int) {
	t := &tail{}
	for {
		got, data, errno := i.msg.RecvWhole(fd, nil)
		switch {
		case errno == unix.ECONNRESET:
			continue // it is told once, before what is still there
		case errno != 0, !got.Message:
			i.tail = t
			return
		}
		if a, err := parseAnnouncement(data); got.Marked && err == nil && a.kind == announceBye {
			i.gone = sysErr(ErrNotConnected, unix.ENOTCONN)
			i.rest, i.left = nil, 0
			return
		}
		t.packets = append(t.packets, packet{data, got.Marked})
	}
}

// next receives one packet into a; what is too long for it goes to i.rest. An error of io.EOF is the end.
func (i *inlet) next(a []byte) (n int, marked bool, err error) {
	for {
		switch {
		case i.gone != nil:
			return 0, false, i.gone
		case i.tail != nil:
			return i.fromTail(a)
		}
		if i.fetched {
			i.fetched, err = false, i.fetchErr
		} else {
			err = i.take(a)
		}
		if err != unix.ECONNRESET { // which only says that the other end has closed too early; what it sent comes after it
			break
		}
	}
	switch {
	case err != nil:
		return 0, false, receiving(err)
	case !i.got.Message:
		i.gone = io.EOF
		return 0, false, io.EOF
	case i.got.Cut:
		return 0, false, i.broken(ErrMessageTooLong)
	}
	n, marked = min(i.got.N, len(a)), i.got.Marked
	if i.behind {
		err = i.lookBehind()
	}
	return n, marked, err
}

func (i *inlet) fromTail(a []byte) (int, bool, error) {
	if len(i.tail.packets) == 0 {
		i.gone = io.EOF
		return 0, false, io.EOF
	}
	p := i.tail.packets[0]
	i.tail.packets = i.tail.packets[1:]
	n := copy(a, p.data)
	i.rest = p.data[n:]
	return n, p.marked, nil
}

// receivePacket receives one packet to i.a, and what it has no room for to i.rest. A client that finds something at once
// looks behind it: it was there for some time, and may be void by now.
func (i *inlet) receivePacket(fd int) bool {
	i.got, i.rest, i.errno = i.msg.RecvWhole(fd, i.a)
	if i.errno == unix.EAGAIN {
		return false
	}
	i.behind = i.got.Message && !i.c.server && !i.spin.waiting && unixpipe.PeerState(fd).End
	return true
}

// lookBehind finds out whether what is being read is void. It uses the memory for messages (i.got).
func (i *inlet) lookBehind() error {
	err := i.c.control(func(fd int) error { i.collect(fd); return nil })
	if i.gone != nil {
		return i.gone
	}
	return err
}

func receiving(err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return moving(errno)
	}
	return err
}

// start begins the next message: some of it is in a then, and the rest in i.rest and i.left.
func (i *inlet) start(a []byte) (int, error) {
	for {
		i.begun = false
		n, marked, err := i.next(a)
		if err != nil {
			return 0, err
		}
		if !marked {
			if n+len(i.rest) > i.c.maxMessage {
				return 0, i.broken(ErrMessageTooLong)
			}
			return n, nil
		}
		an, err := i.announced(a[:n])
		if err != nil {
			return 0, err
		}
		if an.kind == announceLarge {
			i.left = int(an.size)
			return 0, nil
		} // else the writer gave up a message of which nothing had come
	}
}

// announced understands an announcement that was received into a and i.rest.
func (i *inlet) announced(a []byte) (announcement, error) {
	packet := append(append(make([]byte, 0, announceSize), a...), i.rest...)
	i.rest = nil
	an, err := parseAnnouncement(packet)
	switch {
	case err != nil:
		return an, i.broken(err)
	case an.kind == announceBye:
		return an, i.broken(sysErr(ErrNotConnected, unix.ENOTCONN))
	case an.kind == announceLarge && an.size > uint64(i.c.maxMessage):
		return an, i.broken(ErrMessageTooLong)
	}
	return an, nil
}

// broken notes that nothing can be understood any more.
func (i *inlet) broken(err error) error {
	i.gone, i.rest, i.left = err, nil, 0
	return err
}

// more goes on with a message: with what was received of it, or with its next part.
func (i *inlet) more(a []byte) (int, error) {
	if len(i.rest) > 0 {
		n := copy(a, i.rest)
		if i.rest = i.rest[n:]; len(i.rest) == 0 {
			i.rest = nil
		}
		return n, nil
	}
	n, marked, err := i.next(a)
	if err == io.EOF {
		i.left, i.gone = 0, io.EOF
		return 0, ErrMessageCut // the writer died
	}
	if err != nil {
		return 0, err
	}
	if marked {
		an, err := i.announced(a[:n])
		if err == nil && an.kind == announceCut {
			i.left = 0
			return 0, ErrMessageCut
		}
		if err == nil {
			err = i.broken(ErrBrokenPipe)
		}
		return 0, err
	}
	if got := n + len(i.rest); got == 0 || got > i.left {
		return 0, i.broken(ErrBrokenPipe)
	}
	i.left -= n + len(i.rest)
	return n, nil
}

// unfinished tells whether there is more of the message that is being read.
func (i *inlet) unfinished() bool { return len(i.rest) > 0 || i.left > 0 }

// readPacket is Read on a pipe of message type.
func (i *inlet) readPacket(b []byte) (n int, err error) {
	if i.fetched || !i.unfinished() {
		if n, err = i.start(b); err != nil {
			return 0, err
		}
	}
	for n < len(b) && i.unfinished() {
		m, err := i.more(b[n:])
		if err == ErrMessageCut && n == 0 && !i.begun { // nobody has seen any of it
			if n, err = i.start(b); err != nil {
				return 0, err
			}
			continue
		}
		n += m
		if err != nil {
			if err == ErrTimeout && n > 0 {
				break
			}
			return n, err
		}
		if i.c.ReadMode() == Byte {
			break
		}
	}
	i.begun = i.unfinished()
	switch {
	case i.c.ReadMode() == Message && i.unfinished():
		return n, ErrMoreData
	case n == 0 && len(b) > 0 && i.c.emptyIsEOF:
		return 0, io.EOF
	}
	return n, nil
}

func (e *end) readMessage(c *Conn, b []byte) ([]byte, error) {
	i := &e.in
	i.mu.Lock()
	if err := i.fetch(b[:cap(b)]); err != nil {
		i.mu.Unlock()
		return b[:0], err
	}
	b, err := i.whole(b)
	wasRead()
	i.mu.Unlock()
	return b, err
}

// claim is how much memory is made for a message at first, and how much of it must have come before there is room for all:
// to announce the longest message costs its writer nothing.
const claim = 1 << 20

// whole reads a message, or what is left of one. What is read when a deadline expires is put back.
func (i *inlet) whole(b []byte) ([]byte, error) {
	b = b[:cap(b)]
	n := 0
	if i.fetched || !i.unfinished() {
		var err error
		if n, err = i.start(b); err != nil {
			return b[:0], err
		}
	}
	for i.unfinished() {
		need := n + len(i.rest) + i.left
		if n < claim {
			need = min(need, claim)
		}
		if need > len(b) {
			b = append(make([]byte, 0, need), b[:n]...)[:need]
		}
		m, err := i.more(b[n:])
		n += m
		if err == nil {
			continue
		}
		if err == ErrMessageCut && !i.begun {
			if n, err = i.start(b); err != nil {
				return b[:0], err
			}
			continue
		}
		if err == ErrTimeout {
			i.rest = append([]byte(nil), b[:n]...)
		}
		return b[:0], err
	}
	i.begun = false
	if n == 0 && i.c.emptyIsEOF {
		return b[:0], io.EOF
	}
	return b[:n], nil
}
