package netstat

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// onWine skips the test under Wine, which lacks what it needs.
func onWine(t *testing.T, lacks string) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine: " + lacks)
	}
}

// made is what a test opened on one address: a listener, both ends of a connection to it, a UDP socket.
type made struct {
	listener, client, server, udp netip.AddrPort
	conn                          net.Conn // the client's end
	closers                       []func()
}

func (m *made) close() {
	for _, c := range m.closers {
		c()
	}
	m.closers = nil
}

func open(t *testing.T, addr string) *made {
	t.Helper()
	m := new(made)
	t.Cleanup(m.close)
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	m.closers = append(m.closers, func() { l.Close() })
	if m.conn, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	m.closers = append(m.closers, func() { m.conn.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	m.closers = append(m.closers, func() { server.Close() })
	m.listener, m.client, m.server = addrOf(l.Addr()), addrOf(m.conn.LocalAddr()), addrOf(server.LocalAddr())
	var closeUDP func()
	m.udp, closeUDP = openUDP(t, addr)
	m.closers = append(m.closers, closeUDP)
	return m
}

func addrOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

// openUDP binds a UDP socket without package net, which under Wine fails for want of SIO_UDP_NETRESET.
func openUDP(t *testing.T, addr string) (netip.AddrPort, func()) {
	t.Helper()
	ip := netip.MustParseAddr(addr)
	var sa windows.Sockaddr = &windows.SockaddrInet6{Addr: ip.As16()}
	af := windows.AF_INET6
	if ip.Is4() {
		sa, af = &windows.SockaddrInet4{Addr: ip.As4()}, windows.AF_INET
	}
	s, err := windows.Socket(af, windows.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := windows.Bind(s, sa); err != nil {
		t.Fatal(err)
	}
	if sa, err = windows.Getsockname(s); err != nil {
		t.Fatal(err)
	}
	port := 0
	switch sa := sa.(type) {
	case *windows.SockaddrInet4:
		port = sa.Port
	case *windows.SockaddrInet6:
		port = sa.Port
	}
	return netip.AddrPortFrom(ip, uint16(port)), func() { windows.Closesocket(s) }
}

// find returns the sockets with that local and, if it is valid, remote address.
func find(sockets []Socket, local, remote netip.AddrPort) (all []Socket) {
	for _, s := range sockets {
		if s.Local == local && (!remote.IsValid() || s.Remote == remote) {
			all = append(all, s)
		}
	}
	return all
}

func list(t *testing.T, q Query) *Snapshot {
	t.Helper()
	s, err := List(q)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ownedBy reports whether the process is the socket's one owner.
func ownedBy(s Socket, pid int) bool {
	return s.Missing == NotMissing && len(s.Owners) == 1 && s.Owners[0].Process.PID == pid && s.Owners[0].FD == -1
}

const childEnv = "SOCKEYE_NETSTAT_CHILD"

// child is this test program again, holding a listener.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	addr netip.AddrPort
}

func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.Command(exe, append([]string{"-test.run=^TestChildProcess$"}, args...)...)}
	c.cmd.Env = append(os.Environ(), childEnv+"=1")
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in = in
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c.addr = netip.MustParseAddrPort(strings.TrimSpace(line))
	return c
}

func (c *child) stop() {
	c.in.Close()
	c.cmd.Wait()
}

// TestChildProcess is the child: it says where it listens and ends with its input.
func TestChildProcess(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		t.Skip("only in a process that another test starts")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Println(l.Addr())
	io.Copy(io.Discard, os.Stdin)
}

func handles(t *testing.T) (n uint32) {
	t.Helper()
	if err := procGetProcessHandleCount.Find(); err != nil {
		t.Fatal(err)
	}
	if ok, _, err := procGetProcessHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(ptr(&n))); ok == 0 {
		t.Fatal(err)
	}
	return n
}
