package pipe

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// How large messages are cut. The kernel takes most of a packet's memory in one piece, so a large one can fail where memory is
// fragmented: then parts become smaller (outlet.smaller). Measured: docs/decisions/0013-pipe.md.
const (
	packetRoom = 32        // what a packet's length must stay below the send buffer (unix_dgram_sendmsg)
	largeBuf   = 1 << 20   // the send buffer that is asked for when the first large message is sent
	partSize   = 512 << 10 // a part, if there is that much room
	partLeast  = 4 << 10   // one that is always to be had
)

// message sends b as one message.
func (o *outlet) message(b []byte) (int, error) {
	if o.room == 0 {
		if err := o.measure(); err != nil {
			return 0, err
		}
	}
	if o.cut {
		if err := o.announce(announcement{kind: announceCut}); err != nil {
			return 0, err
		}
		o.cut = false
	}
	if len(b) <= min(o.room, partSize) {
		n, err := o.put(b, 0)
		if err != unix.EMSGSIZE && err != unix.ENOBUFS && err != unix.ENOMEM || len(b) == 0 {
			return n, err
		}
	}
	return o.large(b)
}

// measure finds how large a packet may be.
func (o *outlet) measure() error {
	return o.c.control(func(fd int) error {
		n, err := unixpipe.SendBuffer(fd)
		o.room = max(n-packetRoom, 1)
		return err
	})
}

// large announces b and sends it in parts. Given up in the middle, it is cut: the reader is told with the next message, or
// finds the end.
func (o *outlet) large(b []byte) (int, error) {
	if o.part == 0 && o.c.outbuf == 0 {
		o.c.control(func(fd int) error { return unixpipe.GrowSendBuffer(fd, largeBuf) })
		if err := o.measure(); err != nil {
			return 0, err
		}
	}
	if o.part == 0 {
		o.part = min(o.room, partSize)
	}
	if err := o.announce(announcement{kind: announceLarge, size: uint64(len(b))}); err != nil {
		return 0, err
	}
	for n := 0; n < len(b); {
		m, err := o.put(b[n:min(n+o.part, len(b))], 0)
		n += m
		if o.smaller(err) {
			continue
		}
		if err != nil {
			o.cut = true
			return 0, err
		}
	}
	return len(b), nil
}

// smaller makes parts smaller where the kernel has no memory for them, and reports whether that may help.
func (o *outlet) smaller(err error) bool {
	if err != unix.ENOBUFS && err != unix.ENOMEM && err != unix.EMSGSIZE || o.part <= partLeast {
		return false
	}
	o.part = max(o.part/2, partLeast)
	return true
}

// announce sends an announcement. Any descriptor marks it; this one is good for nothing else.
func (o *outlet) announce(a announcement) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = o.put(a.append(nil), fd)
	return err
}

// bye sends the announcement that makes void what the other end has not read. It needs room in a queue that may be full:
// the kernel lets a packet in as long as the queue is below its limit, which is raised for it.
func (o *outlet) bye(fd int) {
	mark, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return
	}
	defer unix.Close(mark)
	var m unixpipe.Msg
	b := announcement{kind: announceBye}.append(nil)
	if m.SendMarked(fd, b, mark) == unix.EAGAIN {
		unixpipe.MakeRoom(fd)
		m.SendMarked(fd, b, mark)
	}
}

func (e *end) transact(request, reply []byte) (int, error) {
	i := &e.in
	if !i.mu.TryLock() {
		return 0, ErrBusy
	}
	defer i.mu.Unlock()
	if err := e.control(i.idle); err != nil {
		return 0, err
	}
	if _, err := e.write(request); err != nil {
		return 0, err
	}
	defer wasRead()
	return i.readPacket(reply)
}

// idle is ErrBusy where something can be read, be it an empty message. An end is not worth an error: writing tells more.
func (i *inlet) idle(fd int) error {
	if !i.unfinished() {
		if err := i.peekStart(fd); err != nil && err != io.EOF {
			return err
		}
	}
	if i.unfinished() || i.tail != nil && len(i.tail.packets) > 0 {
		return ErrBusy
	}
	if got, errno := i.msg.Recv(fd, nil, unix.MSG_PEEK); errno == 0 && got.Message {
		return ErrBusy
	}
	return nil
}

func (e *end) peek(b []byte) (p Peeked, err error) {
	i := &e.in
	if !i.mu.TryLock() { // a reader has it, so all that there is will be read at once
		return p, e.control(func(fd int) (err error) { p.Available, err = unixpipe.Unread(fd); return err })
	}
	defer i.mu.Unlock()
	if i.gone != nil {
		return p, peekEnd(i.gone)
	}
	err = e.control(func(fd int) error {
		if i.packets {
			p, err = i.peekPacket(fd, b)
		} else {
			p, err = i.peekStream(fd, b)
		}
		return err
	})
	return p, err
}

func peekEnd(err error) error {
	if c, ok := err.(*sysError); ok {
		return c
	}
	return ErrBrokenPipe
}

func (i *inlet) peekStream(fd int, b []byte) (p Peeked, err error) {
	s := unixpipe.PeerState(fd)
	if s.Mark && !i.c.server {
		i.gone = sysErr(ErrNotConnected, unix.ENOTCONN)
		return p, i.gone
	}
	if p.Available, err = unixpipe.Unread(fd); err != nil {
		return p, err
	}
	if p.Available == 0 && s.End {
		return p, ErrBrokenPipe
	}
	if len(b) > 0 && p.Available > 0 {
		n, errno := unixpipe.Recv(fd, b, unix.MSG_PEEK)
		if errno != 0 && errno != unix.EAGAIN {
			return p, moving(errno)
		}
		p.N = n
	}
	return p, nil
}

// peekPacket takes an announcement that is next, which is no loss: it is part of the reader's state from then on.
func (i *inlet) peekPacket(fd int, b []byte) (p Peeked, err error) {
	if !i.unfinished() {
		if err := i.peekStart(fd); err != nil {
			return p, err
		}
	}
	if p.Available, err = unixpipe.Unread(fd); err != nil {
		return p, err
	}
	if i.tail != nil {
		for _, q := range i.tail.packets {
			p.Available += len(q.data)
		}
	}
	p.Available += len(i.rest)
	if i.unfinished() {
		p.N, p.Message = copy(b, i.rest), len(i.rest)+i.left
		if p.N == 0 && len(b) > 0 {
			got, _ := i.msg.Recv(fd, b, unix.MSG_PEEK)
			p.N = got.N
		}
		return p, nil
	}
	if i.tail != nil {
		if len(i.tail.packets) == 0 {
			return p, ErrBrokenPipe
		}
		p.N, p.Message = copy(b, i.tail.packets[0].data), len(i.tail.packets[0].data)
		return p, nil
	}
	got, errno := i.msg.Recv(fd, b, unix.MSG_PEEK|unix.MSG_TRUNC)
	switch {
	case errno == unix.EAGAIN:
		return p, nil
	case errno != 0:
		return p, moving(errno)
	case !got.Message:
		return p, ErrBrokenPipe
	}
	p.N, p.Message = min(got.N, len(b)), got.N
	return p, nil
}

// peekStart brings the reader to where Peek looks: past announcements, and past a reset, and to the tail once the other end
// has gone.
func (i *inlet) peekStart(fd int) error {
	if i.tail == nil && !i.c.server && unixpipe.PeerState(fd).End {
		i.collect(fd)
	}
	if i.gone != nil {
		return i.gone
	}
	if i.tail != nil {
		return i.peekTail()
	}
	for {
		var b [announceSize + 1]byte
		got, errno := i.msg.Recv(fd, b[:], unix.MSG_PEEK|unix.MSG_TRUNC)
		if errno == unix.ECONNRESET {
			continue
		}
		if errno != 0 || !got.Marked {
			return nil
		}
		if got, errno = i.msg.Recv(fd, b[:], 0); errno != 0 {
			return moving(errno)
		}
		if err := i.note(b[:min(got.N, len(b))]); err != nil || i.left > 0 {
			return err
		}
	}
}

func (i *inlet) peekTail() error {
	for t := i.tail; len(t.packets) > 0 && t.packets[0].marked; {
		b := t.packets[0].data
		t.packets = t.packets[1:]
		if err := i.note(b); err != nil || i.left > 0 {
			return err
		}
	}
	return nil
}

func (i *inlet) note(b []byte) error {
	a, err := i.announced(b)
	if err == nil && a.kind == announceLarge {
		i.left, i.begun = int(a.size), false
	}
	return err
}

func (e *end) peerProcess() (f *os.File, err error) {
	err = e.control(func(fd int) (err error) {
		if f, err = unixpipe.PeerPIDFD(fd); err == syscall.ENOPROTOOPT {
			return sysErr(ErrUnsupported, syscall.ENOPROTOOPT)
		}
		return err
	})
	return f, err
}
