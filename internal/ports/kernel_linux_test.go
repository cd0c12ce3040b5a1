package ports

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// sock opens a socket that has a port, with options; at is "tcp4 127.0.0.1".
func sock(t *testing.T, at string, port uint16, listen bool, options ...int) socket {
	t.Helper()
	network, addr, _ := strings.Cut(at, " ")
	typ, domain := unix.SOCK_STREAM, unix.AF_INET
	if strings.HasPrefix(network, "udp") {
		typ = unix.SOCK_DGRAM
	}
	if strings.HasSuffix(network, "6") {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := socket{fd, sync.OnceFunc(func() { unix.Close(fd) })}
	t.Cleanup(s.close)
	for _, o := range options {
		level := unix.SOL_SOCKET
		if o == unix.IPV6_V6ONLY {
			level = unix.IPPROTO_IPV6
		}
		if err := unix.SetsockoptInt(fd, level, o, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Bind(fd, sockaddr(netip.MustParseAddr(addr), port)); err != nil {
		t.Fatal(err)
	}
	if listen {
		if err := unix.Listen(fd, 8); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// socket is closed once, as its number may be another's by then.
type socket struct {
	fd    int
	close func()
}

func explain(t *testing.T, q Question) *Verdict {
	t.Helper()
	tests := q.Try()
	p, errs := ReadPolicy()
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	protos := netstat.QueryTCP
	if q.Proto == netstat.UDP {
		protos = netstat.QueryUDP
	}
	s, err := netstat.List(netstat.Query{Protos: protos, LocalPorts: []uint16{q.Port}, Owner: netstat.OwnerPID, Ordered: true})
	if err != nil {
		t.Fatal(err)
	}
	return Explain(q, tests, s.Sockets, &p)
}

// TestTheKernel: real sockets, and what is concluded of them. Every conclusion is then held against a server that binds as
// servers do.
func TestTheKernel(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.CheckLeaks(t)
	const port = 9000
	tcp, udp := netstat.TCP, netstat.UDP
	for name, c := range map[string]struct {
		open   []string // network, address, and options
		listen bool
		proto  netstat.Proto
		want   map[string]string // address: causes
	}{
		"wildcard":  {open: []string{"tcp4 0.0.0.0"}, listen: true, proto: tcp, want: map[string]string{"": "owner same !", "127.0.0.1": "owner covers !", "::1": "owner apart"}},
		"dual":      {open: []string{"tcp6 ::"}, listen: true, proto: tcp, want: map[string]string{"": "owner same !", "127.0.0.1": "owner dual_stack !", "::1": "owner covers !", "0.0.0.0": "owner dual_stack !"}},
		"v6only":    {open: []string{"tcp6 :: v6only"}, listen: true, proto: tcp, want: map[string]string{"": "owner v6only !", "127.0.0.1": "owner v6only", "::1": "owner covers !", "0.0.0.0": "owner v6only"}},
		"specific":  {open: []string{"tcp4 127.0.0.1"}, listen: true, proto: tcp, want: map[string]string{"": "owner within !", "127.0.0.1": "owner same !", "127.0.0.2": "owner apart", "0.0.0.0": "owner within !"}},
		"specific6": {open: []string{"tcp6 ::1"}, listen: true, proto: tcp, want: map[string]string{"": "owner within !", "::1": "owner same !", "127.0.0.1": "owner apart"}},
		"both":      {open: []string{"tcp4 0.0.0.0", "tcp6 :: v6only"}, listen: true, proto: tcp, want: map[string]string{"": "owner same !; owner same !"}},
		"group": {open: []string{"tcp4 0.0.0.0 reuseport", "tcp4 0.0.0.0 reuseport"}, listen: true, proto: tcp,
			want: map[string]string{"127.0.0.1": "owner covers ! +; owner covers ! +"}},
		"bound":    {open: []string{"tcp4 127.0.0.1"}, proto: tcp, want: map[string]string{"": "owner within !", "127.0.0.1": "owner same !", "127.0.0.2": "owner apart"}},
		"udp":      {open: []string{"udp4 0.0.0.0"}, proto: udp, want: map[string]string{"": "owner same !", "127.0.0.1": "owner covers !", "::1": "owner apart"}},
		"udp dual": {open: []string{"udp6 ::"}, proto: udp, want: map[string]string{"": "owner same !", "127.0.0.1": "owner dual_stack !"}},
		"udp many": {open: []string{"udp4 0.0.0.0 reuse", "udp4 0.0.0.0 reuse"}, proto: udp, want: map[string]string{"": "owner same !; owner same !"}},
	} {
		var socks []socket
		for _, what := range c.open {
			words := strings.Fields(what)
			var options []int
			for _, w := range words[2:] {
				options = append(options, map[string]int{"v6only": unix.IPV6_V6ONLY, "reuseport": unix.SO_REUSEPORT, "reuse": unix.SO_REUSEADDR}[w])
			}
			socks = append(socks, sock(t, words[0]+" "+words[1], port, c.listen, options...))
		}
		for addr, want := range c.want {
			q := Question{Proto: c.proto, Port: port}
			if addr != "" {
				q.Addr = netip.MustParseAddr(addr)
			}
			v := explain(t, q)
			if got := strings.Join(words(v), "; "); got != want {
				t.Errorf("%s, wanted at %q: %q, want %q", name, addr, got, want)
			}
			if err := serve(&q); (err == nil) != v.Bindable {
				t.Errorf("%s, wanted at %q: bindable %v, but a server says %v", name, addr, v.Bindable, err)
			}
		}
		for _, s := range socks {
			s.close()
		}
		if v := explain(t, Question{Proto: c.proto, Port: port}); !v.Bindable || len(v.Causes) > 0 {
			t.Errorf("%s: afterwards %q", name, words(v))
		}
	}
}

// serve listens as an ordinary server of Go does, with SO_REUSEADDR.
func serve(q *Question) error {
	addr := fmt.Sprint(":", q.Port)
	if q.Addr.IsValid() {
		addr = netip.AddrPortFrom(q.Addr, q.Port).String()
	}
	if q.Proto == netstat.UDP {
		network := "udp"
		if q.Addr.Is4() {
			network = "udp4"
		}
		c, err := net.ListenPacket(network, addr)
		if err == nil {
			c.Close()
		}
		return err
	}
	network := "tcp"
	if q.Addr.Is4() {
		network = "tcp4"
	}
	l, err := net.Listen(network, addr)
	if err == nil {
		l.Close()
	}
	return err
}

// TestTimeWait: it keeps a program from binding that does not set SO_REUSEADDR, and where the earlier one did not set it,
// everyone.
func TestTimeWaitKernel(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	for _, reuse := range []bool{true, false} {
		port := uint16(9001)
		var options []int
		if reuse {
			port, options = 9002, []int{unix.SO_REUSEADDR}
		}
		l := sock(t, "tcp4 127.0.0.1", port, true, options...)
		near, err := net.Dial("tcp4", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			t.Fatal(err)
		}
		far, _, err := unix.Accept(l.fd)
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Proto: netstat.TCP, Port: port}
		l.close()
		if v := explain(t, q); v.Bindable || words(v)[0] != "connection !" {
			t.Errorf("open, reuse %v: %q", reuse, words(v))
		}
		unix.Close(far) // who closes first keeps the port
		near.Close()
		testutil.Eventually(t, 5*time.Second, func() error {
			if v := explain(t, q); v.Bindable || v.ByReuse != reuse || words(v)[0] != "time_wait !" {
				return fmt.Errorf("reuse %v: by reuse %v, %q", reuse, v.ByReuse, words(v))
			}
			return nil
		})
		if err := serve(&q); (err == nil) != reuse {
			t.Errorf("reuse %v: a server says %v", reuse, err)
		}
	}
}

// TestPolicyKernel: what an administrator sets is read, and heeded by the search.
func TestPolicyKernel(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.Sysctl(t, "net.ipv4.ip_local_port_range", "9100 9103")
	testutil.Sysctl(t, "net.ipv4.ip_local_reserved_ports", "9102,9104-9105")
	testutil.Sysctl(t, "net.ipv4.ip_unprivileged_port_start", "9001")
	p, errs := ReadPolicy()
	want := Policy{Ephemeral: Range{9100, 9103}, Reserved: []Range{{9102, 9102}, {9104, 9105}}, Privilege: 9001}
	if len(errs) > 0 || fmt.Sprint(p) != fmt.Sprint(want) {
		t.Fatalf("%+v %v", p, errs)
	}
	sock(t, "tcp4 127.0.0.1", 9106, true)
	sock(t, "udp6 ::1", 9107, false)
	sock(t, "tcp6 ::", 9108, false)
	s := Search{Range: Range{9100, 9109}, Count: 10, Ways: append(Everywhere(netstat.TCP, 0), Everywhere(netstat.UDP, 0)...)}
	f, err := s.Find(context.Background(), &p)
	if err != nil || !slices.Equal(f.Ports, []uint16{9109}) || f.Ephemeral != 3 || f.Reserved != 3 || f.InUse != 3 {
		t.Errorf("%+v %v", f, err)
	}
	s.Ways = Everywhere(netstat.TCP, 0)
	if f, _ = s.Find(context.Background(), &p); !slices.Equal(f.Ports, []uint16{9107, 9109}) {
		t.Errorf("for TCP: %+v", f)
	}
	if v := explain(t, Question{Proto: netstat.TCP, Port: 9100}); strings.Join(words(v), "; ") != "ephemeral" {
		t.Errorf("%q", words(v))
	}
	if v := explain(t, Question{Proto: netstat.TCP, Port: 9104}); strings.Join(words(v), "; ") != "reserved" {
		t.Errorf("%q", words(v))
	}
	if v := explain(t, Question{Proto: netstat.TCP, Port: 9000}); strings.Join(words(v), "; ") != "privilege" || !v.Bindable {
		t.Errorf("%q", words(v))
	}
}

// TestUnprivileged: an ordinary user is told of the privilege.
func TestUnprivileged(t *testing.T) {
	c := testutil.Child{}
	if os.Geteuid() == 0 {
		c = testutil.Child{UID: 65534}
	}
	if !testutil.Isolated(t, c) {
		return
	}
	p, _ := ReadPolicy()
	if p.Privilege < 2 {
		t.Skip("every port is free to all here")
	}
	for _, port := range []uint16{p.Privilege - 1, 1} {
		v := explain(t, Question{Proto: netstat.TCP, Port: port})
		if v.Bindable || !slices.Contains(words(v), "privilege !") {
			t.Errorf("%d: %q", port, words(v))
		}
	}
}

// TestHints: the kernel tells when a socket is gone; who waits for another port is not woken.
func TestHints(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.CheckLeaks(t)
	h := OpenHints(true)
	defer h.Close()
	if none := OpenHints(false); none.Events() || none.Close() != nil {
		t.Error("subscribed")
	}
	if !h.Events() {
		t.Skip("no destroy groups")
	}
	for at, listen := range map[string]bool{"tcp4 127.0.0.1": true, "tcp6 ::": true, "udp4 127.0.0.1": false, "udp6 ::": false} {
		time.AfterFunc(30*time.Millisecond, sock(t, at, 9000, listen).close)
		start := time.Now()
		if err := h.Wait(t.Context(), []uint16{1, 9000}, 5*time.Second); err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("%s: %v after %v", at, err, time.Since(start))
		}
	}
	time.AfterFunc(10*time.Millisecond, sock(t, "tcp4 127.0.0.1", 9001, true).close)
	if err := h.Wait(t.Context(), []uint16{9000}, 100*time.Millisecond); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.Wait(ctx, []uint16{9000}, time.Minute); err == nil {
		t.Error("waits on")
	}
}
