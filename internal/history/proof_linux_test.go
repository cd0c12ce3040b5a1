package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// victim is where the child of TestKilled records to; with victimPace it is that of TestLoss.
const victim, victimPace = "SOCKEYE_HISTORY_VICTIM", "SOCKEYE_HISTORY_VICTIM_PACE"

func TestMain(m *testing.M) {
	if path := os.Getenv(victim); path != "" {
		part := suffer
		if os.Getenv(victimPace) != "" {
			part = tick
		}
		if err := part(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// suffer records connections by the dozen until it is killed, and says after each write up to which they are stored.
func suffer(path string) error {
	s, err := Open(Config{Path: path})
	if err != nil {
		return err
	}
	defer s.Close()
	first, err := s.count()
	if err != nil {
		return err
	}
	src := &endless{out: os.Stdout, number: first}
	return Record(context.Background(), s, Recording{Sockets: src, Details: details, Places: places, Every: 1, Trouble: src.trouble})
}

// count is how many connections are stored.
func (s *Store) count() (n int, err error) {
	err = s.conn.QueryRowContext(background, "SELECT count(*) FROM connection").Scan(&n)
	return n, err
}

// endless is a source of numbered connections that never ends.
type endless struct {
	out    io.Writer
	number int
	failed error
}

func (e *endless) trouble(err error) { e.failed = errors.Join(e.failed, err) }

func (e *endless) Flows(func(*watch.Flow) bool) {}

func (e *endless) Next(context.Context) (*watch.Report, error) {
	if e.failed != nil {
		return nil, errors.Join(watch.ErrClosed, e.failed)
	}
	fmt.Fprintln(e.out, e.number) // those of the last report are stored
	r := &watch.Report{Time: time.Now(), Elapsed: time.Second}
	for range 1 + rand.IntN(24) {
		e.number++
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, byte(rand.IntN(9)), byte(e.number >> 8), byte(e.number)}), 443)
		p := &netstat.Process{PID: 100 + e.number%50, Name: fmt.Sprint("p", e.number%7), Started: noon}
		conn := socket(uint64(e.number), netstat.Established, "10.0.0.1:1000", remote.String(), p)
		r.Events = append(r.Events, opened(conn, time.Now()), closed(conn, time.Now(), uint64(e.number), 1))
	}
	return r, nil
}

// TestKilled kills a recorder again and again while it writes. What it had written is there each time, the file is whole,
// and the next recorder goes on with it.
func TestKilled(t *testing.T) {
	rounds := 20
	if testutil.Thorough() {
		rounds = 100
	}
	path := filepath.Join(t.TempDir(), "history.db")
	stored := 0
	for round := range rounds {
		told := kill(t, path, time.Duration(20+rand.IntN(150))*time.Millisecond)
		s := openAfterKill(t, path)
		n, err := s.count()
		if err != nil || n < told || n < stored {
			t.Fatalf("round %d: %d connections are stored (%v), but %d were, and %d before", round, n, err, told, stored)
		}
		stored = n
		shut(t, s)
	}
	r := reader(t, path)
	sessions, err := r.Sessions(context.Background(), time.Time{}, time.Time{})
	if err != nil || stored == 0 || len(sessions) == 0 || !sessions[len(sessions)-1].Running {
		t.Errorf("%d stored; %d sessions, %v", stored, len(sessions), err)
	}
	t.Logf("%d times killed, %d connections", rounds, stored)
}

// kill runs a recorder for a while and kills it; told is how many connections it said were stored.
func kill(t *testing.T, path string, after time.Duration) (told int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, err := strconv.Atoi(lines.Text()); err == nil { // a cut line would be a smaller number
			told = max(told, n)
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the recorder ended by itself: %v", err)
	}
	return told
}

func openAfterKill(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	if err := s.conn.QueryRowContext(background, "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Fatalf("integrity: %v %s", err, answer)
	}
	mode := 0
	if err := s.conn.QueryRowContext(background, "PRAGMA auto_vacuum").Scan(&mode); err != nil || mode != 2 {
		t.Fatalf("pages cannot be given back: %v %d", err, mode)
	}
	return s
}

// small mounts a file system of a size, and changes it.
func small(t *testing.T, dir, options string) {
	t.Helper()
	flags := uintptr(0)
	if strings.Contains(options, "remount") {
		flags |= syscall.MS_REMOUNT
	}
	if strings.Contains(options, "ro,") {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options[strings.LastIndexByte(options, ',')+1:]); err != nil {
		t.Fatal("mount: ", err)
	}
}

// TestDiskFull: what was stored is kept, the recorder says what is wrong once, holds what comes in memory, and writes it when
// there is room again.
func TestDiskFull(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{MountNS: true}) {
		return
	}
	dir := t.TempDir()
	small(t, dir, "size=1m")
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path, c := filepath.Join(dir, "history.db"), &clock{noon}
	s := open(t, path, c)
	defer shut(t, s)
	src := &filling{script: script{clock: c}, endless: endless{out: io.Discard}, dir: dir, test: t}
	err := Record(context.Background(), s, Recording{Sockets: src, Details: details, Every: 1, Trouble: src.trouble})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	r := reader(t, path)
	if n := len(lives(t, r, Query{}, "")); n != src.number {
		t.Errorf("%d of %d are stored", n, src.number)
	}
	if src.told != 1 || src.over != 1 {
		t.Errorf("told %d times, and %d times that it is over", src.told, src.over)
	}
}

// filling is a source that fills the disk, goes on for a while, and then makes room.
type filling struct {
	script
	endless
	dir        string
	test       *testing.T
	told, over int
	after      int
}

func (f *filling) Flows(func(*watch.Flow) bool) {}

func (f *filling) trouble(err error) {
	switch {
	case err == nil:
		f.over++
	case !errors.Is(err, ErrFull):
		f.test.Error(err)
	default:
		f.told++
	}
}

func (f *filling) Next(ctx context.Context) (*watch.Report, error) {
	if f.told > 0 {
		f.after++
	}
	switch {
	case f.after == 20: // what is stored is readable meanwhile
		if all := lives(f.test, reader(f.test, filepath.Join(f.dir, "history.db")), Query{}, ""); len(all) == 0 || len(all) >= f.number {
			f.test.Errorf("%d of %d can be read on the full disk", len(all), f.number)
		}
		small(f.test, f.dir, "remount,size=64m")
	case f.after > 30 || f.number > 50_000:
		return nil, watch.ErrClosed
	}
	f.clock.forward(time.Second)
	return f.endless.Next(ctx)
}

func TestReadOnly(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{MountNS: true}) {
		return
	}
	dir := t.TempDir()
	small(t, dir, "size=8m")
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	path, c := filepath.Join(dir, "history.db"), &clock{noon}
	whole, err := os.ReadFile(sample(t))
	if err == nil {
		err = os.WriteFile(path, whole, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	small(t, dir, "remount,ro,size=8m")
	if _, err := Open(Config{Path: path, Now: c.now}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("recording: %v", err)
	}
	if n := len(lives(t, reader(t, path), Query{}, "")); n != 4 {
		t.Errorf("%d lives can be read", n)
	}
}

// TestOthers: an ordinary user can neither read nor write what root has recorded.
func TestOthers(t *testing.T) {
	const nobody = 65534
	testutil.NeedRoot(t)
	dir := testutil.PublicDir(t)
	path := filepath.Join(dir, "history.db")
	shut(t, open(t, path, &clock{noon}))
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	testutil.RunTest(t, "TestOthersPart", testutil.Child{UID: nobody, Env: []string{"SOCKEYE_HISTORY_PATH=" + path}})
}

func TestOthersPart(t *testing.T) {
	testutil.IsPart(t, "TestOthers", testutil.Child{UID: 65534})
	path := os.Getenv("SOCKEYE_HISTORY_PATH")
	if _, err := OpenReader(path); !errors.Is(err, ErrDenied) {
		t.Errorf("reading: %v", err)
	}
	if _, err := Open(Config{Path: path}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("writing: %v", err)
	}
}

// TestRealConnections records a network namespace with a server and clients in it.
func TestRealConnections(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true, MountNS: true}) {
		return
	}
	testutil.CheckLeaks(t)
	const conns = 40
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	w, err := watch.Open(&watch.Config{Interval: 100 * time.Millisecond, NoLinks: true, Query: netstat.Query{Owner: netstat.OwnerModule}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	table, err := ifstat.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	path := newFile(t)
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- Record(ctx, s, Recording{Sockets: w, Interfaces: table, Every: 200 * time.Millisecond, Trouble: func(err error) { t.Error(err) }})
	}()
	began := time.Now()
	for n := range conns {
		exchange(t, l, 100+n)
		time.Sleep(10 * time.Millisecond)
	}
	l.Close()
	time.Sleep(800 * time.Millisecond)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r := reader(t, path)
	clients := lives(t, r, Query{From: began}, fmt.Sprintf("dport = %d", port))
	if w.Source() == watch.FromBPF && len(clients) != conns {
		t.Errorf("%d of %d connections", len(clients), conns)
	}
	for _, c := range clients {
		sent := c.Bytes.Sent - 100
		if c.Open || sent >= conns || c.Bytes.Received != 2*c.Bytes.Sent || len(c.Socket.Owners) != 1 || c.Socket.Owners[0].Process.PID != os.Getpid() {
			t.Errorf("%+v", c)
			break
		}
		if d, _ := r.Details(c.Socket.Owners[0].Process); !strings.Contains(d.Cmdline, "-test.run") {
			t.Errorf("%+v", d)
		}
	}
	servers := lives(t, r, Query{From: began}, fmt.Sprintf("sport = %d", port))
	if w.Source() == watch.FromBPF && len(servers) != conns {
		t.Errorf("%d of %d connections on the other side", len(servers), conns)
	}
	if len(servers) > 0 && servers[0].Flags&Incoming == 0 {
		t.Errorf("%+v", servers[0])
	}
	if all := lives(t, r, Query{Listeners: true, Gone: true}, fmt.Sprintf("sport = %d", port)); len(all) != 1 {
		t.Errorf("%d listeners are gone", len(all))
	}
	checkTraffic(t, r, began)
	groups, totals, err := r.Groups(context.Background(), Query{From: midnight(began, 0), Filter: filter(t, "dst 127.0.0.1", new(view.Names))}, ByProcess)
	if err != nil || len(groups) == 0 {
		t.Errorf("%v %v %v", groups, totals, err)
	}
}

// exchange makes a connection, sends bytes there, and twice as many back.
func exchange(t *testing.T, l net.Listener, n int) {
	t.Helper()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 2*n)
		for got := 0; got < n; {
			k, err := c.Read(b[got:n])
			if err != nil {
				return
			}
			got += k
		}
		_, _ = c.Write(b)
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 4096); ; {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

func checkTraffic(t *testing.T, r *Reader, from time.Time) {
	t.Helper()
	sums := map[int64]uint64{}
	for _, g := range grains {
		if err := r.Traffic(context.Background(), time.Duration(g.seconds)*time.Second, from.Add(-time.Hour), time.Time{}, func(x *Traffic) error {
			if x.Interface == "lo" {
				sums[g.seconds] += x.RxBytes
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if sums[1] < 3*100 || sums[1] != sums[60] || sums[1] != sums[3600] {
		t.Errorf("bytes on lo by grain: %v", sums)
	}
}

// TestKilledAtBirth kills recorders while they make the file.
func TestKilledAtBirth(t *testing.T) {
	for n := range 20 {
		path := filepath.Join(t.TempDir(), "history.db")
		told := kill(t, path, time.Duration(n*2+rand.IntN(3))*time.Millisecond)
		s := openAfterKill(t, path)
		if n, err := s.count(); err != nil || n < told {
			t.Errorf("%d of %d, %v", n, told, err)
		}
		shut(t, s)
	}
}
