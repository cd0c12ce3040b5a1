package sockex

import (
	"encoding/binary"
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// wire is a link with a delay, in the test's own namespace: a TUN device whose packets come back to it after a while, with
// the addresses of both ends exchanged. So a client that connects to wirePeer is a client wirePeer of what listens on
// wireHost. Exchanging addresses changes no checksum.
type wire struct {
	f *os.File

	mu    sync.Mutex
	delay time.Duration
	cut   bool // nothing gets through
	seen  []segment
	queue chan packet
}

type packet struct {
	bytes []byte
	due   time.Time
}

const wireHost, wirePeer = "10.9.0.1", "10.9.0.2"

// segment is what of a TCP segment tests look at.
type segment struct {
	flags byte
	data  int
}

const (
	finFlag = 0x01
	synFlag = 0x02
	rstFlag = 0x04
	ackFlag = 0x10
)

func newWire(t *testing.T, delay time.Duration) *wire {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		testutil.Lack(t, "no TUN device: "+err.Error())
	}
	var req struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(req.name[:], "wire0")
	req.flags = unix.IFF_TUN | unix.IFF_NO_PI
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&req))); errno != 0 {
		t.Fatal("TUNSETIFF: ", errno)
	}
	w := &wire{f: os.NewFile(uintptr(fd), "tun"), delay: delay, queue: make(chan packet, 10000)}
	testutil.Command(t, "ip", "addr", "add", wireHost+"/24", "dev", "wire0")
	testutil.Command(t, "ip", "link", "set", "wire0", "up")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run()
	}()
	go w.deliver()
	t.Cleanup(func() {
		_ = w.f.Close()
		<-ended
	})
	return w
}

func (w *wire) run() {
	defer close(w.queue)
	for b := make([]byte, 65536); ; {
		n, err := w.f.Read(b)
		if err != nil {
			return
		}
		if p := append([]byte(nil), b[:n]...); p[0]>>4 == 4 {
			w.carry(p)
		}
	}
}

func (w *wire) carry(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if head := int(p[0]&15) * 4; p[9] == unix.IPPROTO_TCP {
		tcp := p[head:binary.BigEndian.Uint16(p[2:])]
		w.seen = append(w.seen, segment{flags: tcp[13], data: len(tcp) - int(tcp[12]>>4)*4})
	}
	if w.cut {
		return
	}
	for i := range 4 {
		p[12+i], p[16+i] = p[16+i], p[12+i]
	}
	w.queue <- packet{p, time.Now().Add(w.delay)}
}

// deliver puts packets back in their order.
func (w *wire) deliver() {
	for p := range w.queue {
		time.Sleep(time.Until(p.due))
		_, _ = w.f.Write(p.bytes)
	}
}

// take returns what has been seen since it was called last.
func (w *wire) take() []segment {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	w.seen = nil
	return s
}

func (w *wire) set(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

func count(all []segment, flags byte) (n int) {
	for _, s := range all {
		if s.flags&flags == flags {
			n++
		}
	}
	return n
}
