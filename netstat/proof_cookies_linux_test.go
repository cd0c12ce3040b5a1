package netstat_test

import (
	"net"
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// TestProofCookies opens sockets of many kinds, of whose cookies nobody asked, here and in another namespace, and compares
// the cookies that BPF methods give with those that sock_diag has for the same inode afterwards.
func TestProofCookies(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	testutil.Veth(t, "v0", "v1")
	makers := testutil.BuildMakers(t)
	for _, m := range []netstat.Method{netstat.Walker, netstat.TaskFile} {
		for _, q := range []netstat.Query{{Held: true}, {}, {Held: true, AllNetNS: true}, {Protos: netstat.QueryUDP}} {
			namespaces := []uint64{netnsHere(t)}
			startKinds(t, makers, cookieKinds, 2)
			testutil.InNewNetNS(t, func() {
				namespaces = append(namespaces, netnsHere(t))
				startKinds(t, makers, []string{"pair4", "listen6", "udp4", "reuseport"}, 2)
			})
			q.Owner, q.Cookies = netstat.OwnerPID, true
			checkCookies(t, m, q, namespaces)
		}
	}
}

var cookieKinds = []string{
	"listen4", "listen-dual", "listen-go", "pair4", "pair6", "pair-mapped", "pair-mptcp", "bound", "reuseport", "reuseport-udp", "dup", "fork",
	"udp4", "udp6",
}

func checkCookies(t *testing.T, m netstat.Method, q netstat.Query, namespaces []uint64) {
	t.Helper()
	got := readWith(t, m, q)
	whole := readWith(t, netstat.Proc, netstat.Query{Protos: q.Protos, AllNetNS: q.AllNetNS})
	want := map[uint64][]uint64{}
	for _, k := range whole.Sockets {
		want[k.Inode] = append(want[k.Inode], k.Cookie)
	}
	n := 0
	for i := range got.Sockets {
		k := &got.Sockets[i]
		if k.Inode == 0 || !slices.Contains(namespaces, k.NetNS) {
			continue
		}
		n++
		if k.Cookie == 0 || !slices.Contains(want[k.Inode], k.Cookie) {
			t.Errorf("%v, %+v: %s %v: cookie %d, want %d", m, q, k.Proto, k.Local, k.Cookie, want[k.Inode])
		}
	}
	if n < 4 {
		t.Errorf("%+v: only %d sockets", q, n)
	}
}

// TestProofCookiesMany: more sockets than are asked for one by one, and then a few new ones among them.
func TestProofCookiesMany(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	table := open(t, netstat.Walker)
	q := netstat.Query{Protos: netstat.QueryTCP, Owner: netstat.OwnerPID, Held: true, Cookies: true}
	var s netstat.Snapshot
	seen := map[uint64]uint64{}
	for _, n := range []int{400, 1, 70, 0} {
		for range n {
			pairs(t)
		}
		if err := table.Read(q, &s); err != nil {
			t.Fatal(err)
		}
		for i := range s.Sockets {
			k := &s.Sockets[i]
			if old, known := seen[k.Inode]; k.Cookie == 0 || known && old != k.Cookie {
				t.Errorf("%v %v: cookie %d, was %d", k.Local, k.Remote, k.Cookie, old)
			}
			seen[k.Inode] = k.Cookie
		}
		if len(s.Partial) > 0 {
			t.Error(s.Partial)
		}
	}
	if len(seen) < 942 {
		t.Errorf("%d sockets", len(seen))
	}
}

// pairs makes a connection that stays until the test ends. Nobody has asked for its cookie.
func pairs(t *testing.T) {
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
	t.Cleanup(func() { c.Close(); s.Close() })
}
