package main

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil/truth"
)

var (
	loop4      = netip.MustParseAddrPort("127.0.0.1:0")
	loop6      = netip.MustParseAddrPort("[::1]:0")
	loopMapped = netip.MustParseAddrPort("[::ffff:127.0.0.1]:0")
	any6       = netip.MustParseAddrPort("[::]:0")
)

// socket is socket(2) for the family of addr, closed on exec so that a child holds only what it is given.
func socket(addr netip.AddrPort, typ, proto int) int {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, proto)
	check(err, "socket")
	return fd
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func bindTo(fd int, a netip.AddrPort) netip.AddrPort {
	check(unix.Bind(fd, sockaddr(a)), "bind "+a.String())
	return localOf(fd)
}

func localOf(fd int) netip.AddrPort {
	sa, err := unix.Getsockname(fd)
	check(err, "getsockname")
	return addrPort(sa)
}

func listener(addr netip.AddrPort, proto, backlog int) (int, netip.AddrPort) {
	fd := socket(addr, unix.SOCK_STREAM, proto)
	at := bindTo(fd, addr)
	check(unix.Listen(fd, backlog), "listen")
	return fd, at
}

func connect(to netip.AddrPort, typ, proto int) int {
	fd := socket(to, typ, proto)
	check(unix.Connect(fd, sockaddr(to)), "connect "+to.String())
	return fd
}

func accept(l int) int {
	fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	check(err, "accept")
	return fd
}

func closeFD(fd int) { check(unix.Close(fd), "close") }

func setInt(fd, level, opt, v int) { check(unix.SetsockoptInt(fd, level, opt, v), "setsockopt") }

// describe says what a socket of this process is, but for its state. The cookie is asked for on every second descriptor:
// the kernel makes it when it is first asked, and a socket nobody asked about must be listed all the same. An MPTCP socket
// has another cookie than its first subflow, which is what tables list.
func describe(fd int) truth.Record {
	var st unix.Stat_t
	check(unix.Fstat(fd, &st), "fstat")
	r := truth.Record{FD: fd, Inode: st.Ino}
	if fd%2 == 0 && getInt(fd, unix.SO_PROTOCOL) != unix.IPPROTO_MPTCP {
		cookie, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
		check(err, "SO_COOKIE")
		r.Cookie = cookie
	}
	domain := getInt(fd, unix.SO_DOMAIN)
	if domain == unix.AF_UNIX {
		return describeUnix(fd, r)
	}
	return describeInet(fd, domain, r)
}

func getInt(fd, opt int) int {
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, opt)
	check(err, "getsockopt")
	return v
}

func describeInet(fd, domain int, r truth.Record) truth.Record {
	r.Proto = "tcp" // MPTCP counts as TCP
	if getInt(fd, unix.SO_PROTOCOL) == unix.IPPROTO_UDP {
		r.Proto = "udp"
	}
	local, remote := localOf(fd), netip.AddrPort{}
	r.Family, remote = 4, netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if domain == unix.AF_INET6 {
		r.Family, remote = 6, netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	if sa, err := unix.Getpeername(fd); err == nil {
		remote = addrPort(sa)
	}
	r.Local, r.Remote = local.String(), remote.String()
	return r
}

func describeUnix(fd int, r truth.Record) truth.Record {
	r.Proto = "unix"
	r.Type = map[int]string{unix.SOCK_STREAM: "stream", unix.SOCK_DGRAM: "dgram", unix.SOCK_SEQPACKET: "seqpacket"}[getInt(fd, unix.SO_TYPE)]
	sa, err := unix.Getsockname(fd)
	check(err, "getsockname")
	if u, ok := sa.(*unix.SockaddrUnix); ok && u.Name != "@" { // x/sys's word for no name
		r.Path = u.Name
	}
	return r
}

// turned is the record of the other end of a connection, which has no file.
func turned(r truth.Record) truth.Record {
	r.Local, r.Remote, r.Inode, r.Cookie = r.Remote, r.Local, 0, 0
	return r
}
