package sockevent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

var mapped = [16]byte{10: 0xff, 11: 0xff, 12: 127, 15: 1}

func TestIPv6(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	for _, c := range []struct {
		name       string
		listen, to [16]byte
	}{
		{"IPv6", [16]byte{15: 1}, [16]byte{15: 1}},
		{"IPv4 mapped", [16]byte{}, mapped},
	} {
		l := socket(t, unix.AF_INET6, unix.SOCK_STREAM, 0)
		check(t, unix.Bind(l, &unix.SockaddrInet6{Addr: c.listen}))
		check(t, unix.Listen(l, 1))
		sa, err := unix.Getsockname(l)
		check(t, err)
		client := socket(t, unix.AF_INET6, unix.SOCK_STREAM, 0)
		check(t, unix.Connect(client, &unix.SockaddrInet6{Addr: c.to, Port: sa.(*unix.SockaddrInet6).Port}))
		server, _, err := unix.Accept(l)
		check(t, err)
		ofClient, ofServer := cookie(t, client), cookie(t, server)
		closeBoth(t, client, server)
		unix.Close(l)
		for _, r := range append(f.await(ofClient)[1:], f.await(ofServer)...) {
			if r.Family != rawsock.AFInet6 || r.Local != c.to || r.Remote != c.to {
				t.Errorf("%s: %+v", c.name, r)
			}
		}
	}
}

// An MPTCP socket is not reported, its subflows are TCP and are: also where the other end speaks plain TCP.
func TestMPTCP(t *testing.T) {
	if !isolated(t) {
		return
	}
	if !testutil.HasSysctl("net.mptcp.enabled") {
		t.Skip("this kernel has no MPTCP")
	}
	testutil.Sysctl(t, "net.mptcp.enabled", "1")
	for name, proto := range map[string]int{"plain client": 0, "both MPTCP": unix.IPPROTO_MPTCP} {
		t.Run(name, func(t *testing.T) { mptcp(t, proto) })
	}
}

func mptcp(t *testing.T, proto int) {
	f := watch(t, Config{})
	l := socket(t, unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
	check(t, unix.Bind(l, &unix.SockaddrInet4{Addr: loopback4}))
	check(t, unix.Listen(l, 1))
	sa, err := unix.Getsockname(l)
	check(t, err)
	port := uint16(sa.(*unix.SockaddrInet4).Port)
	client := socket(t, unix.AF_INET, unix.SOCK_STREAM, proto)
	check(t, unix.Connect(client, sa))
	server, _, err := unix.Accept(l)
	check(t, err)
	exchange(t, client, server, 1000)
	closeBoth(t, client, server)
	unix.Close(l)
	testutil.Eventually(t, 10*time.Second, func() error {
		f.drain()
		return mptcpEnds(t, f, port)
	})
}

// mptcpEnds finds the two subflows among what came.
func mptcpEnds(t *testing.T, f *feed, port uint16) error {
	t.Helper()
	var sent, received uint64
	for _, records := range f.socks {
		last := closing(records)
		switch {
		case last.Proto != rawsock.ProtoTCP:
			t.Fatalf("%+v", last)
		case last.RemotePort == port:
			sent = last.PayloadSent
		case last.LocalPort == port && last.RemotePort != 0:
			received = last.PayloadReceived
		}
	}
	if sent != 1000 || received != 1000 {
		return fmt.Errorf("sent %d, received %d", sent, received)
	}
	return nil
}

func (f *feed) datagrams() map[uint64]Datagram {
	f.t.Helper()
	m := map[uint64]Datagram{}
	check(f.t, f.Datagrams(func(d *Datagram) { m[d.Cookie] = *d }))
	return m
}

func udp(t *testing.T) (fd int, sa *unix.SockaddrInet4) {
	t.Helper()
	fd = socket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
	t.Cleanup(func() { unix.Close(fd) })
	check(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback4}))
	name, err := unix.Getsockname(fd)
	check(t, err)
	return fd, name.(*unix.SockaddrInet4)
}

func TestDatagrams(t *testing.T) {
	if !isolated(t) {
		return
	}
	eachWay(t, func(t *testing.T, f *feed) {
		server, to := udp(t)
		client := socket(t, unix.AF_INET, unix.SOCK_DGRAM, 0)
		defer unix.Close(client)
		c, s := cookie(t, client), cookie(t, server)
		buf := make([]byte, 1<<16)
		for _, n := range []int{1000, 0, 30000} {
			check(t, unix.Sendto(client, buf[:n], 0, to))
			for _, flags := range []int{unix.MSG_PEEK, 0} { // peeked at is not received
				m, _, err := unix.Recvfrom(server, buf, flags)
				if m != n || err != nil {
					t.Fatal(m, err)
				}
			}
		}
		if _, _, err := unix.Recvfrom(server, buf, unix.MSG_DONTWAIT); err != unix.EAGAIN {
			t.Fatal(err)
		}
		if err := unix.Sendto(client, buf[:65508], 0, to); err != unix.EMSGSIZE {
			t.Fatal(err)
		}
		all := f.datagrams()
		checkDatagram(t, "client", all[c], 31000, 3, 0, 0)
		checkDatagram(t, "server", all[s], 0, 0, 31000, 3)
		if d := all[c]; d.LocalPort == 0 || d.RemotePort != 0 || all[s].LocalPort != uint16(to.Port) || all[s].Local[0] != 127 {
			t.Errorf("client %+v\nserver %+v", d, all[s])
		}
		checkAnnounced(t, f, all[c], all[s])
		checkConnected(t, f, client, to)
		checkForget(t, f, client, to)
	})
}

func checkDatagram(t *testing.T, what string, d Datagram, sent, sends, received, receives uint64) {
	t.Helper()
	if d.SentBytes != sent || d.SentPackets != sends || d.ReceivedBytes != received || d.ReceivedPackets != receives {
		t.Errorf("%s: %+v", what, d)
	}
	if int(d.PID) != os.Getpid() || string(d.Name()) != comm(t) || d.Start/1e7 != startOf(t, os.Getpid()) || d.NetNS != netNS(t) || d.UID != 0 {
		t.Errorf("%s is of %d %q, begun at %d: %+v", what, d.PID, d.Name(), d.Start, d)
	}
	if d.First == 0 || d.Last < d.First || d.Proto != rawsock.ProtoUDP || d.Family != rawsock.AFInet {
		t.Errorf("%s: %+v", what, d)
	}
}

// checkAnnounced holds that there was one record of each.
func checkAnnounced(t *testing.T, f *feed, all ...Datagram) {
	t.Helper()
	f.drain()
	for _, d := range all {
		r := f.socks[d.Cookie]
		if len(r) != 1 {
			t.Fatalf("%d records of %+v", len(r), d)
		}
		want := Record{Time: d.First, Cookie: d.Cookie, Start: d.Start, Local: d.Local, Remote: d.Remote, Comm: d.Comm, NetNS: d.NetNS, PID: d.PID,
			LocalPort: d.LocalPort, Proto: d.Proto, Family: d.Family, Kind: KindDatagram, Owned: true}
		if r[0] != want {
			t.Errorf("%+v\nwant %+v", r[0], want)
		}
	}
}

// checkConnected holds that a socket that is connected later has its peer from the next packet on.
func checkConnected(t *testing.T, f *feed, client int, to *unix.SockaddrInet4) {
	t.Helper()
	check(t, unix.Connect(client, to))
	check(t, send(client, 1))
	if d := f.datagrams()[cookie(t, client)]; d.RemotePort != uint16(to.Port) || d.Remote[0] != 127 || d.Local[0] != 127 || d.SentPackets != 4 {
		t.Errorf("%+v", d)
	}
}

func checkForget(t *testing.T, f *feed, client int, to *unix.SockaddrInet4) {
	t.Helper()
	c := cookie(t, client)
	check(t, errors.Join(f.Forget(c), f.Forget(c)))
	if d, is := f.datagrams()[c]; is {
		t.Errorf("forgotten, and there: %+v", d)
	}
	check(t, send(client, 5))
	if d := f.datagrams()[c]; d.SentBytes != 5 {
		t.Errorf("used again: %+v", d)
	}
}

// Raw and packet sockets are counted, Unix sockets and TCP are not.
func TestOtherSockets(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{Datagrams: true})
	raw := socket(t, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	defer unix.Close(raw)
	packet := socket(t, unix.AF_PACKET, unix.SOCK_DGRAM, int(order.Uint16([]byte{0x08, 0x00})))
	defer unix.Close(packet)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	check(t, err)
	defer closeBoth(t, pair[0], pair[1])
	check(t, send(pair[0], 10))
	echo := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	check(t, unix.Sendto(raw, echo, 0, &unix.SockaddrInet4{Addr: loopback4}))
	buf := make([]byte, 100)
	n, err := unix.Read(raw, buf) // with the IP header
	check(t, err)
	m, err := unix.Read(packet, buf)
	check(t, err)
	all := f.datagrams()
	if d := all[cookie(t, raw)]; d.SentBytes != uint64(len(echo)) || d.ReceivedBytes != uint64(n) || d.Proto != unix.IPPROTO_ICMP {
		t.Errorf("raw: %+v", d)
	}
	if d := all[cookie(t, packet)]; d.ReceivedBytes != uint64(m) || d.ReceivedPackets != 1 || d.Family != afPacket || d.LocalPort != 0 {
		t.Errorf("packet: %+v", d)
	}
	if len(all) != 2 {
		t.Errorf("%d are counted: %+v", len(all), all)
	}
}

// A ring that is full loses records, and says how many.
func TestOverflow(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{Ring: os.Getpagesize()})
	const connections, each = 500, 7
	l, sa := listener(t)
	defer unix.Close(l)
	f.drain()
	churn(t, connections, l, sa)
	f.drain()
	got := 0
	for _, r := range f.socks {
		got += len(r)
	}
	got-- // the listener's
	if f.lost == 0 || got+int(f.lost) != connections*each {
		t.Errorf("%d records came and %d were lost, want %d", got, f.lost, connections*each)
	}
	lost := f.lost
	churn(t, 1, l, sa)
	if f.drain(); f.lost != lost {
		t.Errorf("%d were lost of a ring that was empty", f.lost-lost)
	}
}

// Where no more sockets can be counted, each call that is not counted is lost, until an entry is forgotten.
func TestTooManyDatagrams(t *testing.T) {
	if !isolated(t) {
		return
	}
	const room, sockets = 10, 14
	f := watch(t, Config{Datagrams: true, most: room})
	_, to := udp(t)
	var fds []int
	for range sockets {
		fd, _ := udp(t)
		check(t, unix.Sendto(fd, nil, 0, to))
		fds = append(fds, fd)
	}
	f.drain()
	if n := len(f.datagrams()); n != room || f.lost != sockets-room || len(f.socks) != room {
		t.Errorf("%d are counted, %d announced, %d lost", n, len(f.socks), f.lost)
	}
	check(t, f.Forget(cookie(t, fds[0])))
	check(t, unix.Sendto(fds[sockets-1], nil, 0, to))
	if f.drain(); f.lost != sockets-room || len(f.datagrams()) != room {
		t.Errorf("after one was forgotten %d are counted, %d lost", len(f.datagrams()), f.lost)
	}
}

// A connection that another process aborts was closed by that one, and the holder is told when it lets go.
func TestAborted(t *testing.T) {
	if !isolated(t) {
		return
	}
	testutil.NeedTool(t, "ss")
	f := watch(t, Config{})
	client, server, c, s := connection(t)
	sa, err := unix.Getsockname(client)
	check(t, err)
	testutil.Command(t, "ss", "-Kt", "sport", "=", fmt.Sprint(sa.(*unix.SockaddrInet4).Port))
	f.drain()
	if got := path(f.socks[c]); !strings.HasSuffix(got, " 7:ss") {
		closeBoth(t, client, server)
		t.Skip("this kernel has no SOCK_DESTROY: ", got)
	}
	closeBoth(t, client, server)
	if got, me := path(f.await(c)), comm(t); !strings.HasSuffix(got, " 7:ss D:"+me) {
		t.Errorf("client: %s", got)
	}
	if got, me := path(f.await(s)), comm(t); got != "1 7 D:"+me {
		t.Errorf("server: %s", got)
	}
}

// Each of 10,000 connections, from two threads, is opened, closed by its owner and destroyed, once.
func TestMany(t *testing.T) {
	if !isolated(t) {
		return
	}
	noTimeWait(t)
	f := watch(t, Config{})
	const threads, each = 2, 5000
	var wg sync.WaitGroup
	for range threads {
		l, sa := listener(t)
		defer unix.Close(l)
		wg.Go(func() { churn(t, each, l, sa) })
	}
	done := make(chan bool)
	go func() { wg.Wait(); close(done) }()
	for running := true; running; f.drain() {
		select {
		case <-done:
			running = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	checkMany(t, f, threads*each)
}

func checkMany(t *testing.T, f *feed, connections int) {
	t.Helper()
	me := comm(t)
	var name [16]byte
	copy(name[:], me)
	paths := map[string]int{}
	foreign := 0
	for _, records := range f.socks {
		if len(records) == 1 { // a listener
			continue
		}
		if r := records[0]; r.Owned && int(r.PID) != os.Getpid() {
			t.Errorf("opened by another: %+v", r)
		}
		if n := adopt(records, name); n > 0 {
			t.Logf("%d times another process had the descriptor last", n)
			foreign += n
		}
		paths[path(records)]++
	}
	clients, servers, odd := 0, 0, 0
	for p, n := range paths {
		switch p {
		case "2:" + me + " 1 4:" + me + " D", "2:" + me + " 1:" + me + " 4:" + me + " D",
			"2:" + me + " 1 4:" + me + " D:" + me, "2:" + me + " 1:" + me + " 4:" + me + " D:" + me:
			clients += n
		case "1 9:" + me + " D", "1 9:" + me + " D:" + me:
			servers += n
		default: // where another process closed the client, the server was closed first
			odd += n
			t.Logf("%d sockets went %s", n, p)
		}
	}
	if odd > 2*foreign || foreign > connections/1000 {
		t.Errorf("%d times another process closed a socket of ours, %d sockets went another way", foreign, odd)
	}
	if clients+servers+odd != 2*connections || clients > connections || servers > connections || f.lost != 0 {
		t.Errorf("%d clients, %d servers, %d records lost", clients, servers, f.lost)
	}
}

// adopt makes ours what is of a process that read our descriptors (ss, lsof, other tests) while they were closed, and says
// how often it did. No other can have a part in opening.
func adopt(records []Record, me [16]byte) (n int) {
	for i := range records[1:] {
		if r := &records[i+1]; r.Owned && int(r.PID) != os.Getpid() {
			r.Comm, n = me, n+1
		}
	}
	return n
}

// What happens in another network namespace is not reported where only one is wanted.
func TestNetNS(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{Datagrams: true})
	every, err := Open(Config{Datagrams: true})
	all := begin(t, every, err)
	var c, u uint64
	testutil.InNewNetNS(t, func() {
		client, server, ofClient, _ := connection(t)
		closeBoth(t, client, server)
		fd, to := udp(t)
		check(t, unix.Sendto(fd, []byte("x"), 0, to))
		c, u = ofClient, cookie(t, fd)
	})
	all.await(c)
	if _, is := all.datagrams()[u]; !is {
		t.Error("UDP of another namespace is not counted where all are wanted")
	}
	f.drain()
	if got := f.datagrams(); len(f.socks) != 0 || len(got) != 0 {
		t.Errorf("from another namespace: %+v %+v", f.socks, got)
	}
}

// Without allocations the reader costs no garbage.
func TestNoAllocations(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{Datagrams: true})
	l, sa := listener(t)
	defer unix.Close(l)
	fd, to := udp(t)
	n := testing.AllocsPerRun(10, func() {
		churn(t, 1, l, sa)
		check(t, unix.Sendto(fd, nil, 0, to))
	})
	with := testing.AllocsPerRun(10, func() {
		churn(t, 1, l, sa)
		check(t, unix.Sendto(fd, nil, 0, to))
		f.Drain(func(*Record) {})
		f.Datagrams(func(*Datagram) {})
	})
	if with > n {
		t.Errorf("%v allocations, %v without reading", with, n)
	}
}

func TestUnprivileged(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	testutil.CheckLeaks(t)
	if _, err := Open(Config{}); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestOpenRefused(t *testing.T) {
	e, err := Open(Config{})
	needBPF(t, err)
	check(t, e.Close())
	testutil.CheckLeaks(t)
	if _, err := Open(Config{Ring: 1000}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a ring of 1000 bytes: %v", err)
	}
	l := new(layout)
	if _, err := openWith(Config{}, l); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without tracepoints: %v", err)
	}
}
