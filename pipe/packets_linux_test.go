package pipe

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// FuzzPackets has a stranger send any packets, marked ones among them, and reads messages from them: nothing that it sends
// makes a reader panic, wait for ever, or return more than it sent. Each packet is a byte with its length, whose highest bit
// marks it, and what follows.
func FuzzPackets(f *testing.F) {
	packet := func(marked byte, b []byte) []byte { return append([]byte{marked | byte(len(b))}, b...) }
	large := announcement{announceLarge, 5}.append(nil)
	cut := announcement{announceCut, 0}.append(nil)
	bye := announcement{announceBye, 0}.append(nil)
	f.Add([]byte("\x03abc\x00\x01x"), uint8(2))
	f.Add(append(append(packet(0x80, large), packet(0, []byte("abc"))...), packet(0, []byte("de"))...), uint8(1))
	f.Add(append(append(packet(0x80, large), packet(0, []byte("ab"))...), packet(0x80, cut)...), uint8(9))
	f.Add(append(packet(0, []byte("void")), packet(0x80, bye)...), uint8(0))
	f.Add(append(packet(0x80, large), packet(0x80, large)...), uint8(3))
	f.Add(packet(0x80, announcement{announceLarge, 1 << 63}.append(nil)), uint8(3))
	f.Fuzz(func(t *testing.T, sent []byte, size uint8) {
		for _, server := range []bool{true, false} {
			for _, mode := range []Mode{Byte, Message} {
				readPackets(t, sent, int(size), server, mode)
			}
		}
	})
}

func readPackets(t *testing.T, sent []byte, size int, server bool, mode Mode) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConn(fds[0], "fuzz", Message, mode, Duplex, server)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.maxMessage = 100
	total := sendPackets(fds[1], sent)
	unix.Close(fds[1])
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, size)
	for got, calls := 0, 0; ; calls++ {
		n, err := c.Read(b)
		if calls%3 == 1 && err == nil {
			c.Peek(b)
			var m []byte
			m, err = c.ReadMessage(nil)
			n += len(m)
		}
		got += n
		switch {
		case got > total:
			t.Fatalf("%d bytes were sent, %d read", total, got)
		case errors.Is(err, ErrTimeout) || calls > 10+2*len(sent)+total && size > 0:
			t.Fatalf("after %d reads: %v", calls, err)
		case err == io.EOF, size == 0 && calls > 10:
			return
		case err != nil && !errors.Is(err, ErrMoreData) && !errors.Is(err, ErrMessageCut):
			return
		}
	}
}

func sendPackets(fd int, b []byte) (total int) {
	var m unixpipe.Msg
	for len(b) > 0 {
		head, n := b[0], min(int(b[0]&0x7f), len(b)-1)
		data := b[1 : 1+n]
		b = b[1+n:]
		total += n
		var errno error
		if head&0x80 != 0 {
			if e := m.SendMarked(fd, data, 1); e != 0 {
				errno = e
			}
		} else if _, e := unixpipe.Send(fd, data); e != 0 {
			errno = e
		}
		if errno != nil {
			return total
		}
	}
	return total
}
