package netlink

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func open(t testing.TB) *Conn {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Skipf("sock_diag is not available here: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func dump(t testing.TB, c *Conn, req inetdiag.Request) []rawsock.Record {
	t.Helper()
	msg, err := req.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := inetdiag.Rows{Proto: req.Proto}
	if err := c.Dump(msg, &rows); err != nil {
		t.Fatal(err)
	}
	return rows.Rows
}

func listen(t testing.TB, network, addr string) uint16 {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	t.Cleanup(func() { l.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func find(rows []rawsock.Record, port uint16, state uint8) *rawsock.Record {
	for i := range rows {
		if rows[i].LocalPort == port && rows[i].State == state {
			return &rows[i]
		}
	}
	return nil
}

func TestBothFamiliesInOnePass(t *testing.T) {
	c := open(t)
	p4, p6 := listen(t, "tcp4", "127.0.0.1:0"), listen(t, "tcp6", "[::1]:0")
	rows := dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP})
	r4, r6 := find(rows, p4, rawsock.Listen), find(rows, p6, rawsock.Listen)
	if r4 == nil || r6 == nil {
		t.Fatalf("listeners on %d and %d: %+v, %+v", p4, p6, r4, r6)
	}
	if r4.Family != rawsock.AFInet || r6.Family != rawsock.AFInet6 || r4.Inode == 0 || r4.Cookie == 0 {
		t.Errorf("rows %+v, %+v", r4, r6)
	}
	if r4.UID != uint32(os.Getuid()) || r4.SendQ == 0 {
		t.Errorf("uid %d, backlog limit %d", r4.UID, r4.SendQ)
	}
}

func TestPortFilter(t *testing.T) {
	c := open(t)
	var ports []uint16
	for range 5 {
		ports = append(ports, listen(t, "tcp4", "127.0.0.1:0"))
	}
	for n := 1; n <= 4; n++ {
		for _, family := range []uint8{0, rawsock.AFInet} {
			rows := dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP, Family: family, Ports: inetdiag.Ranges(ports[:n])})
			for i, p := range ports {
				if got := find(rows, p, rawsock.Listen) != nil; got != (i < n) {
					t.Errorf("%d ports, family %d: port %d found: %v", n, family, p, got)
				}
			}
		}
	}
}

// The most ranges that are let into one request must pass the kernel's check, and so must the widest.
func TestPortFilterLimits(t *testing.T) {
	c := open(t)
	port := listen(t, "tcp4", "127.0.0.1:0")
	var rs []inetdiag.Range
	for i := range inetdiag.MaxRanges - 1 {
		rs = append(rs, inetdiag.Range{First: uint16(2*i + 2), Last: uint16(2*i + 2)})
	}
	rs = append(rs, inetdiag.Range{First: port, Last: port})
	if find(dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP, Ports: rs}), port, rawsock.Listen) == nil {
		t.Error("the last of many ranges does not match")
	}
	all := []inetdiag.Range{{First: 0, Last: 65535}}
	if find(dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP, Ports: all}), port, rawsock.Listen) == nil {
		t.Error("the range of all ports does not match")
	}
}

func TestUDP(t *testing.T) {
	c := open(t)
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	port := uint16(s.LocalAddr().(*net.UDPAddr).Port)
	rows := dump(t, c, inetdiag.Request{Proto: rawsock.ProtoUDP, Family: rawsock.AFInet, Ports: inetdiag.Ranges([]uint16{port})})
	if len(rows) != 1 || rows[0].State != rawsock.Close || rows[0].LocalPort != port {
		t.Errorf("rows %+v", rows)
	}
}

func TestInfoCounts(t *testing.T) {
	c := open(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := out.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Read(make([]byte, 400)); err != nil {
		t.Fatal(err)
	}
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	rows := dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP, Family: rawsock.AFInet, Info: true, Ports: inetdiag.Ranges([]uint16{port})})
	r := find(rows, port, rawsock.Established)
	if r == nil || r.Received != 1000 || r.RecvQ != 600 || r.RTT == 0 || r.Cwnd == 0 {
		t.Errorf("accepted socket %+v", r)
	}
}

func TestBound(t *testing.T) {
	c := open(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(sa.(*unix.SockaddrInet4).Port)
	if find(dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP}), port, rawsock.BoundInactive) == nil {
		t.Skip("this kernel does not list bound sockets (it does since Linux 6.8)")
	}
}

// The number of MPTCP does not fit in the byte that the request has for the protocol.
func TestMPTCP(t *testing.T) {
	c := open(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, rawsock.ProtoMPTCP)
	if err != nil {
		t.Skipf("no MPTCP here: %v", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 5), unix.Fstat(fd, &st)); err != nil {
		t.Fatal(err)
	}
	msg, err := (&inetdiag.Request{Proto: rawsock.ProtoMPTCP, Family: rawsock.AFInet, Info: true}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := inetdiag.Rows{Proto: rawsock.ProtoMPTCP}
	if err := c.Dump(msg, &rows); Refused(err) {
		t.Skipf("no MPTCP from sock_diag: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows.Rows {
		if uint64(r.Inode) == st.Ino && r.State == rawsock.Listen && r.LocalPort != 0 {
			return
		}
	}
	t.Errorf("inode %d is missing from %+v", st.Ino, rows.Rows)
}

func TestUnix(t *testing.T) {
	c := open(t)
	name := "@sockeye-test-" + strconv.Itoa(os.Getpid())
	path := t.TempDir() + "/s"
	for _, n := range []string{name, path} {
		l, err := net.Listen("unix", n)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	var rows inetdiag.UnixRows
	if err := c.Dump(new(inetdiag.UnixRequest).Append(nil), &rows); err != nil {
		t.Skipf("no Unix sockets from sock_diag: %v", err)
	}
	for _, want := range []string{name, path} {
		n := 0
		for _, r := range rows.Rows {
			if r.Name == want && r.State == rawsock.Listen && r.UID == uint32(os.Getuid()) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q is listed %d times", want, n)
		}
	}
}

func TestErrnoOfKernel(t *testing.T) {
	c := open(t)
	msg, err := (&inetdiag.Request{Proto: 255, Family: rawsock.AFInet}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Dump(msg, &inetdiag.Rows{})
	if err == nil {
		t.Skip("protocol 255 has a table here")
	}
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		t.Errorf("error %v", err)
	}
	if !Refused(err) {
		t.Errorf("%v does not count as refused", err)
	}
	dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP}) // the socket must have survived
}

// A reader that stops early must not disturb the next dump.
func TestStopAndGoOn(t *testing.T) {
	c := open(t)
	port := listen(t, "tcp4", "127.0.0.1:0")
	for range 3 {
		if err := c.Dump(mustAppend(t), stopper{}); !errors.Is(err, inetdiag.ErrStopped) {
			t.Fatalf("error %v", err)
		}
		if find(dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP}), port, rawsock.Listen) == nil {
			t.Fatal("the listener is missing")
		}
	}
}

func mustAppend(t testing.TB) []byte {
	t.Helper()
	msg, err := (&inetdiag.Request{Proto: rawsock.ProtoTCP}).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

type stopper struct{}

func (stopper) Begin()                           {}
func (stopper) Retry()                           {}
func (stopper) Batch([]byte) (bool, bool, error) { return false, false, inetdiag.ErrStopped }

// interrupter says for the first n dumps that they were interrupted.
type interrupter struct {
	inetdiag.Rows
	n, retries int
}

func (i *interrupter) Retry() { i.retries++; i.Rows.Retry() }

func (i *interrupter) Batch(b []byte) (done, interrupted bool, err error) {
	done, _, err = i.Rows.Batch(b)
	return done, i.retries < i.n, err
}

func TestInterruptedIsReadAgain(t *testing.T) {
	c := open(t)
	port := listen(t, "tcp4", "127.0.0.1:0")
	for n, want := range map[int]error{0: nil, 1: nil, Attempts - 1: nil, Attempts: ErrInterrupted, 99: ErrInterrupted} {
		r := interrupter{n: n, Rows: inetdiag.Rows{Proto: rawsock.ProtoTCP}}
		if err := c.Dump(mustAppend(t), &r); !errors.Is(err, want) {
			t.Errorf("%d interruptions: error %v", n, err)
		}
		if r.retries != min(n, Attempts-1) {
			t.Errorf("%d interruptions: %d retries", n, r.retries)
		}
		if got := countPort(r.Rows.Rows, port); got != 1 {
			t.Errorf("%d interruptions: the listener is listed %d times", n, got)
		}
	}
}

func countPort(rows []rawsock.Record, port uint16) (n int) {
	for i := range rows {
		if rows[i].LocalPort == port {
			n++
		}
	}
	return n
}

func TestNoAllocation(t *testing.T) {
	c := open(t)
	for range 50 {
		listen(t, "tcp4", "127.0.0.1:0")
	}
	msg, rows := mustAppend(t), &inetdiag.Rows{Proto: rawsock.ProtoTCP}
	read := func() {
		rows.Rows = rows.Rows[:0]
		if err := c.Dump(msg, rows); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if n := testing.AllocsPerRun(20, read); n > 0 {
		t.Errorf("%v allocations a dump", n)
	}
}

func TestNamespace(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("setns needs root")
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	defer cmd.Wait()
	defer in.Close()
	port := listen(t, "tcp4", "127.0.0.1:0")
	c, err := OpenIn("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/net")
	if err != nil {
		t.Skipf("setns is refused: %v", err)
	}
	defer c.Close()
	if rows := dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP}); len(rows) != 0 {
		t.Errorf("an empty namespace has %+v", rows)
	}
	if find(dump(t, open(t), inetdiag.Request{Proto: rawsock.ProtoTCP}), port, rawsock.Listen) == nil {
		t.Error("the thread did not come back")
	}
}

func TestNoLeak(t *testing.T) {
	open(t)
	before := countFDs(t)
	for range 50 {
		c, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close()
		if c, err := OpenIn("/proc/self/ns/net"); err == nil {
			c.Close()
		}
		if _, err := OpenIn("/proc/self/ns/uts"); err == nil {
			t.Fatal("opened in a namespace of another kind")
		}
	}
	if after := countFDs(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestClosed(t *testing.T) {
	c := open(t)
	c.Close()
	if err := c.Dump(mustAppend(t), &inetdiag.Rows{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v", err)
	}
}

func countFDs(t *testing.T) int {
	t.Helper()
	es, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(es)
}

// The list of ss, as the other opinion. Both are read while other programs open and close sockets, so what they must
// agree on are listeners.
func TestAgainstSS(t *testing.T) {
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip("ss is not installed")
	}
	c := open(t)
	for _, addr := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		listen(t, "tcp4", addr)
	}
	listen(t, "tcp6", "[::]:0")
	out, err := exec.Command("ss", "-Htlne").Output()
	if err != nil {
		t.Skipf("ss: %v", err)
	}
	inodes := map[string]bool{}
	for _, r := range dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP, States: 1 << rawsock.Listen}) {
		inodes["ino:"+strconv.Itoa(int(r.Inode))] = true
	}
	for line := range strings.Lines(string(out)) {
		for _, f := range strings.Fields(line) {
			if strings.HasPrefix(f, "ino:") && !inodes[f] && exec.Command("sh", "-c", "ss -Htlne | grep -q '"+f+" '").Run() == nil {
				t.Errorf("not in our list: %s", line)
			}
		}
	}
}

func BenchmarkDump(b *testing.B) {
	c := open(b)
	for range 500 {
		listen(b, "tcp4", "127.0.0.1:0")
	}
	msg, rows := mustAppend(b), &inetdiag.Rows{Proto: rawsock.ProtoTCP}
	b.ReportAllocs()
	for b.Loop() {
		rows.Rows = rows.Rows[:0]
		if err := c.Dump(msg, rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows.Rows)), "ns/socket")
}
