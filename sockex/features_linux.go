package sockex

import (
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

func features() []Feature {
	reuse := probeReuse()
	return []Feature{
		{Name: "AcceptEx", How: Emulated, By: "accept, recv"},
		{Name: "AcceptEx into a socket", How: reuse, By: "dup3 on a port; else the new socket replaces it"},
		{Name: "GetAcceptExSockaddrs", How: Emulated, By: "getsockname, getpeername"},
		{Name: "ConnectEx", How: Emulated, By: "connect, send"},
		probeFastOpen(),
		{Name: "ConnectTime", How: probeConnectTime(), By: "TCP_INFO, until data has gone both ways"},
		{Name: "DisconnectEx", How: Emulated, By: "shutdown"},
		{Name: "TF_REUSE_SOCKET", How: reuse, By: "shutdown, recv, connect to AF_UNSPEC"},
		{Name: "TransmitFile", How: Emulated, By: "sendmsg for small files, TCP_CORK and sendfile for others"},
		{Name: "TransmitPackets on a stream", How: Emulated, By: "sendmsg, TCP_CORK and sendfile"},
		probeSegments(),
	}
}

// onSocket calls f with a socket that has no peer yet.
func onSocket(kind int, f func(fd int) bool) How {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return Missing
	}
	defer unix.Close(fd)
	if !f(fd) {
		return Missing
	}
	return Emulated
}

func probeReuse() How {
	return onSocket(unix.SOCK_STREAM, func(fd int) bool { return unconnect(fd) == nil })
}

func probeConnectTime() How {
	return onSocket(unix.SOCK_STREAM, func(fd int) bool {
		_, err := connectTime(uintptr(fd))
		return err == ErrNotConnected
	})
}

// probeFastOpen reads net.ipv4.tcp_fastopen, of which bit 1 is for clients.
func probeFastOpen() Feature {
	f := Feature{Name: "fast open", By: "MSG_FASTOPEN, with a cookie of the server's"}
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_fastopen")
	if n, e := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && e == nil && n&1 != 0 {
		f.How = Emulated
	}
	return f
}

// probeSegments sends itself as many datagrams in one call as the kernel cuts (UDP_SEGMENT).
func probeSegments() Feature {
	f := Feature{Name: "TransmitPackets of datagrams", How: Emulated, By: "sendmmsg"}
	_ = onSocket(unix.SOCK_DGRAM, func(fd int) bool {
		if unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) != nil {
			return false
		}
		me, err := unix.Getsockname(fd)
		if err != nil || unix.Connect(fd, me) != nil {
			return false
		}
		for _, n := range []int{maxSegments, oldSegments} {
			if sendSegments(fd, n) == nil {
				f.By, f.Limit = "UDP_SEGMENT where they are equal, else sendmmsg", n
				return true
			}
		}
		return false
	})
	return f
}

// sendSegments sends n datagrams of one byte in one call.
func sendSegments(fd, n int) error {
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(oob)))
	h.Level, h.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&oob[unix.CmsgLen(0)])) = 1
	_, err := unix.SendmsgN(fd, make([]byte, n), oob, nil, 0)
	return err
}
