package sockevent

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// needBPF skips where this process may not use BPF, or the kernel lacks something; in CI both are there.
func needBPF(tb testing.TB, err error) {
	tb.Helper()
	var v *bpf.VerifierError
	if errors.As(err, &v) && v.Log != "" {
		tb.Fatalf("%v\n%s", err, v.Log)
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrNotExist) {
		testutil.Lack(tb, "BPF is not to be had: "+err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
}

var loopback4 = [4]byte{127, 0, 0, 1}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// socket makes a socket that the caller closes.
func socket(tb testing.TB, family, typ, proto int) int {
	tb.Helper()
	fd, err := unix.Socket(family, typ|unix.SOCK_CLOEXEC, proto)
	check(tb, err)
	return fd
}

func listener(tb testing.TB) (fd int, sa unix.Sockaddr) {
	tb.Helper()
	fd = socket(tb, unix.AF_INET, unix.SOCK_STREAM, 0)
	check(tb, unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback4}))
	check(tb, unix.Listen(fd, 1024))
	sa, err := unix.Getsockname(fd)
	check(tb, err)
	return fd, sa
}

// pair makes a connection, client first.
func pair(tb testing.TB, l int, to unix.Sockaddr) (client, server int) {
	client = socket(tb, unix.AF_INET, unix.SOCK_STREAM, 0)
	check(tb, unix.Connect(client, to))
	server, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	check(tb, err)
	return client, server
}

// churn makes connections and closes them, client first.
func churn(tb testing.TB, n, l int, to unix.Sockaddr) {
	tb.Helper()
	for range n {
		c, s := pair(tb, l, to)
		check(tb, errors.Join(unix.Close(c), unix.Close(s)))
	}
}

// noTimeWait keeps connections that were closed from filling the table, which would make each further one slower.
func noTimeWait(tb testing.TB) { testutil.Sysctl(tb, "net.ipv4.tcp_max_tw_buckets", "0") }

// threadTime is the processor time of this thread, to which the kernel adds that of the packets it sends over loopback:
// unlike the time of day it does not count what else the machine does.
func threadTime(tb testing.TB) time.Duration {
	tb.Helper()
	var ts unix.Timespec
	check(tb, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts))
	return time.Duration(ts.Nano())
}

// compare runs work n times without and n times with events, again and again, and reports the medians of what the first
// take and of what the second take more. The thread is locked.
func compare(b *testing.B, n int, work func()) {
	var without, added []time.Duration
	run := func() time.Duration {
		start := threadTime(b)
		for range n {
			work()
		}
		return (threadTime(b) - start) / time.Duration(n)
	}
	run() // warm
	for b.Loop() {
		without = append(without, run())
		e, err := Open(Config{Datagrams: true, NetNS: netNS(b)})
		needBPF(b, err)
		added = append(added, run()-without[len(without)-1])
		lost, err := e.Drain(func(*Record) {})
		check(b, errors.Join(err, e.Close()))
		if lost > 0 {
			b.Errorf("%d records lost", lost)
		}
	}
	slices.Sort(without)
	slices.Sort(added)
	b.ReportMetric(0, "ns/op") // of a round, which says nothing
	b.ReportMetric(float64(without[len(without)/2]), "ns/without")
	b.ReportMetric(float64(added[len(added)/2]), "ns/added")
}

// BenchmarkConnectClose is a connection over loopback that is made, accepted and closed at both ends.
func BenchmarkConnectClose(b *testing.B) {
	testutil.NeedRoot(b)
	testutil.InNewNetNS(b, func() {
		noTimeWait(b)
		l, sa := listener(b)
		defer unix.Close(l)
		compare(b, 200, func() { churn(b, 1, l, sa) })
	})
}

// BenchmarkSendReceive is one byte sent and received over a TCP connection on loopback.
func BenchmarkSendReceive(b *testing.B) {
	testutil.NeedRoot(b)
	testutil.InNewNetNS(b, func() {
		l, sa := listener(b)
		defer unix.Close(l)
		c, s := pair(b, l, sa)
		defer unix.Close(c)
		defer unix.Close(s)
		sendReceive(b, c, s)
	})
}

// BenchmarkDatagram is the same over UDP, which is counted.
func BenchmarkDatagram(b *testing.B) {
	testutil.NeedRoot(b)
	testutil.InNewNetNS(b, func() {
		s := socket(b, unix.AF_INET, unix.SOCK_DGRAM, 0)
		defer unix.Close(s)
		check(b, unix.Bind(s, &unix.SockaddrInet4{Addr: loopback4}))
		sa, err := unix.Getsockname(s)
		check(b, err)
		c := socket(b, unix.AF_INET, unix.SOCK_DGRAM, 0)
		defer unix.Close(c)
		check(b, unix.Connect(c, sa))
		sendReceive(b, c, s)
	})
}

func sendReceive(b *testing.B, c, s int) {
	buf := make([]byte, 1)
	compare(b, 3000, func() {
		if _, err := unix.Write(c, buf); err != nil {
			b.Fatal(err)
		}
		if n, err := unix.Read(s, buf); n != 1 || err != nil {
			b.Fatal(n, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		e, err := Open(Config{Datagrams: true})
		needBPF(b, err)
		e.Close()
	}
}

// BenchmarkDrain is what one record costs its reader.
func BenchmarkDrain(b *testing.B) {
	testutil.NeedRoot(b)
	testutil.InNewNetNS(b, func() {
		e, err := Open(Config{NetNS: netNS(b)})
		needBPF(b, err)
		defer e.Close()
		l, sa := listener(b)
		defer unix.Close(l)
		noTimeWait(b)
		b.ReportAllocs()
		var records int
		var spent time.Duration
		for b.Loop() {
			churn(b, 500, l, sa)
			start := time.Now()
			_, err := e.Drain(func(*Record) { records++ })
			spent += time.Since(start)
			check(b, err)
		}
		b.ReportMetric(0, "ns/op") // which is that of the connections
		b.ReportMetric(float64(spent.Nanoseconds())/float64(records), "ns/record")
	})
}
