package sockex

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
)

// sysTransmission is what an operation has on Linux besides.
type sysTransmission struct {
	post bool // datagrams
}

// portTurn is how many bytes an operation sends before others of its port have their turn.
const portTurn = 4 << 20

// start finds out what kind of socket it is.
func (x *Transmission) start(fd uintptr) error {
	kind, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return err
	}
	x.sys.post = kind == unix.SOCK_DGRAM
	switch {
	case !x.sys.post:
		return nil
	case !x.packets:
		return ErrSocketKind
	}
	return x.startLetters(int(fd))
}

func (x *Transmission) startLetters(fd int) (err error) {
	if x.t.flags.has(TF_DISCONNECT) {
		return ErrFlags
	}
	l := &x.t.sys.letters
	l.segments = maxSegments
	peer := x.To
	if peer.IsValid() {
		l.to, err = sockaddrFor(fd, peer)
	} else if peer, err = x.op.Handle.RemoteAddr(); err == nil && !peer.IsValid() {
		peer = netip.AddrPort{} // of a Unix socket: the kernel knows its limit
	}
	if err != nil {
		return err
	}
	return x.t.checkDatagrams(datagramLimit(peer))
}

// round sends what the socket takes.
func (x *Transmission) round(fd uintptr, _ unsafe.Pointer) (int, error) {
	x.t.sys.budget = portTurn
	if x.sys.post {
		return 0, x.t.post(int(fd))
	}
	return 0, x.t.step(int(fd))
}

// more reports whether the operation has given way, and goes on.
func (x *Transmission) more(op *completion.Op) bool { return op.Err == errYield }

// explain is the operation's error, as far as it can be told.
func (x *Transmission) explain(op *completion.Op) error {
	return x.t.explain(int(op.Handle.FD()), op.Err)
}

// end leaves the socket as it was.
func (x *Transmission) end(op *completion.Op) { x.t.uncork(int(op.Handle.FD())) }
