package netstat_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/truth"
	"github.com/sockeye-net/sockeye/netstat"
)

// TestProofQueries narrows the table in every way and compares with the whole table, narrowed here.
func TestProofQueries(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	testutil.Veth(t, "v0", "v1")
	records := startKinds(t, testutil.BuildMakers(t), testutil.AllKinds, 2)
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) {
			table := open(t, m)
			for _, q := range queries(t, records) {
				checkQuery(t, table, q)
			}
		})
	}
}

// queries are one of each kind of narrowing, and some together.
func queries(t *testing.T, records []truth.Record) []netstat.Query {
	ports := somePorts(records)
	return []netstat.Query{
		{}, {Protos: netstat.QueryTCP}, {Protos: netstat.QueryUDP}, {Protos: netstat.QueryUnix}, {Protos: allProtos},
		{Families: netstat.IPv4}, {Families: netstat.IPv6}, {Protos: allProtos, Families: netstat.IPv6},
		{States: netstat.ListenerStates}, {States: netstat.ConnectionStates},
		{States: netstat.StatesOf(netstat.TimeWait)}, {States: netstat.StatesOf(netstat.SynRecv)}, {States: netstat.StatesOf(netstat.Bound)},
		{States: netstat.StatesOf(netstat.FinWait2)}, {Protos: allProtos, States: netstat.StatesOf(netstat.Established, netstat.Unconnected)},
		{LocalPorts: ports[:1]}, {LocalPorts: ports}, {Protos: netstat.QueryTCP, LocalPorts: ports, States: netstat.ListenerStates},
		{LocalPorts: ports, Families: netstat.IPv6}, {Ordered: true}, {Protos: allProtos, Ordered: true},
	}
}

// somePorts are local ports of every protocol and of sockets without a file.
func somePorts(records []truth.Record) (ports []uint16) {
	seen := map[string]bool{}
	for _, r := range records {
		if a, err := netip.ParseAddrPort(r.Local); err == nil && !seen[r.Kind] && !r.Absent {
			seen[r.Kind] = true
			ports = append(ports, a.Port())
		}
	}
	return ports
}

func checkQuery(t *testing.T, table *netstat.Table, q netstat.Query) {
	for _, level := range []netstat.OwnerLevel{netstat.OwnerNone, netstat.OwnerPID} {
		q.Owner = level
		var whole, s netstat.Snapshot
		if err := errors.Join(table.Read(netstat.Query{Protos: allProtos, Owner: level}, &whole), table.Read(q, &s)); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		want := slices.DeleteFunc(slices.Clone(whole.Sockets), func(k netstat.Socket) bool { return !matches(q, &k) })
		for _, d := range testutil.DiffRows(rowsOf(&s), rowsOf(&netstat.Snapshot{Sockets: want})) {
			t.Errorf("%+v: %s", q, d)
		}
		if q.Ordered && !slices.IsSortedFunc(s.Sockets, order) {
			t.Errorf("%+v: not in order", q)
		}
		checkAll(t, table, q, &s)
	}
}

// checkAll holds that one pass yields what Read does.
func checkAll(t *testing.T, table *netstat.Table, q netstat.Query, s *netstat.Snapshot) {
	var rows []testutil.Row
	for k, err := range table.All(q) {
		if err == nil {
			rows = append(rows, rowOf(k))
		}
	}
	for _, d := range testutil.DiffRows(rows, rowsOf(s)) {
		t.Errorf("All %+v: %s", q, d)
	}
}

func order(a, b netstat.Socket) int {
	if a.Proto != b.Proto {
		return int(a.Proto) - int(b.Proto)
	}
	if x, y := a.Local.Addr().BitLen(), b.Local.Addr().BitLen(); x != y {
		return x - y
	}
	return a.Local.Compare(b.Local)
}

// matches says again, in other words, what Query promises.
func matches(q netstat.Query, k *netstat.Socket) bool {
	v6 := k.Local.Addr().Is6()
	switch {
	case !q.Protos.Has(k.Proto), !q.States.Has(k.State):
		return false
	case k.Proto == netstat.Unix:
		return len(q.LocalPorts) == 0
	case q.Families != 0 && v6 && q.Families&netstat.IPv6 == 0, q.Families != 0 && !v6 && q.Families&netstat.IPv4 == 0:
		return false
	}
	return len(q.LocalPorts) == 0 || slices.Contains(q.LocalPorts, k.Local.Port())
}

// TestProofFind holds the answers of the Find functions apart: these processes, nobody. The third, could not find out,
// is in TestProofUser.
func TestProofFind(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	makers := testutil.BuildMakers(t)
	var records []truth.Record
	for _, kind := range []string{"listen4", "listen6", "reuseport", "reuseport-udp", "fork", "pass", "thread", "udp6", "bound", "listen-go"} {
		records = append(records, makers.Start(t, kind, 3).Records...)
	}
	checkFound(t, "tcp", records, netstat.FindPIDsByTCPPort)
	checkFound(t, "udp", records, netstat.FindPIDsByUDPPort)
	checkNobody(t)
}

// checkFound asks for every port of the records. The kernel may give one port to makers of several kinds, each at an address
// of its own: all of them own it.
func checkFound(t *testing.T, proto string, records []truth.Record, find func(uint16) ([]int, error)) {
	t.Helper()
	want := map[uint16][]int{}
	for _, r := range records {
		if a, err := netip.ParseAddrPort(r.Local); err == nil && r.Proto == proto {
			want[a.Port()] = append(want[a.Port()], r.PID)
		}
	}
	if len(want) < 3 {
		t.Fatalf("only %d ports of %s", len(want), proto)
	}
	for port, pids := range want {
		slices.Sort(pids)
		got, err := find(port)
		if err != nil || !slices.Equal(got, slices.Compact(pids)) {
			t.Errorf("%s port %d belongs to %v (%v), want %v", proto, port, got, err, pids)
		}
	}
}

// checkNobody asks for ports that nobody has, one of them with a TIME_WAIT row.
func checkNobody(t *testing.T) {
	t.Helper()
	port := closedPort(t)
	for _, find := range []func(uint16) ([]int, error){netstat.FindPIDsByTCPPort, netstat.FindPIDsByUDPPort} {
		if pids, err := find(port); err != nil || len(pids) > 0 {
			t.Errorf("port %d belongs to %v (%v), want nobody", port, pids, err)
		}
	}
}

// closedPort is a port on which a connection was closed from the server's side, so that a TIME_WAIT row has it.
func closedPort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	c.Read(make([]byte, 1))
	c.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// TestProofNamespaces has makers in two namespaces: a plain query sees its own only, AllNetNS both, with their labels.
func TestProofNamespaces(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	makers := testutil.BuildMakers(t)
	kinds := []string{"listen4", "listen-go", "pair6", "udp4", "udp-connected", "time-wait", "fin-wait1", "accept-queue", "fork", "in-flight", "unix-stream"}
	here := startKinds(t, makers, kinds, 3)
	var there []truth.Record
	var other *testutil.Maker
	testutil.InNewNetNS(t, func() {
		other = makers.Start(t, "listen6", 1)
		there = append(startKinds(t, makers, kinds, 3), other.Records...)
	})
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) {
			same(t, rowsOf(readWith(t, m, everything)), truthFor(m, here))
			q := everything
			q.AllNetNS = true
			s := readWith(t, m, q)
			same(t, rowsIn(s, namespaceOf(t, "self")), truthFor(m, here))
			same(t, rowsIn(s, namespaceOf(t, strconv.Itoa(other.PID))), truthFor(m, there))
		})
	}
}

func rowsIn(s *netstat.Snapshot, ns uint64) (rows []testutil.Row) {
	for i := range s.Sockets {
		if s.Sockets[i].NetNS == ns {
			rows = append(rows, rowOf(&s.Sockets[i]))
		}
	}
	return rows
}

// TestProofProcess compares what is told about an owner with what we know of ourselves.
func TestProofProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	s, err := netstat.List(netstat.Query{LocalPorts: []uint16{port}, Owner: netstat.OwnerPID})
	if err != nil || len(s.Sockets) != 1 || len(s.Sockets[0].Owners) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	p := s.Sockets[0].Owners[0].Process
	d, err := p.Details()
	if err != nil {
		t.Fatal(err)
	}
	exe, _ := os.Executable()
	if p.PID != os.Getpid() || d.Exe != exe || !slices.Equal(d.Args, os.Args) || int(d.UID) != os.Getuid() || len(d.Parents) == 0 || d.Parents[0].PID != os.Getppid() {
		t.Errorf("process %+v with details %+v", p, d)
	}
	if p.Started.IsZero() || !p.Started.Equal(d.Started) {
		t.Errorf("started %v, and in the details %v", p.Started, d.Started)
	}
}

// TestProofGone asks for the details of a process that has ended.
func TestProofGone(t *testing.T) {
	testutil.NeedRoot(t)
	maker := testutil.BuildMakers(t).Start(t, "listen4", 1)
	port := netip.MustParseAddrPort(maker.Records[0].Local).Port()
	s, err := netstat.List(netstat.Query{LocalPorts: []uint16{port}, Owner: netstat.OwnerPID})
	if err != nil || len(s.Sockets) != 1 || len(s.Sockets[0].Owners) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	p := s.Sockets[0].Owners[0].Process
	maker.Stop()
	if _, err := p.Details(); !errors.Is(err, netstat.ErrProcessGone) {
		t.Error(fmt.Errorf("details of a process that has ended: %w", err))
	}
}

// TestProofHeld compares queries for held sockets with the whole table less those that nobody holds, with MPTCP connections
// among them, whose rows no descriptor gives, also in a namespace of their own.
func TestProofHeld(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	makers := testutil.BuildMakers(t)
	startKinds(t, makers, []string{"pair4", "pair-mptcp", "listen-go", "accept-queue", "udp4", "fork", "finished"}, 3)
	here, there := netnsHere(t), uint64(0)
	testutil.InNewNetNS(t, func() {
		there = netnsHere(t)
		startKinds(t, makers, []string{"pair-mptcp", "pair6", "listen-go", "udp6"}, 2)
	})
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) {
			for _, q := range []netstat.Query{{}, {AllNetNS: true}, {Protos: netstat.QueryTCP, States: netstat.ConnectionStates}, {Protos: allProtos, AllNetNS: true}} {
				checkHeld(t, m, q, here, there)
			}
		})
	}
}

// netnsHere is the calling thread's network namespace.
func netnsHere(t *testing.T) uint64 {
	t.Helper()
	fi, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return fi.Sys().(*syscall.Stat_t).Ino
}

// checkHeld leaves out what other namespaces of the machine hold, which is not ours to keep still.
func checkHeld(t *testing.T, m netstat.Method, q netstat.Query, namespaces ...uint64) {
	t.Helper()
	q.Owner = netstat.OwnerPID
	whole := readWith(t, m, q)
	whole.Sockets = slices.DeleteFunc(whole.Sockets, func(k netstat.Socket) bool {
		return len(k.Owners) == 0 || !slices.Contains(namespaces, k.NetNS)
	})
	q.Held = true
	held := readWith(t, m, q)
	held.Sockets = slices.DeleteFunc(held.Sockets, func(k netstat.Socket) bool {
		return len(k.Owners) == 0 && k.Missing.Hides() || !slices.Contains(namespaces, k.NetNS)
	})
	for _, d := range testutil.DiffRows(rowsOf(held), rowsOf(whole)) {
		t.Errorf("%+v: %s", q, d)
	}
	if len(whole.Sockets) < 10 {
		t.Errorf("%+v: only %d sockets", q, len(whole.Sockets))
	}
}
