package sockiter

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/btf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func needBPF(tb testing.TB, err error) {
	tb.Helper()
	var v *bpf.VerifierError
	if errors.As(err, &v) && v.Log != "" {
		tb.Fatalf("%v\n%s", err, v.Log)
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrNotExist) {
		tb.Skipf("BPF is not to be had: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// iterators are the two programs under test.
func iterators() map[string]func() (iterator, error) {
	return map[string]func() (iterator, error){
		"walker": func() (iterator, error) { return NewWalker(64) },
		"files":  func() (iterator, error) { return NewFiles() },
	}
}

type iterator interface {
	Run(*Want, Sink) error
	Close() error
}

func eachIterator(t *testing.T, test func(*testing.T, iterator)) {
	for name, open := range iterators() {
		t.Run(name, func(t *testing.T) {
			it, err := open()
			needBPF(t, err)
			defer it.Close()
			test(t, it)
		})
	}
}

// all gathers a whole pass.
type all Batch

func (a *all) Begin() { *a = all{} }
func (a *all) Take(b Batch) {
	a.Holders, a.Records = append(a.Holders, b.Holders...), b.Records
}

// mine are the records of this process by descriptor.
func mine(t *testing.T, it iterator, want *Want) map[int]rawsock.Record {
	t.Helper()
	var res all
	if err := it.Run(want, &res); err != nil {
		t.Fatal(err)
	}
	found := map[int]rawsock.Record{}
	for _, h := range res.Holders {
		if int(h.PID) != os.Getpid() {
			continue
		}
		if h.Start == 0 || len(h.Name()) == 0 || h.TID != h.PID {
			t.Errorf("holder %+v", h)
		}
		for _, r := range res.Records[h.First:h.Last] {
			found[int(r.FD)] = r
		}
	}
	return found
}

func listen(t *testing.T, domain, typ int, sa unix.Sockaddr) (fd int, port uint16) {
	t.Helper()
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, sa); err != nil {
		t.Fatal(err)
	}
	if typ == unix.SOCK_STREAM {
		if err := unix.Listen(fd, 7); err != nil {
			t.Fatal(err)
		}
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	switch sa := name.(type) {
	case *unix.SockaddrInet4:
		port = uint16(sa.Port)
	case *unix.SockaddrInet6:
		port = uint16(sa.Port)
	}
	return fd, port
}

func inode(t *testing.T, fd int) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Ino)
}

var loopback4 = [4]byte{127, 0, 0, 1}

func TestRecords(t *testing.T) {
	fd4, port4 := listen(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loopback4})
	fd6, port6 := listen(t, unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Addr: [16]byte{15: 1}})
	udp, portU := listen(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: loopback4})
	conn, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(conn)
	if err := unix.Connect(conn, &unix.SockaddrInet4{Port: int(port4), Addr: loopback4}); err != nil {
		t.Fatal(err)
	}
	server, _, err := unix.Accept4(fd4, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(server)
	if _, err := unix.Write(conn, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	eachIterator(t, func(t *testing.T, it iterator) {
		got := mine(t, it, &Want{Info: true, Cgroup: true})
		ns := got[fd4].NetNS
		if ns == 0 {
			t.Error("no network namespace")
		}
		uid := uint32(os.Getuid())
		check := func(fd int, want rawsock.Record) {
			t.Helper()
			r, ok := got[fd]
			if !ok {
				t.Fatalf("descriptor %d is missing", fd)
			}
			want.FD, want.Inode, want.NetNS, want.UID = uint32(fd), inode(t, fd), ns, uid
			r.Cookie, r.Cgroup, r.RTT, r.Cwnd = 0, 0, 0, 0
			if want.State != rawsock.Established {
				want.RemotePort = 0
			}
			if r != want {
				t.Errorf("descriptor %d:\n got %+v\nwant %+v", fd, r, want)
			}
		}
		lo := [16]byte{127, 0, 0, 1}
		tcp := rawsock.Record{Family: rawsock.AFInet, Proto: rawsock.ProtoTCP, Local: lo}
		l4 := tcp
		l4.LocalPort, l4.State, l4.SendQ = port4, rawsock.Listen, 7
		check(fd4, l4)
		l6 := rawsock.Record{Family: rawsock.AFInet6, Proto: rawsock.ProtoTCP, Local: [16]byte{15: 1}, LocalPort: port6, State: rawsock.Listen, SendQ: 7}
		check(fd6, l6)
		check(udp, rawsock.Record{Family: rawsock.AFInet, Proto: rawsock.ProtoUDP, Local: lo, LocalPort: portU, State: rawsock.Close})
		client := got[conn]
		s := tcp
		s.Remote, s.LocalPort, s.RemotePort, s.State, s.RecvQ, s.Received = lo, port4, client.LocalPort, rawsock.Established, 100, 100
		s.Flags = rawsock.HasPayload
		check(server, s)
		c := tcp
		c.Remote, c.LocalPort, c.RemotePort, c.State, c.Sent = lo, client.LocalPort, port4, rawsock.Established, 101 // and the SYN
		c.Payload, c.Flags = 100, rawsock.HasPayload
		check(conn, c)
		if client.RTT == 0 || client.Cwnd == 0 {
			t.Errorf("no TCP information: %+v", client)
		}
	})
}

func TestWants(t *testing.T) {
	one, port := listen(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loopback4})
	two, _ := listen(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loopback4})
	local, _ := listen(t, unix.AF_UNIX, unix.SOCK_DGRAM, &unix.SockaddrUnix{Name: "@sockeye-wants-" + strconv.Itoa(os.Getpid())})
	has := func(t *testing.T, it iterator, w *Want, fd int, want bool) {
		t.Helper()
		if _, ok := mine(t, it, w)[fd]; ok != want {
			t.Errorf("%+v: descriptor %d is there: %v", w, fd, ok)
		}
	}
	eachIterator(t, func(t *testing.T, it iterator) {
		ns := mine(t, it, &Want{})[one].NetNS
		has(t, it, &Want{}, two, true)
		has(t, it, &Want{Ports: []uint16{port}}, one, true)
		has(t, it, &Want{Ports: []uint16{port}}, two, false)
		has(t, it, &Want{Ports: []uint16{1, 65535, port}}, one, true)
		has(t, it, &Want{NetNS: ns}, one, true)
		has(t, it, &Want{NetNS: ns + 1}, one, false)
		has(t, it, &Want{}, local, false)
		has(t, it, &Want{Unix: true}, local, true)
		if r := mine(t, it, &Want{Unix: true})[local]; r.Inode != inode(t, local) || r.Family != rawsock.AFUnix || r.LocalPort != 0 {
			t.Errorf("%+v", r)
		}
		has(t, it, &Want{}, two, true) // wishes do not last
	})
}

// TestGrows gives the walker too little room.
func TestGrows(t *testing.T) {
	w, err := NewWalker(1)
	needBPF(t, err)
	defer w.Close()
	var fds []int
	for range 100 {
		fd, _ := listen(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: loopback4})
		fds = append(fds, fd)
	}
	got := mine(t, w, &Want{})
	for _, fd := range fds {
		if got[fd].Inode != inode(t, fd) {
			t.Fatalf("descriptor %d: %+v", fd, got[fd])
		}
	}
}

func TestNoLeak(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(names)
	}
	before := count()
	for range 5 {
		eachIterator(t, func(t *testing.T, it iterator) { mine(t, it, &Want{}) })
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestOlderKernels assembles the programs as for kernels that keep a socket's inode number in its inode only, have no
// MPTCP and no forward_deficit.
func TestOlderKernels(t *testing.T) {
	b, err := os.ReadFile(vmlinuxPath)
	if err != nil {
		t.Skip(err)
	}
	l, err := ResolveLayout(b, append(walkerFunctions, taskFileFunctions...))
	if err != nil {
		t.Fatal(err)
	}
	types, err := btf.Parse(b, structures, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := resolver{types: types}
	r.inodeBeside(l)
	if r.missing != "" {
		t.Fatalf("no %s", r.missing)
	}
	l.hasSkIno, l.udpDeficit, l.mptcpFirst = false, -1, -1
	fd, port := listen(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loopback4})
	udp, _ := listen(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: loopback4})
	check := func(it iterator, err error) {
		t.Helper()
		needBPF(t, err)
		defer it.Close()
		got := mine(t, it, &Want{Info: true})
		if got[fd].Inode != inode(t, fd) || got[fd].LocalPort != port || got[udp].Inode != inode(t, udp) {
			t.Errorf("%+v\n%+v", got[fd], got[udp])
		}
	}
	w, err := newWalker(l, 64)
	check(w, err)
	f, err := newFiles(l)
	check(f, err)
}
