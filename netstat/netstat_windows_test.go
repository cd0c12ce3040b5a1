package netstat

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var procGetProcessHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

func ptr(n *uint32) unsafe.Pointer { return unsafe.Pointer(n) }

// TestEveryClass finds a socket of this process in every class that should hold it and in no other, with its owner at the
// level of the class, for both families and either order; and does not find it when it is closed.
func TestEveryClass(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		m := open(t, addr)
		for c := TCPTableBasicListener; c <= UDPTableOwnerModule; c++ {
			for _, ordered := range []bool{false, true} {
				q := c.Query()
				q.Ordered = ordered
				if q.Families = IPv4; addr == "::1" {
					q.Families = IPv6
				}
				t.Run(fmt.Sprintf("%v/%s/ordered=%v", c, addr, ordered), func(t *testing.T) { checkClass(t, q, m) })
			}
		}
		m.close()
		checkGone(t, m)
	}
}

func checkClass(t *testing.T, q Query, m *made) {
	s := list(t, q)
	if q.Owner < OwnerModule && len(s.Partial) > 0 || s.Method != IPHelper || time.Since(s.Time) > time.Minute {
		t.Errorf("%v by %v at %v", s.Partial, s.Method, s.Time)
	}
	any := netip.AddrPort{}
	isTCP := q.Protos == QueryTCP
	checkOne(t, q, "listener", find(s.Sockets, m.listener, unspecified(m.listener.Addr().Is6())), isTCP && q.States.Has(Listen), Listen)
	checkOne(t, q, "client", find(s.Sockets, m.client, m.server), isTCP && q.States.Has(Established), Established)
	checkOne(t, q, "server", find(s.Sockets, m.server, m.client), isTCP && q.States.Has(Established), Established)
	checkOne(t, q, "udp", find(s.Sockets, m.udp, any), !isTCP, Unconnected)
	for _, x := range s.Sockets {
		if isTCP != (x.Proto == TCP) || (q.Families == IPv4) != x.Local.Addr().Is4() || x.Proto == TCP && !q.States.Has(x.State) {
			t.Errorf("not asked for: %+v", x)
		}
		if x.Proto == UDP && x.Remote.IsValid() {
			t.Errorf("a remote address nobody told: %+v", x)
		}
	}
	if q.Ordered && !slices.IsSortedFunc(s.Sockets, compareSockets) {
		t.Error("not ordered")
	}
}

func checkOne(t *testing.T, q Query, what string, found []Socket, want bool, state State) {
	t.Helper()
	if !want {
		if len(found) > 0 {
			t.Errorf("%s: %+v", what, found)
		}
		return
	}
	if len(found) != 1 || found[0].State != state {
		t.Fatalf("%s: %+v", what, found)
	}
	if q.Owner == OwnerNone {
		if len(found[0].Owners) > 0 || found[0].Missing != NotMissing {
			t.Errorf("%s: %+v", what, found[0])
		}
		return
	}
	exe, _ := os.Executable()
	if !ownedBy(found[0], os.Getpid()) || !strings.EqualFold(found[0].Owners[0].Process.Name, filepath.Base(exe)) {
		t.Errorf("%s: %+v", what, found[0])
	}
	if found[0].Module != "" || found[0].Owners[0].Process.Module != "" {
		t.Errorf("%s: the test is no service: %+v", what, found[0])
	}
}

// checkGone waits until no listener and no UDP socket is left on the ports.
func checkGone(t *testing.T, m *made) {
	t.Helper()
	var left []Socket
	for range 100 {
		s := list(t, Query{LocalPorts: []uint16{m.listener.Port(), m.udp.Port()}, Owner: OwnerPID})
		left = slices.DeleteFunc(s.Sockets, func(x Socket) bool { return x.State != Listen && x.Proto == TCP })
		if len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("still there: %+v", left)
}

// TestCreated holds the time in the rows of OWNER_MODULE.
func TestCreated(t *testing.T) {
	onWine(t, "the rows of OWNER_MODULE have no creation time")
	m := open(t, "127.0.0.1")
	s := list(t, Query{Owner: OwnerModule})
	for _, a := range []netip.AddrPort{m.listener, m.client, m.udp} {
		for _, x := range find(s.Sockets, a, netip.AddrPort{}) {
			if d := time.Since(x.Created); d < -time.Second || d > time.Minute {
				t.Errorf("created %v ago: %+v", d, x)
			}
		}
	}
}

func TestFindPIDs(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		m := open(t, addr)
		me := []int{os.Getpid()}
		if pids, err := FindPIDsByTCPPort(m.listener.Port()); !slices.Equal(pids, me) || err != nil {
			t.Errorf("tcp: %v, %v", pids, err)
		}
		if pids, err := FindPIDsByUDPPort(m.udp.Port()); !slices.Equal(pids, me) || err != nil {
			t.Errorf("udp: %v, %v", pids, err)
		}
		m.close()
		checkGone(t, m)
		if pids, err := FindPIDsByUDPPort(m.udp.Port()); len(pids) > 0 || err != nil {
			t.Errorf("udp, closed: %v, %v", pids, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := addrOf(l.Addr()).Port()
	l.Close()
	if pids, err := FindPIDsByTCPPort(port); len(pids) > 0 || err != nil {
		t.Errorf("tcp, closed: %v, %v", pids, err)
	}
}

// TestTimeWait holds that a row in TIME_WAIT has no owner and says so, and that its port is owned by nobody.
func TestTimeWait(t *testing.T) {
	m := open(t, "127.0.0.1")
	client, server := m.client, m.server
	m.conn.Close() // this end waits
	m.close()
	for range 100 {
		s := list(t, Query{Protos: QueryTCP, LocalPorts: []uint16{client.Port()}, Owner: OwnerPID})
		for _, x := range find(s.Sockets, client, server) {
			if x.State != TimeWait {
				continue
			}
			if len(x.Owners) > 0 || x.Missing != MissingTimeWait {
				t.Errorf("%+v", x)
			}
			if pids, err := FindPIDsByTCPPort(client.Port()); len(pids) > 0 || err != nil {
				t.Errorf("%v, %v", pids, err)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	onWine(t, "its tables hold no rows in TIME_WAIT")
	t.Error("no TIME_WAIT row came")
}

// TestAll holds that one pass yields what Read does.
func TestAll(t *testing.T) {
	m := open(t, "127.0.0.1")
	tab, err := Open(&Config{Method: IPHelper})
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	for _, ordered := range []bool{false, true} {
		q := Query{Owner: OwnerPID, LocalPorts: []uint16{m.listener.Port(), m.udp.Port()}, Ordered: ordered}
		var s Snapshot
		if err := tab.Read(q, &s); err != nil {
			t.Fatal(err)
		}
		n := 0
		for x, err := range tab.All(q) {
			if err != nil {
				t.Fatal(err)
			}
			if len(find(s.Sockets, x.Local, x.Remote)) != 1 || !ownedBy(*x, os.Getpid()) {
				t.Errorf("%+v", x)
			}
			n++
		}
		if n != len(s.Sockets) || n != 3 {
			t.Errorf("%d sockets, and %d", n, len(s.Sockets))
		}
		for range tab.All(q) {
			break // and the table is free again
		}
	}
}

// TestUnsupported asks for what Windows lacks.
func TestUnsupported(t *testing.T) {
	open(t, "127.0.0.1")
	q := Query{Protos: QueryTCP | QueryUnix, AllNetNS: true}
	s := list(t, q)
	if len(s.Partial) != 2 || len(s.Sockets) == 0 {
		t.Errorf("%v, %d sockets", s.Partial, len(s.Sockets))
	}
	for _, err := range s.Partial {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	}
	tab, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	n := 0
	for x, err := range tab.All(q) {
		if x == nil && errors.Is(err, errors.ErrUnsupported) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d notes", n)
	}
	for _, m := range []Method{Walker, TaskFile, Proc, ProcNet} {
		if _, err := Open(&Config{Method: m}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v: %v", m, err)
		}
	}
	if err := errors.Join(Pin(PinConfig{}), Unpin()); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// TestReadAgain holds that reading a table again allocates nothing for each socket and the same Process comes back.
func TestReadAgain(t *testing.T) {
	tab, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	var s Snapshot
	q := Query{Owner: OwnerPID}
	allocs := func() float64 {
		return testing.AllocsPerRun(10, func() {
			if err := tab.Read(q, &s); err != nil {
				t.Fatal(err)
			}
		})
	}
	few := allocs()
	owner := func(a netip.AddrPort) *Process { return find(s.Sockets, a, netip.AddrPort{})[0].Owners[0].Process }
	var last *made
	for range 60 {
		last = open(t, "127.0.0.1")
	}
	many := allocs()
	if many > few+10 {
		t.Errorf("%v allocations a reading, with 240 sockets more %v", few, many)
	}
	before := owner(last.client)
	if err := tab.Read(q, &s); err != nil {
		t.Fatal(err)
	}
	if owner(last.client) != before {
		t.Error("the same process is another")
	}
}

func TestNoLeak(t *testing.T) {
	open(t, "127.0.0.1")
	work := func() {
		list(t, Query{Owner: OwnerModule})
		if _, err := (&Process{PID: os.Getpid()}).Details(); err != nil {
			t.Error(err)
		}
		Probe()
	}
	work()
	before := handles(t)
	for range 50 {
		work()
	}
	if after := handles(t); after > before+5 {
		t.Errorf("%d handles, then %d", before, after)
	}
}

// TestLinkLocal finds the zone of a link-local address, if this machine has one.
func TestLinkLocal(t *testing.T) {
	onWine(t, "the scopes in its tables are no interface indexes")
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() != nil || !n.IP.IsLinkLocalUnicast() {
			continue
		}
		for _, ifc := range interfacesOf(t, n.IP) {
			l, err := net.Listen("tcp6", fmt.Sprintf("[%v%%%d]:0", n.IP, ifc))
			if err != nil {
				continue
			}
			defer l.Close()
			want := netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf("%v%%%d", n.IP, ifc)), uint16(l.Addr().(*net.TCPAddr).Port))
			if s := list(t, Query{Protos: QueryTCP}); len(find(s.Sockets, want, netip.AddrPort{})) != 1 {
				t.Errorf("%v is not listed", want)
			}
			return
		}
	}
	t.Skip("no link-local address here")
}

func interfacesOf(t *testing.T, ip net.IP) (indexes []int) {
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, ifc := range all {
		addrs, _ := ifc.Addrs()
		if slices.ContainsFunc(addrs, func(a net.Addr) bool { return strings.HasPrefix(a.String(), ip.String()+"/") }) {
			indexes = append(indexes, ifc.Index)
		}
	}
	return indexes
}

func TestProbe(t *testing.T) {
	for _, c := range Probe() {
		t.Logf("%+v", c)
		if strings.HasPrefix(c.Name, "iphlpapi") && !c.Works || c.Name == "" || !c.Works && c.Detail == "" {
			t.Errorf("%+v", c)
		}
	}
}
