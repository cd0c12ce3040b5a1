package netstat

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// TestInfo moves known bytes over a connection of this process and finds them in what the system counted, as Administrator
// on Windows. Where the system refuses, nothing is known and one line says why and what to do.
func TestInfo(t *testing.T) {
	m := open(t, "127.0.0.1")
	tab, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	q := Query{Protos: QueryTCP, Info: true}
	var s Snapshot
	if err := tab.Read(q, &s); err != nil {
		t.Fatal(err)
	}
	if x := find(s.Sockets, m.client, m.server); len(x) != 1 || x[0].Info.Known || len(s.Partial) != 1 {
		t.Fatalf("at the first reading: %+v, %v", x, s.Partial)
	}
	if !errors.Is(s.Partial[0], errBegan) {
		checkRefused(t, tab, s.Partial[0])
		return
	}
	const size = 100_000
	if _, err := m.conn.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := tab.Read(q, &s); err != nil {
			t.Fatal(err)
		}
		x := find(s.Sockets, m.client, m.server)
		if len(x) == 1 && x[0].Info.Sent == size {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%+v, %v", find(s.Sockets, m.client, m.server), s.Partial)
}

// checkRefused holds that the refusal says what to do, stays the same, and makes no more calls.
func checkRefused(t *testing.T, tab *Table, why error) {
	t.Helper()
	t.Log(why)
	denied, elevated := errors.Is(why, windows.ERROR_ACCESS_DENIED), windows.GetCurrentProcessToken().IsElevated()
	if denied && (elevated || !strings.Contains(why.Error(), "run as Administrator")) || !denied && !errors.Is(why, errors.ErrUnsupported) {
		t.Error(why)
	}
	tab.impl.stats.calls = &fakeStats{refuse: errors.New("asked again")}
	n := 0
	for x, err := range tab.All(Query{Protos: QueryTCP, Info: true}) {
		if err != nil {
			n++
			if err.Error() != why.Error() {
				t.Error(err)
			}
		} else if x.Info != (TCPInfo{}) {
			t.Errorf("%+v", x.Info)
		}
	}
	if n != 1 {
		t.Errorf("%d lines", n)
	}
	if onWineNow() {
		t.Skip("Wine: it has no extended statistics: only the refusal was tested")
	}
	if denied {
		t.Skip("needs an Administrator: only the refusal was tested")
	}
}

func onWineNow() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// fakeStats stands for the system's statistics: Wine, where these tests run, has none.
type fakeStats struct {
	on           map[iphlpapi.Connection]map[miblayout.EStats]bool
	sent         uint64
	gone, refuse error // of Get, of Enable
	gets, sets   int
}

func (f *fakeStats) Get(c iphlpapi.Connection, g miblayout.EStats) ([]byte, bool, error) {
	f.gets++
	if f.gone != nil {
		return nil, false, f.gone
	}
	word := int(unsafe.Sizeof(uintptr(0)))
	b := make([]byte, g.Size(word))
	switch g {
	case miblayout.EStatsData:
		binary.LittleEndian.PutUint64(b[0:], f.sent+1000) // with what was sent again
		binary.LittleEndian.PutUint64(b[72:], f.sent)
		binary.LittleEndian.PutUint64(b[88:], 7)
	case miblayout.EStatsPath:
		binary.LittleEndian.PutUint32(b[20:], 3)
		binary.LittleEndian.PutUint32(b[108:], 12)
		binary.LittleEndian.PutUint32(b[144:], 1460)
	case miblayout.EStatsSndCong:
		binary.LittleEndian.PutUint32(b[36+3*word:], 14600)
	}
	return b, f.on[c.Ends()][g], nil
}

func (f *fakeStats) Enable(c iphlpapi.Connection, g miblayout.EStats, on bool) error {
	f.sets++
	if f.refuse != nil {
		return f.refuse
	}
	if f.on[c.Ends()] == nil {
		f.on[c.Ends()] = map[miblayout.EStats]bool{}
	}
	f.on[c.Ends()][g] = on
	return nil
}

// enabled is how many groups are on, of all connections.
func (f *fakeStats) enabled() (n int) {
	for _, groups := range f.on {
		for _, on := range groups {
			if on {
				n++
			}
		}
	}
	return n
}

func openFake(t *testing.T) (*Table, *fakeStats) {
	t.Helper()
	tab, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.Close() })
	f := &fakeStats{on: map[iphlpapi.Connection]map[miblayout.EStats]bool{}}
	tab.impl.stats.calls = f
	return tab, f
}

// infoOf reads the connection of m from its client's side, and no other.
func infoOf(t *testing.T, tab *Table, m *made) (TCPInfo, []error) {
	t.Helper()
	var s Snapshot
	if err := tab.Read(Query{Protos: QueryTCP, Info: true, LocalPorts: []uint16{m.client.Port()}}, &s); err != nil {
		t.Fatal(err)
	}
	x := find(s.Sockets, m.client, m.server)
	if len(x) != 1 {
		t.Fatalf("%+v", x)
	}
	return x[0].Info, s.Partial
}

// TestInfoCounted goes through the life of a counted connection: switched on and not known, then known with no more calls
// than it takes, and switched off in the end.
func TestInfoCounted(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		m := open(t, addr)
		tab, f := openFake(t)
		if info, partial := infoOf(t, tab, m); info.Known || len(partial) != 1 || !errors.Is(partial[0], errBegan) || f.sets != 3 {
			t.Fatalf("first: %+v, %v, %d calls", info, partial, f.sets)
		}
		f.sent, f.gets, f.sets = 1<<33, 0, 0
		want := TCPInfo{Known: true, Sent: 1 << 33, Received: 7, RTT: 12000, Retrans: 3, Cwnd: 10}
		if info, partial := infoOf(t, tab, m); info != want || len(partial) > 0 || f.gets != 3 || f.sets != 0 {
			t.Errorf("second: %+v, %v, %d and %d calls", info, partial, f.gets, f.sets)
		}
		clear(f.on) // another connection with the same ends
		if info, partial := infoOf(t, tab, m); info.Known || len(partial) != 1 || f.sets != 3 || len(tab.impl.stats.known) != 1 {
			t.Errorf("replaced: %+v, %v", info, partial)
		}
		if err := tab.Close(); err != nil || f.enabled() != 0 {
			t.Errorf("%d groups are left on, %v", f.enabled(), err)
		}
		m.close()
	}
}

// TestInfoOfOthers reads what another program switched on at once, and leaves that on.
func TestInfoOfOthers(t *testing.T) {
	m := open(t, "127.0.0.1")
	first, f := openFake(t)
	infoOf(t, first, m)
	second, _ := openFake(t)
	second.impl.stats.calls = f
	if info, partial := infoOf(t, second, m); !info.Known || len(partial) > 0 {
		t.Errorf("%+v, %v", info, partial)
	}
	second.Close()
	if f.enabled() != 3 {
		t.Errorf("%d groups are on", f.enabled())
	}
}

// TestInfoForgotten holds that a connection that is gone is forgotten, but not for want of being asked for.
func TestInfoForgotten(t *testing.T) {
	m := open(t, "127.0.0.1")
	tab, f := openFake(t)
	infoOf(t, tab, m)
	var s Snapshot
	for _, q := range []Query{{Info: true, LocalPorts: []uint16{1}}, {Info: true, Families: IPv6}, {Info: true, Protos: QueryUDP},
		{Info: true, States: ListenerStates}, {}, {LocalPorts: []uint16{m.client.Port()}}} {
		if err := tab.Read(q, &s); err != nil {
			t.Fatal(err)
		}
	}
	if len(tab.impl.stats.known) != 1 || f.sets != 3 {
		t.Errorf("%d connections are remembered", len(tab.impl.stats.known))
	}
	for range tab.All(Query{Info: true, Protos: QueryTCP, States: ListenerStates}) {
		break
	}
	m.conn.SetDeadline(time.Now().Add(5 * time.Second))
	m.close()
	for range 100 {
		if err := tab.Read(Query{Info: true, Protos: QueryTCP, LocalPorts: []uint16{m.client.Port(), m.server.Port()}}, &s); err != nil {
			t.Fatal(err)
		}
		if len(tab.impl.stats.known) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d connections are remembered", len(tab.impl.stats.known))
}

// TestInfoRefused holds what each kind of refusal is told as, and that it is not asked again, nor a connection that was
// gone by then reported.
func TestInfoRefused(t *testing.T) {
	for _, c := range []struct {
		name     string
		get, set error
		says     string
		calls    int // at the second reading
	}{
		{"no administrator", nil, windows.ERROR_ACCESS_DENIED, "run as Administrator", 0},
		{"no call", &windows.DLLError{Err: windows.ERROR_PROC_NOT_FOUND, Msg: "no such procedure"}, nil, "unsupported", 0},
		{"stub", nil, windows.ERROR_NOT_SUPPORTED, "unsupported", 0},
		{"gone", windows.ERROR_NOT_FOUND, nil, "", 1},
		{"odd", windows.ERROR_INVALID_PARAMETER, nil, "of 1 connections", 1},
	} {
		m := open(t, "127.0.0.1")
		tab, f := openFake(t)
		f.gone, f.refuse = c.get, c.set
		for range 2 {
			f.gets, f.sets = 0, 0
			info, partial := infoOf(t, tab, m)
			if info != (TCPInfo{}) || len(tab.impl.stats.known) > 0 || (c.says == "") != (len(partial) == 0) {
				t.Errorf("%s: %+v, %v", c.name, info, partial)
			}
			if len(partial) > 0 && (len(partial) != 1 || !strings.Contains(partial[0].Error(), c.says)) {
				t.Errorf("%s: %v", c.name, partial)
			}
		}
		if f.gets+f.sets != c.calls {
			t.Errorf("%s: %d calls at the second reading, want %d", c.name, f.gets+f.sets, c.calls)
		}
		m.close()
	}
}

// TestInfoHalfEnabled switches off again what it could switch on of a connection that is refused the rest.
func TestInfoHalfEnabled(t *testing.T) {
	m := open(t, "127.0.0.1")
	tab, f := openFake(t)
	tab.impl.stats.calls = &thirdFails{f}
	if info, partial := infoOf(t, tab, m); info.Known || len(partial) != 1 || f.enabled() != 0 || len(tab.impl.stats.known) != 0 {
		t.Errorf("%+v, %v, %d groups are on", info, partial, f.enabled())
	}
}

type thirdFails struct{ *fakeStats }

func (f *thirdFails) Enable(c iphlpapi.Connection, g miblayout.EStats, on bool) error {
	if g == groups[2] && on {
		return windows.ERROR_INVALID_PARAMETER
	}
	return f.fakeStats.Enable(c, g, on)
}

// TestInfoStates leaves listeners and what is over alone.
func TestInfoStates(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tab, f := openFake(t)
	var s Snapshot
	if err := tab.Read(Query{Protos: QueryTCP, Info: true, LocalPorts: []uint16{addrOf(l.Addr()).Port()}}, &s); err != nil || len(s.Sockets) != 1 {
		t.Fatalf("%v, %v", s.Sockets, err)
	}
	if f.gets+f.sets > 0 || len(s.Partial) > 0 {
		t.Errorf("%d calls, %v", f.gets+f.sets, s.Partial)
	}
}
