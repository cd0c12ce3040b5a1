package sockex

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TCP's states (include/net/tcp_states.h).
const (
	tcpSynSent   = 2
	tcpClose     = 7
	tcpListen    = 10
	tcpCloseWait = 8
	tcpLastAck   = 9
	tcpClosing   = 11
)

// connectTime asks for the last data of both directions: the kernel sets both times when the connection comes about, and only
// data moves them (icsk_ack.lrcvtime, lsndtime).
func connectTime(fd uintptr) (time.Duration, error) {
	var info unix.TCPInfo
	n := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_INFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&n)), 0)
	switch {
	case errno == unix.EOPNOTSUPP || errno == unix.ENOPROTOOPT:
		return 0, ErrSocketKind
	case errno != 0:
		return 0, errno
	}
	return ageOf(&info)
}

func ageOf(info *unix.TCPInfo) (time.Duration, error) {
	if s := info.State; s == tcpClose || s == tcpListen || s == tcpSynSent {
		return 0, ErrNotConnected
	}
	received := info.Bytes_received
	if s := info.State; received > 0 && (s == tcpCloseWait || s == tcpLastAck || s == tcpClosing) {
		received-- // the end of the stream counts
	}
	switch {
	case received == 0:
		return time.Duration(info.Last_data_recv) * time.Millisecond, nil
	case info.Bytes_sent == 0:
		return time.Duration(info.Last_data_sent) * time.Millisecond, nil
	}
	return 0, fmt.Errorf("%w: data has gone both ways", errors.ErrUnsupported)
}
