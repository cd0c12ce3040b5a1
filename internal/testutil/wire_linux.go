package testutil

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Wire is a link with a delay, in a network namespace of the caller's own: a TUN device whose packets come back to it after
// a while, with the addresses of both ends exchanged. So a client that connects to WirePeer is a client WirePeer of what
// listens on WireHost. Exchanging addresses changes no checksum.
type Wire struct {
	f     *os.File
	queue chan packet
	ended sync.WaitGroup

	mu    sync.Mutex
	delay time.Duration
	cut   bool
	seen  []Segment
}

// The addresses of the two ends.
const WireHost, WirePeer = "10.9.0.1", "10.9.0.2"

// Segment is what of a TCP segment tests look at: its flags, as in its header, and how many bytes of data it has.
type Segment struct {
	Flags byte
	Data  int
}

// The flags.
const (
	SYN = 0x02
	RST = 0x04
	ACK = 0x10
)

type packet struct {
	bytes []byte
	due   time.Time
}

// OpenWire makes the link, each way of which takes so long. It needs root, /dev/net/tun, and the program ip.
func OpenWire(delay time.Duration) (*Wire, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var req struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(req.name[:], "wire0")
	req.flags = unix.IFF_TUN | unix.IFF_NO_PI
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&req))); errno != 0 {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("TUNSETIFF: %w", errno)
	}
	w := &Wire{f: os.NewFile(uintptr(fd), "tun"), delay: delay, queue: make(chan packet, 10000)}
	for _, args := range [][]string{{"addr", "add", WireHost + "/24", "dev", "wire0"}, {"link", "set", "wire0", "up"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			_ = w.f.Close()
			return nil, fmt.Errorf("ip: %w: %s", err, out)
		}
	}
	w.ended.Go(w.run)
	w.ended.Go(w.deliver)
	return w, nil
}

// Close takes the link away.
func (w *Wire) Close() error {
	err := w.f.Close()
	w.ended.Wait()
	return err
}

func (w *Wire) run() {
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

func (w *Wire) carry(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if head := int(p[0]&15) * 4; p[9] == unix.IPPROTO_TCP {
		tcp := p[head:binary.BigEndian.Uint16(p[2:])]
		w.seen = append(w.seen, Segment{Flags: tcp[13], Data: len(tcp) - int(tcp[12]>>4)*4})
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
func (w *Wire) deliver() {
	for p := range w.queue {
		time.Sleep(time.Until(p.due))
		_, _ = w.f.Write(p.bytes)
	}
}

// Take returns what has been seen since it was called last.
func (w *Wire) Take() []Segment {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	w.seen = nil
	return s
}

// Cut has nothing get through, or everything again.
func (w *Wire) Cut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
}

// Count is how many segments have these flags.
func Count(all []Segment, flags byte) (n int) {
	for _, s := range all {
		if s.Flags&flags == flags {
			n++
		}
	}
	return n
}
