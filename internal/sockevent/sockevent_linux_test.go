package sockevent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// isolated runs the calling test in a network namespace of its own.
func isolated(t *testing.T) bool {
	t.Helper()
	return testutil.Isolated(t, testutil.Child{NetNS: true})
}

func netNS(t testing.TB) uint32 {
	t.Helper()
	var st unix.Stat_t
	check(t, unix.Stat("/proc/thread-self/ns/net", &st))
	return uint32(st.Ino)
}

// feed is Events of this namespace with what came so far.
type feed struct {
	*Events
	t     *testing.T
	socks map[uint64][]Record // by cookie
	lost  uint64
}

func watch(t *testing.T, cfg Config) *feed {
	t.Helper()
	cfg.NetNS = netNS(t)
	e, err := Open(cfg)
	return begin(t, e, err)
}

func begin(t *testing.T, e *Events, err error) *feed {
	t.Helper()
	needBPF(t, err)
	t.Cleanup(func() { check(t, e.Close()) })
	return &feed{Events: e, t: t, socks: map[uint64][]Record{}}
}

func (f *feed) drain() {
	f.t.Helper()
	lost, err := f.Drain(func(r *Record) { f.socks[r.Cookie] = append(f.socks[r.Cookie], *r) })
	check(f.t, err)
	f.lost += lost
}

// await drains until the socket is destroyed.
func (f *feed) await(cookie uint64) []Record {
	f.t.Helper()
	testutil.Eventually(f.t, 10*time.Second, func() error {
		f.drain()
		if r := f.socks[cookie]; len(r) == 0 || r[len(r)-1].Kind != KindDestroy {
			return fmt.Errorf("socket %d is not gone: %s", cookie, path(r))
		}
		return nil
	})
	return f.socks[cookie]
}

// path is what happened to a socket, in short: states, with the owner of each, D for destroyed.
func path(records []Record) string {
	var s []string
	for _, r := range records {
		at := "D"
		if r.Kind == KindState {
			at = strconv.Itoa(int(r.NewState))
		}
		if r.Owned {
			at += ":" + string(r.Name())
		}
		s = append(s, at)
	}
	return strings.Join(s, " ")
}

func cookie(t *testing.T, fd int) uint64 {
	t.Helper()
	c, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_COOKIE)
	check(t, err)
	return c
}

func comm(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/comm") // of the first thread
	check(t, err)
	return strings.TrimSpace(string(b))
}

// startOf is field 22 of /proc/PID/stat, in hundredths of a second since boot.
func startOf(t *testing.T, pid int) uint64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	check(t, err)
	n, err := strconv.ParseUint(strings.Fields(string(b[strings.LastIndex(string(b), ")")+2:]))[19], 10, 64)
	check(t, err)
	return n
}

// holder starts a program that has the socket as its standard input, and closes it here.
func holder(t *testing.T, fd int, name string, args ...string) *exec.Cmd {
	t.Helper()
	f := os.NewFile(uintptr(fd), "socket")
	defer f.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdin = f
	check(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// hold has a program, cat, hold the socket, and closes it here. The program ends when release is called.
func hold(t *testing.T, fd int) (release func()) {
	t.Helper()
	f := os.NewFile(uintptr(fd), "socket")
	cmd := exec.Command("cat")
	cmd.ExtraFiles = []*os.File{f}
	in, err := cmd.StdinPipe()
	check(t, err)
	check(t, errors.Join(cmd.Start(), f.Close()))
	return func() {
		check(t, errors.Join(in.Close(), cmd.Wait()))
	}
}

// connection makes one to a new listener and returns both ends with their cookies.
func connection(t *testing.T) (client, server int, ofClient, ofServer uint64) {
	t.Helper()
	l, sa := listener(t)
	defer unix.Close(l)
	client, server = pair(t, l, sa)
	return client, server, cookie(t, client), cookie(t, server)
}

func closeBoth(t *testing.T, first, second int) {
	t.Helper()
	check(t, errors.Join(unix.Close(first), unix.Close(second)))
}

// The two ways to read what lies behind pointers.
func eachWay(t *testing.T, test func(t *testing.T, f *feed)) {
	for _, way := range []string{"cast", "probe"} {
		t.Run(way, func(t *testing.T) {
			var l *layout
			needBPF(t, bpf.WithKernelTypes(func(b []byte) (err error) { l, err = resolveLayout(b); return err }))
			if way == "probe" {
				l.rdonlyCast = 0
			} else if l.rdonlyCast == 0 {
				t.Skip("no bpf_rdonly_cast before Linux 6.2")
			}
			e, err := openWith(Config{NetNS: netNS(t), Datagrams: true}, l)
			test(t, begin(t, e, err))
		})
	}
}

// The accepting side is closed by another process than the one that accepted.
func TestOwners(t *testing.T) {
	if !isolated(t) {
		return
	}
	testutil.CheckLeaks(t)
	eachWay(t, func(t *testing.T, f *feed) {
		client, server, c, s := connection(t)
		sa, err := unix.Getsockname(client)
		check(t, err)
		port := uint16(sa.(*unix.SockaddrInet4).Port)
		cat := holder(t, server, "cat")
		start := startOf(t, cat.Process.Pid)
		check(t, unix.Close(client))
		me := comm(t)
		rc, rs := f.await(c), f.await(s)
		if got, want := path(rc), fmt.Sprintf("2:%s 1:%s 4:%s D", me, me, me); got != want && got != strings.Replace(want, " 1:"+me, " 1", 1) {
			t.Errorf("client: %s, want %s", got, want)
		}
		if got, want := path(rs), "1 9:cat D:cat"; got != want && got != "1 9:cat D" {
			t.Errorf("server: %s, want %s", got, want)
		}
		last := rs[1]
		if int(last.PID) != cat.Process.Pid || last.Start/1e7 != start {
			t.Errorf("closed by process %d of %d, want %d of %d", last.PID, last.Start/1e7, cat.Process.Pid, start)
		}
		if int(rc[0].PID) != os.Getpid() || rc[0].Start/1e7 != startOf(t, os.Getpid()) {
			t.Errorf("opened by process %d of %d", rc[0].PID, rc[0].Start)
		}
		checkEnds(t, f, rc, rs, port)
	})
}

// checkEnds holds that both ends of a connection tell of it alike.
func checkEnds(t *testing.T, f *feed, client, server []Record, port uint16) {
	t.Helper()
	var boot unix.Timespec
	check(t, unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot))
	for _, r := range client[1:] {
		for _, o := range server {
			if r.Local != o.Remote || r.Remote != o.Local || r.LocalPort != o.RemotePort || r.RemotePort != o.LocalPort || r.LocalPort != port {
				t.Errorf("client %+v\nserver %+v", r, o)
			}
		}
	}
	last := uint64(0)
	for _, r := range client {
		if r.NetNS != netNS(t) || r.Proto != rawsock.ProtoTCP || r.Family != rawsock.AFInet || r.Local[0] != 127 || r.UID != 0 || r.Interface != 0 || r.Kernel {
			t.Errorf("%+v", r)
		}
		if r.Time < last || r.Time > uint64(boot.Nano()) || uint64(boot.Nano())-r.Time > uint64(time.Minute) {
			t.Errorf("at %d after %d, now is %d", r.Time, last, boot.Nano())
		}
		last = r.Time
	}
	if f.lost != 0 {
		t.Errorf("%d records lost", f.lost)
	}
}

// A process that is killed closes its sockets itself, on its way out.
func TestKilled(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	client, server, c, s := connection(t)
	sleep := holder(t, server, "sleep", "60")
	check(t, sleep.Process.Kill())
	sleep.Wait()
	check(t, unix.Close(client))
	if got := path(f.await(s)); !strings.HasPrefix(got, "1 4:sleep D") {
		t.Errorf("server: %s", got)
	}
	if got, me := path(f.await(c)), comm(t); !strings.Contains(got, " 9:"+me+" D") {
		t.Errorf("client: %s", got)
	}
}

func TestRefused(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	l, sa := listener(t)
	lc := cookie(t, l)
	check(t, unix.Close(l))
	fd := socket(t, unix.AF_INET, unix.SOCK_STREAM, 0)
	c := cookie(t, fd)
	if err := unix.Connect(fd, sa); err != unix.ECONNREFUSED {
		t.Fatal(err)
	}
	check(t, unix.Close(fd))
	me := comm(t)
	if got := path(f.await(c)); !strings.HasPrefix(got, "2:"+me+" 7") || !strings.HasSuffix(got, " D:"+me) {
		t.Errorf("%s", got)
	}
	closed := f.socks[c][1]
	if closed.OldState != rawsock.SynSent || int(closed.RemotePort) != sa.(*unix.SockaddrInet4).Port || closed.LocalPort == 0 {
		t.Errorf("%+v", closed)
	}
	if got, want := path(f.await(lc)), fmt.Sprintf("10:%s 7:%s D:%s", me, me, me); got != want {
		t.Errorf("the listener: %s, want %s", got, want)
	}
}

// A socket that was only made, or bound, opened nothing.
func TestUnused(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	fd := socket(t, unix.AF_INET, unix.SOCK_STREAM, 0)
	unused := cookie(t, fd)
	check(t, unix.Close(fd))
	client, server, c, _ := connection(t)
	closeBoth(t, client, server)
	f.await(c)
	if r := f.socks[unused]; len(r) != 0 {
		t.Errorf("%+v", r)
	}
}

// Closed with SO_LINGER 0 the socket is disconnected first: what it counted is told before the kernel forgets it.
func TestReset(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	client, server, c, s := connection(t)
	exchange(t, client, server, 1000)
	exchange(t, server, client, 300)
	check(t, unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	check(t, unix.Close(client))
	hold(t, server)()
	me := comm(t)
	rc, rs := f.await(c), f.await(s)
	if got := path(rc); !strings.HasSuffix(got, fmt.Sprintf(" 7:%s D:%s", me, me)) {
		t.Errorf("client: %s", got)
	}
	if got := path(rs); got != "1 7 D:cat" {
		t.Errorf("server: %s", got)
	}
	checkCounts(t, "client", closing(rc), 1000, 300)
	checkCounts(t, "server", closing(rs), 300, 1000)
	if d := rc[len(rc)-1]; d.PayloadSent != 0 || d.LocalPort == 0 {
		t.Errorf("destroyed: %+v; the kernel no longer forgets: say so in KindDestroy", d)
	}
}

// closing is the record that has the counts: the first to CLOSE, else the last.
func closing(records []Record) *Record {
	for i, r := range records {
		if r.Kind == KindState && r.NewState == rawsock.Close {
			return &records[i]
		}
	}
	return &records[len(records)-1]
}

func checkCounts(t *testing.T, what string, r *Record, sent, received uint64) {
	t.Helper()
	if r.PayloadSent != sent || r.PayloadReceived != received {
		t.Errorf("%s sent %d and received %d, want %d and %d", what, r.PayloadSent, r.PayloadReceived, sent, received)
	}
}

// exchange sends n bytes and receives them.
func exchange(t *testing.T, from, to, n int) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- send(from, n) }()
	receive(t, to, n)
	check(t, <-done)
}

func send(fd, n int) error {
	buf := make([]byte, min(n, 1<<18))
	for n > 0 {
		m, err := unix.Write(fd, buf[:min(n, len(buf))])
		if err != nil {
			return err
		}
		n -= m
	}
	return nil
}

func receive(t *testing.T, fd, n int) {
	t.Helper()
	buf := make([]byte, 1<<18)
	for n > 0 {
		m, err := unix.Read(fd, buf)
		if m == 0 && err == nil {
			err = errors.New("ended early")
		}
		check(t, err)
		n -= m
	}
}

func TestBytes(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	for _, size := range []int{0, 1, 1 << 16, 10 << 20} {
		for _, closer := range []string{"client", "server"} {
			client, server, c, s := connection(t)
			exchange(t, client, server, size)
			exchange(t, server, client, size/3)
			if closer == "client" {
				closeBoth(t, client, server)
			} else {
				closeBoth(t, server, client)
			}
			n := uint64(size)
			what := fmt.Sprintf("%d bytes, closed by the %s: ", size, closer)
			checkCounts(t, what+"client", closing(f.await(c)), n, n/3)
			checkCounts(t, what+"server", closing(f.await(s)), n/3, n)
		}
	}
}

// sendfile and splice give pages to the socket, without send or write.
func TestSendfileSplice(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	const size = 100_000
	file, err := os.CreateTemp(t.TempDir(), "")
	check(t, err)
	defer file.Close()
	check(t, file.Truncate(size))
	for name, move := range map[string]func(to int) (int, error){
		"sendfile": func(to int) (int, error) { off := int64(0); return unix.Sendfile(to, int(file.Fd()), &off, 1<<15) },
		"splice":   func(to int) (int, error) { return splice(int(file.Fd()), to, 1<<15) },
	} {
		client, server, c, s := connection(t)
		total := 0
		for total < size/2 {
			n, err := move(client)
			check(t, err)
			receive(t, server, n)
			total += n
		}
		closeBoth(t, client, server)
		checkCounts(t, name+": client", closing(f.await(c)), uint64(total), 0)
		checkCounts(t, name+": server", closing(f.await(s)), 0, uint64(total))
	}
}

func splice(from, to, n int) (int, error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return 0, err
	}
	defer unix.Close(p[0])
	defer unix.Close(p[1])
	off := int64(0)
	m, err := unix.Splice(from, &off, p[1], nil, n, 0)
	if err != nil {
		return 0, err
	}
	m, err = unix.Splice(p[0], nil, to, nil, int(m), 0)
	return int(m), err
}

// Of a connection that is shut down one way the other way goes on.
func TestHalfClose(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{States: true})
	client, server, c, s := connection(t)
	check(t, unix.Shutdown(client, unix.SHUT_WR))
	exchange(t, server, client, 500)
	check(t, unix.Close(server))
	time.Sleep(10 * time.Millisecond)
	check(t, unix.Close(client))
	states := func(r []Record) (s []uint8) {
		for _, r := range r {
			if r.Kind == KindState {
				s = append(s, r.NewState)
			}
		}
		return s
	}
	rc, rs := f.await(c), f.await(s)
	if got := states(rc); !slices.Equal(got, []uint8{rawsock.SynSent, rawsock.Established, rawsock.FinWait1, rawsock.FinWait2, rawsock.Close}) {
		t.Errorf("client: %v", got)
	}
	if got := states(rs); !slices.Equal(got, []uint8{rawsock.Established, rawsock.CloseWait, rawsock.LastAck, rawsock.Close}) {
		t.Errorf("server: %v", got)
	}
	checkCounts(t, "client", closing(rc), 0, 500)
	checkCounts(t, "server", closing(rs), 500, 0)
}

// A socket may be connected again after it was disconnected, and keeps its cookie.
func TestDisconnect(t *testing.T) {
	if !isolated(t) {
		return
	}
	f := watch(t, Config{})
	l, sa := listener(t)
	defer unix.Close(l)
	client := socket(t, unix.AF_INET, unix.SOCK_STREAM, 0)
	c := cookie(t, client)
	for _, n := range []int{100, 7} {
		check(t, unix.Connect(client, sa))
		server, _, err := unix.Accept(l)
		check(t, err)
		exchange(t, client, server, n)
		disconnect(t, client)
		f.drain()
		r := f.socks[c]
		checkCounts(t, "disconnected", &r[len(r)-1], uint64(n), 0)
		check(t, unix.Close(server))
	}
	check(t, unix.Close(client))
	me := comm(t)
	if got := path(f.await(c)); strings.Count(got, "2:"+me) != 2 || strings.Count(got, "7:"+me) != 2 {
		t.Errorf("%s", got)
	}
}

func disconnect(t *testing.T, fd int) {
	t.Helper()
	var unspec [16]byte // AF_UNSPEC is 0
	if _, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspec)), 16); errno != 0 {
		t.Fatal(errno)
	}
}
