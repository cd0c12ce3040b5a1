package completion

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// crowd is n connections by bare system calls, so that this process's memory is the server's. They come from several
// addresses, which have ports enough.
func crowd(t testing.TB, addr string, n int) []int {
	t.Helper()
	to := netip.MustParseAddrPort(addr)
	fds := make([]int, 0, n)
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
	for i := range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		from := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(2 + i/5000)}}
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		limit := unix.NsecToTimeval(int64(patience))
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
		_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := unix.Bind(fd, from); err != nil {
			t.Fatal(err)
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
			t.Fatal(err)
		}
	}
	return fds
}

// needFiles skips where so many descriptors cannot be had.
func needFiles(t testing.TB, n int) {
	t.Helper()
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil || l.Cur < uint64(n) {
		testutil.Lack(t, fmt.Sprintf("needs %d descriptors, has %d", n, l.Cur))
	}
}

// TestServeCrowd has 10,000 connections, or a few less where descriptors do not suffice for both ends, each of which gets
// its own bytes back.
func TestServeCrowd(t *testing.T) {
	const n = 9900
	needFiles(t, 2*n+100)
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			serveOne(t, Options{Backend: b, Workers: 2}, echo, func(s *serving) { talkAll(s, crowd(s, s.addr, n)) })
		})
	}
}

func talkAll(s *serving, fds []int) {
	s.Helper()
	for i, fd := range fds {
		if _, err := unix.Write(fd, binary.LittleEndian.AppendUint64(nil, uint64(i))); err != nil {
			s.Fatal(err)
		}
	}
	var b [8]byte
	for i, fd := range fds {
		if n, err := unix.Read(fd, b[:]); n != 8 || err != nil || binary.LittleEndian.Uint64(b[:]) != uint64(i) {
			s.Fatalf("connection %d: %d bytes, %v, %x", i, n, err, b)
		}
	}
}

// mostIdle is what an idle connection may cost in memory of the process, beside the pool.
const mostIdle = 300

func TestIdleMemory(t *testing.T) {
	const n = 4000
	needFiles(t, 2*n+100)
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			serveOne(t, Options{Backend: b, Workers: 1}, echo, func(s *serving) {
				talkAll(s, crowd(s, s.addr, 10)) // what is made once
				before := inUse()
				fds := crowd(s, s.addr, n)
				talkAll(s, fds)
				used := int64(inUse()-before) - int64(8*cap(fds))
				t.Logf("%d bytes a connection", used/n)
				if used/n > mostIdle {
					t.Errorf("%d bytes a connection", used/n)
				}
			})
		})
	}
}

// inUse is the heap in use, and the stacks.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
