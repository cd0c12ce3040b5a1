package iphlpapi

import (
	"errors"
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

var capture = flag.String("capture", "", "write one table of each kind to this directory (miblayout's testdata)")

// source is one table of the system and what it is made of.
type source struct {
	name string
	kind miblayout.Kind
	read func(*Buffer, bool) ([]byte, error)
}

func tcp(af Family, c TCPClass) func(*Buffer, bool) ([]byte, error) {
	return func(b *Buffer, order bool) ([]byte, error) { return b.TCP(af, c, order) }
}

func udp(af Family, c UDPClass) func(*Buffer, bool) ([]byte, error) {
	return func(b *Buffer, order bool) ([]byte, error) { return b.UDP(af, c, order) }
}

// sources is every table that the system has.
var sources = []source{
	{"tcp4 basic listener", miblayout.TCP4Basic, tcp(IPv4, TCPBasicListener)},
	{"tcp4 basic connections", miblayout.TCP4Basic, tcp(IPv4, TCPBasicConnections)},
	{"tcp4 basic all", miblayout.TCP4Basic, tcp(IPv4, TCPBasicAll)},
	{"tcp4 pid listener", miblayout.TCP4PID, tcp(IPv4, TCPPIDListener)},
	{"tcp4 pid connections", miblayout.TCP4PID, tcp(IPv4, TCPPIDConnections)},
	{"tcp4 pid all", miblayout.TCP4PID, tcp(IPv4, TCPPIDAll)},
	{"tcp4 module listener", miblayout.TCP4Module, tcp(IPv4, TCPModuleListener)},
	{"tcp4 module connections", miblayout.TCP4Module, tcp(IPv4, TCPModuleConnections)},
	{"tcp4 module all", miblayout.TCP4Module, tcp(IPv4, TCPModuleAll)},
	{"tcp6 basic all", miblayout.TCP6Basic, (*Buffer).TCP6},
	{"tcp6 pid listener", miblayout.TCP6PID, tcp(IPv6, TCPPIDListener)},
	{"tcp6 pid connections", miblayout.TCP6PID, tcp(IPv6, TCPPIDConnections)},
	{"tcp6 pid all", miblayout.TCP6PID, tcp(IPv6, TCPPIDAll)},
	{"tcp6 module listener", miblayout.TCP6Module, tcp(IPv6, TCPModuleListener)},
	{"tcp6 module connections", miblayout.TCP6Module, tcp(IPv6, TCPModuleConnections)},
	{"tcp6 module all", miblayout.TCP6Module, tcp(IPv6, TCPModuleAll)},
	{"udp4 basic", miblayout.UDP4Basic, udp(IPv4, UDPBasic)},
	{"udp4 pid", miblayout.UDP4PID, udp(IPv4, UDPPID)},
	{"udp4 module", miblayout.UDP4Module, udp(IPv4, UDPModule)},
	{"udp6 basic", miblayout.UDP6Basic, udp(IPv6, UDPBasic)},
	{"udp6 pid", miblayout.UDP6PID, udp(IPv6, UDPPID)},
	{"udp6 module", miblayout.UDP6Module, udp(IPv6, UDPModule)},
}

// sockets opens a listener, a connection with both ends, and a UDP socket, and returns the ports of the first and the last.
func sockets(t *testing.T, addr string) (tcpPort, udpPort uint16) {
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port), udpSocket(t, addr)
}

// udpSocket binds a UDP socket without package net, which under Wine fails for want of SIO_UDP_NETRESET.
func udpSocket(t *testing.T, addr string) (port uint16) {
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
	t.Cleanup(func() { windows.Closesocket(s) })
	if err := windows.Bind(s, sa); err != nil {
		t.Fatal(err)
	}
	if sa, err = windows.Getsockname(s); err != nil {
		t.Fatal(err)
	}
	if sa, ok := sa.(*windows.SockaddrInet6); ok {
		return uint16(sa.Port)
	}
	return uint16(sa.(*windows.SockaddrInet4).Port)
}

// TestTables finds sockets of this process in every table that should hold them, with this process as the owner.
func TestTables(t *testing.T) {
	tcp4, udp4 := sockets(t, "127.0.0.1")
	tcp6, udp6 := sockets(t, "::1")
	port := map[byte]uint16{0: tcp4, 1: tcp6, 2: udp4, 3: udp6}
	var b Buffer
	for _, s := range sources {
		l, _ := s.kind.Layout()
		which := byte(0)
		if l.V6 {
			which |= 1
		}
		if !miblayout.Has(l.State) {
			which |= 2
		}
		for _, order := range []bool{false, true} {
			raw, err := s.read(&b, order)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			tab, err := miblayout.Parse(s.kind, raw)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			check(t, s, l, tab, port[which])
			save(t, s, raw[:int(l.First)+tab.Len()*int(l.Size)])
		}
	}
}

func check(t *testing.T, s source, l miblayout.Layout, tab miblayout.Table, port uint16) {
	t.Helper()
	found := 0
	for i := range tab.Len() {
		r := tab.Row(i)
		if r.Local.Port() != port {
			continue
		}
		found++
		if miblayout.Has(l.PID) && int(r.PID) != os.Getpid() {
			t.Errorf("%s: owner %d, want %d: %+v", s.name, r.PID, os.Getpid(), r)
		}
		if r.Local.Port() == 0 || !r.Local.Addr().IsLoopback() {
			t.Errorf("%s: %+v", s.name, r)
		}
	}
	if found == 0 {
		t.Errorf("%s: port %d is not among %d rows", s.name, port, tab.Len())
	}
}

// save keeps the last table of each kind: the one of every state.
func save(t *testing.T, s source, raw []byte) {
	if *capture == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*capture, s.kind.String()+".bin"), raw, 0o644); err != nil {
		t.Error(err)
	}
}

// TestTCP6Basic asks for what the manual leaves out: the BASIC classes of IPv6. Whatever the answer, it is an error or a
// MIB_TCP6TABLE.
func TestTCP6Basic(t *testing.T) {
	sockets(t, "::1")
	var b Buffer
	for _, c := range []TCPClass{TCPBasicListener, TCPBasicConnections, TCPBasicAll} {
		raw, err := b.TCP(IPv6, c, false)
		var call *CallError
		if err != nil {
			t.Logf("class %d: %v", c, err)
			if !errors.As(err, &call) || call.Func != "GetExtendedTcpTable" {
				t.Errorf("%#v", err)
			}
			continue
		}
		tab, err := miblayout.Parse(miblayout.TCP6Basic, raw)
		if err != nil || tab.Len() == 0 {
			t.Errorf("class %d: %d rows, %v", c, tab.Len(), err)
		}
		t.Logf("class %d: MIB_TCP6TABLE of %d rows", c, tab.Len())
	}
}

// grows is a table function that finds its table grown the first n times it is called, then calls the real one.
func grows(n int, real call) (call, *int) {
	calls := 0
	return func(p *byte, size *uint32) error {
		if calls++; calls <= n {
			*size += 4096
			return windows.ERROR_INSUFFICIENT_BUFFER
		}
		return real(p, size)
	}, &calls
}

func TestTableGrows(t *testing.T) {
	real := func(p *byte, size *uint32) error {
		return getExtendedTcpTable(p, size, false, uint32(IPv4), uint32(TCPPIDAll), 0)
	}
	for _, n := range []int{0, 1, 3, maxTries - 1} {
		var b Buffer
		f, calls := grows(n, real)
		raw, err := b.fill("f", f)
		if err != nil || *calls != n+1 {
			t.Fatalf("grown %d times: %d calls, %v", n, *calls, err)
		}
		if _, err := miblayout.Parse(miblayout.TCP4PID, raw); err != nil {
			t.Error(err)
		}
	}
	var b Buffer
	f, calls := grows(maxTries, real)
	if _, err := b.fill("f", f); !errors.Is(err, errGrowing) || *calls != maxTries {
		t.Errorf("a table that never fits: %d calls, %v", *calls, err)
	}
}

// TestTableAbsurd refuses a size that no table has, and survives one that is smaller than what was offered.
func TestTableAbsurd(t *testing.T) {
	var b Buffer
	_, err := b.fill("f", func(_ *byte, size *uint32) error {
		*size = 0xffffffff
		return windows.ERROR_INSUFFICIENT_BUFFER
	})
	if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) {
		t.Error(err)
	}
	var last uint32
	_, err = b.fill("f", func(_ *byte, size *uint32) error {
		if *size <= last {
			t.Errorf("offered %d bytes after %d", *size, last)
		}
		last = *size
		*size = 1
		return windows.ERROR_INSUFFICIENT_BUFFER
	})
	if !errors.Is(err, errGrowing) {
		t.Error(err)
	}
}

// TestFirstCall grows a real table out of the smallest buffer.
func TestFirstCall(t *testing.T) {
	sockets(t, "127.0.0.1")
	b := Buffer{b: make([]byte, 4)}
	raw, err := b.TCP(IPv4, TCPModuleAll, false)
	if err != nil {
		t.Fatal(err)
	}
	if tab, err := miblayout.Parse(miblayout.TCP4Module, raw); err != nil || tab.Len() < 3 {
		t.Errorf("%d rows, %v", tab.Len(), err)
	}
}

func TestNoData(t *testing.T) {
	b := Buffer{b: []byte{1, 2, 3, 4, 5, 6, 7, 8}}
	raw, err := b.fill("f", func(*byte, *uint32) error { return windows.ERROR_NO_DATA })
	if err != nil {
		t.Fatal(err)
	}
	if tab, err := miblayout.Parse(miblayout.TCP6Basic, raw); err != nil || tab.Len() != 0 {
		t.Errorf("%d rows, %v", tab.Len(), err)
	}
}

func TestReadAgainCostsNothing(t *testing.T) {
	var b Buffer
	read := func() {
		if _, err := b.TCP(IPv4, TCPPIDAll, false); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if n := testing.AllocsPerRun(20, read); n > 4 {
		t.Errorf("%v allocations a read", n)
	}
}

// TestOwnerModule asks who made a listener of this process: the module of a program is its file.
func TestOwnerModule(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine's iphlpapi has no GetOwnerModuleFromTcpEntry")
	}
	port, _ := sockets(t, "127.0.0.1")
	var rows, info Buffer
	raw, err := rows.TCP(IPv4, TCPModuleListener, false)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := miblayout.Parse(miblayout.TCP4Module, raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tab.Len() {
		if tab.LocalPort(i) != port {
			continue
		}
		m, err := info.OwnerModule(TCPEntry, tab.Raw(i))
		if err != nil || m.Name == "" || m.Path == "" {
			t.Errorf("%+v, %v", m, err)
		}
	}
	runtime.KeepAlive(&rows)
}

// TestOwnerModuleMissing gets an error, not a panic, where the system lacks the call.
func TestOwnerModuleMissing(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("Windows has the call")
	}
	var b Buffer
	for e := TCPEntry; e <= UDP6Entry; e++ {
		var call *CallError
		if m, err := b.OwnerModule(e, make([]byte, 192)); !errors.As(err, &call) {
			t.Errorf("%d: %+v, %v", e, m, err)
		}
	}
}

// TestText takes no string from outside the buffer.
func TestText(t *testing.T) {
	buf := make([]byte, 64)
	elsewhere := uint16('x')
	if s := text(buf, nil) + text(buf, &elsewhere); s != "" {
		t.Errorf("%q", s)
	}
}
