package netstat

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
	"github.com/sockeye-net/sockeye/internal/ntlayout"
)

// TestChild finds the port of another process with that process as its owner, and the details of it; and neither when it
// has ended.
func TestChild(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := startChild(t, "an argument", `with "quotes"`)
	pid := c.cmd.Process.Pid
	s := list(t, Query{Owner: OwnerPID, LocalPorts: []uint16{c.addr.Port()}})
	if len(s.Sockets) != 1 || !ownedBy(s.Sockets[0], pid) {
		t.Fatalf("%+v", s.Sockets)
	}
	p := s.Sockets[0].Owners[0].Process
	if !strings.EqualFold(p.Name, filepath.Base(exe)) || time.Since(p.Started) > time.Minute || time.Until(p.Started) > time.Second {
		t.Errorf("%+v", p)
	}
	if pids, err := FindPIDsByTCPPort(c.addr.Port()); !slices.Equal(pids, []int{pid}) || err != nil {
		t.Errorf("%v, %v", pids, err)
	}
	checkDetails(t, p, exe)
	c.stop()
	if d, err := p.Details(); !errors.Is(err, ErrProcessGone) {
		t.Errorf("%+v, %v", d, err)
	}
	if pids, err := FindPIDsByTCPPort(c.addr.Port()); len(pids) > 0 || err != nil {
		t.Errorf("after its end: %v, %v", pids, err)
	}
}

func checkDetails(t *testing.T, p *Process, exe string) {
	t.Helper()
	d, err := p.Details()
	if err != nil {
		t.Error(err)
	}
	if !strings.EqualFold(d.Exe, exe) || !d.Started.Equal(p.Started) || d.Module != "" {
		t.Errorf("%+v", d)
	}
	if want := []string{"-test.run=^TestChildProcess$", "an argument", `with "quotes"`}; len(d.Args) != 4 || !slices.Equal(d.Args[1:], want) {
		t.Errorf("arguments %q", d.Args)
	}
	if name, ok := strings.CutPrefix(d.User[strings.LastIndex(d.User, `\`)+1:], os.Getenv("USERNAME")); !ok || name != "" || d.User == "" {
		t.Errorf("user %q, want %q", d.User, os.Getenv("USERNAME"))
	}
	if len(d.Parents) == 0 || d.Parents[0].PID != os.Getpid() || !strings.EqualFold(d.Parents[0].Name, filepath.Base(exe)) {
		t.Errorf("parents %+v", d.Parents)
	}
}

func TestDetailsOfAnother(t *testing.T) {
	// The same id with another start is another process.
	p := &Process{PID: os.Getpid(), Started: time.Now().Add(-24 * time.Hour)}
	if _, err := p.Details(); !errors.Is(err, ErrProcessGone) {
		t.Error(err)
	}
	if _, err := (&Process{PID: 1<<31 - 1}).Details(); !errors.Is(err, ErrProcessGone) {
		t.Error(err)
	}
}

// TestReuse makes the cache believe that an id belonged to another process before.
func TestReuse(t *testing.T) {
	me := uint32(os.Getpid())
	ps := processes{known: map[uint32]*known{}}
	look := func() *known {
		ps.begin(OwnerPID)
		ps.asOf(now())
		k := ps.lookup(me)
		if errs := ps.end(); len(errs) > 0 {
			t.Error(errs)
		}
		return k
	}
	first := look()
	if look() != first {
		t.Error("the same process is looked up as another")
	}
	first.created--
	second := look()
	if second == first || second.proc == first.proc || second.proc.Name == "" {
		t.Errorf("%+v stays for another process", first)
	}
	ps.begin(OwnerPID)
	if ps.end(); len(ps.known) != 0 {
		t.Error("a process without sockets is remembered")
	}
}

// TestInherited reads a table from before this process was created: its id belonged to nobody known then.
func TestInherited(t *testing.T) {
	ps := processes{known: map[uint32]*known{}}
	ps.begin(OwnerPID)
	ps.asOf(1)
	if k := ps.lookup(uint32(os.Getpid())); k.proc.Name != "" || !k.proc.Started.IsZero() || k.proc.PID != os.Getpid() {
		t.Errorf("%+v", k.proc)
	}
}

func TestGoneOwner(t *testing.T) {
	ps := processes{known: map[uint32]*known{}}
	ps.begin(OwnerPID)
	ps.asOf(now())
	if k := ps.lookup(1<<31 - 1); k.proc.Name != "" || k.proc.PID != 1<<31-1 {
		t.Errorf("%+v", k.proc)
	}
}

// TestFromList names a process without opening it.
func TestFromList(t *testing.T) {
	exe, _ := os.Executable()
	var ps processes
	id := ps.fromList(uint32(os.Getpid()))
	created, err := createdAt(windows.CurrentProcess())
	if err != nil || !strings.EqualFold(id.name, filepath.Base(exe)) || id.created != created || len(ps.problems) > 0 {
		t.Errorf("%+v, created %d, %v, %v", id, created, err, ps.problems)
	}
}

// TestParents cuts the line of ancestors where an id has been given to somebody younger, and where it goes round.
func TestParents(t *testing.T) {
	l := processList{byPID: map[uint32]ntlayout.Process{
		10: {PID: 10, Parent: 20, Created: 300}, 20: {PID: 20, Parent: 30, Created: 200}, 30: {PID: 30, Parent: 40, Created: 100},
		40: {PID: 40, Parent: 4, Created: 150}, // younger than its supposed child
		50: {PID: 50, Parent: 51, Created: 1}, 51: {PID: 51, Parent: 50, Created: 1},
	}}
	if line := l.parents(l.byPID[10]); len(line) != 2 || line[0].PID != 20 || line[1].PID != 30 {
		t.Errorf("%+v", line)
	}
	if line := l.parents(l.byPID[50]); len(line) > len(l.byPID) {
		t.Errorf("%d ancestors", len(line))
	}
}

// TestServices finds the service manager's own answer again.
func TestServices(t *testing.T) {
	var s services
	if err := s.read(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for pid, names := range s.byPID {
		for _, name := range names {
			if n++; name == "" || pid == 0 {
				t.Errorf("%d hosts %q", pid, names)
			}
		}
	}
	if n == 0 {
		t.Error("no service is running")
	}
	t.Logf("%d services of %d processes", n, len(s.byPID))
}

// TestModule holds what is asked for whom: nothing for no service, nothing for one, the row's own for several.
func TestModule(t *testing.T) {
	ps := processes{services: services{ok: true}}
	ps.level = OwnerModule
	row := make([]byte, 160)
	for want, hosts := range map[string][]string{"": nil, "Dnscache": {"Dnscache"}} {
		if got := ps.module(newKnown(8, identity{}, hosts), iphlpapi.TCPEntry, 0, row); got != want {
			t.Errorf("%q hosts %q", got, hosts)
		}
	}
	k := newKnown(8, identity{}, []string{"A", "B"})
	k.modules = map[uint64]string{7: "B"}
	if got := ps.module(k, iphlpapi.TCPEntry, 7, row); got != "B" || k.proc.Module != "A,B" {
		t.Errorf("%q, %q", got, k.proc.Module)
	}
	if got := ps.module(k, iphlpapi.TCPEntry, 8, row); got != "" || ps.noModule != 1 || ps.whyNot == nil {
		t.Errorf("a service is guessed: %q, %v", got, ps.whyNot)
	}
}

func TestServiceOf(t *testing.T) {
	for want, m := range map[string]iphlpapi.Module{
		"Dnscache": {Name: "Dnscache", Path: `C:\Windows\System32\svchost.exe`},
		"RpcSs":    {Name: "RpcSs", Path: `C:\Windows\System32\rpcss.dll`},
	} {
		if got := serviceOf(m); got != want {
			t.Errorf("%+v: %q", m, got)
		}
	}
	for _, m := range []iphlpapi.Module{{Name: "nginx.exe", Path: `C:\nginx\Nginx.exe`}, {Name: "System", Path: "System"}} {
		if got := serviceOf(m); got != "" {
			t.Errorf("%+v: %q", m, got)
		}
	}
}

func TestStateOf(t *testing.T) {
	for s := miblayout.Closed; s <= miblayout.DeleteTCB; s++ {
		want := map[string]string{"SYN_RCVD": "SYN_RECV", "ESTAB": "ESTABLISHED"}[s.String()]
		if want == "" {
			want = s.String()
		}
		if got := stateOf(s).String(); got != want {
			t.Errorf("%v: %v", s, got)
		}
	}
	for _, s := range []miblayout.State{0, 13, 100, 1<<32 - 1} {
		if stateOf(s) != 0 {
			t.Errorf("%d: %v", s, stateOf(s))
		}
	}
}

// TestAttribute holds what a row without an owner says.
func TestAttribute(t *testing.T) {
	var tab table
	for _, c := range []struct {
		level OwnerLevel
		state miblayout.State
		want  Missing
	}{
		{OwnerNone, miblayout.TimeWait, NotMissing},
		{OwnerPID, miblayout.TimeWait, MissingTimeWait},
		{OwnerModule, miblayout.TimeWait, MissingTimeWait},
		{OwnerPID, miblayout.Estab, MissingUnknown},
	} {
		r := miblayout.Row{State: c.state}
		s := Socket{State: stateOf(c.state)}
		if p := tab.attribute(&Query{Owner: c.level}, &s, source{}, &r, nil); p != nil || s.Missing != c.want {
			t.Errorf("%+v: %v, %v", c, p, s.Missing)
		}
	}
}

// TestSocket holds what becomes of the fields of a row: a listener has no remote end whatever its row says, and only
// link-local addresses have a zone.
func TestSocket(t *testing.T) {
	tab := table{zones: map[uint32]zone{}}
	garbage := netip.MustParseAddrPort("[2001:db8::7]:4660")
	for _, c := range []struct {
		local  string
		scope  uint32
		state  miblayout.State
		remote netip.AddrPort
	}{
		{"[fe80::1%12]:80", 12, miblayout.Listen, netip.MustParseAddrPort("[::]:0")},
		{"[::1]:80", 4096, miblayout.Estab, garbage},
		{"[ff02::fb%3]:80", 3, miblayout.Estab, garbage},
		{"[::ffff:192.0.2.1]:80", 0, miblayout.Estab, garbage},
	} {
		want := netip.MustParseAddrPort(c.local)
		r := miblayout.Row{Local: netip.AddrPortFrom(want.Addr().WithZone(""), 80), LocalScope: c.scope, Remote: garbage, State: c.state}
		var s Socket
		tab.socket(&s, source{proto: TCP, v6: true}, &r)
		if s.Local != want || s.Remote != c.remote || s.State != stateOf(c.state) {
			t.Errorf("%+v", s)
		}
	}
}

func TestTCPClass(t *testing.T) {
	for s, want := range map[States]iphlpapi.TCPClass{
		0: iphlpapi.TCPBasicAll, ListenerStates: iphlpapi.TCPBasicListener, StatesOf(Established): iphlpapi.TCPBasicConnections,
		ConnectionStates: iphlpapi.TCPBasicAll, StatesOf(Listen, Established): iphlpapi.TCPBasicAll,
	} {
		if got := tcpClass(s); got != want {
			t.Errorf("%b: %v, want %v", s, got, want)
		}
	}
}

// TestSources holds which tables a query asks the system for.
func TestSources(t *testing.T) {
	for _, c := range []struct {
		q    Query
		want []miblayout.Kind
	}{
		{Query{}, []miblayout.Kind{miblayout.TCP4Basic, miblayout.UDP4Basic, miblayout.TCP6Basic, miblayout.UDP6Basic}},
		{Query{Protos: QueryUnix}, nil},
		{Query{Families: IPv6, Owner: OwnerPID}, []miblayout.Kind{miblayout.TCP6PID, miblayout.UDP6PID}},
		{Query{Families: IPv4, Owner: OwnerModule, States: ListenerStates}, []miblayout.Kind{miblayout.TCP4Module}},
		{Query{Families: IPv4, States: StatesOf(Unconnected)}, []miblayout.Kind{miblayout.UDP4Basic}},
		{Query{Families: IPv4, States: StatesOf(Listen, Unconnected)}, []miblayout.Kind{miblayout.TCP4Basic, miblayout.UDP4Basic}},
		{Query{Protos: QueryUDP, States: ConnectionStates}, nil},
	} {
		var got []miblayout.Kind
		for _, s := range sources(&c.q) {
			got = append(got, s.kind)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, got, c.want)
		}
	}
}
