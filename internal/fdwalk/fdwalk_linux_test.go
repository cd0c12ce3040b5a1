package fdwalk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test runs itself again for what must happen in another process; the variable says what.
const helperVar = "SOCKEYE_FDWALK_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperVar) {
	case "":
		os.Exit(m.Run())
	case "hold":
		fmt.Println("ready")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent lets go
	case "walk":
		helperWalk()
	}
}

type outcome struct {
	Report Report
	PIDs   []int
	Errno  syscall.Errno
}

// helperWalk walks with what it has been given and prints the outcome.
func helperWalk() {
	var o outcome
	w, err := Open("/proc")
	if err == nil {
		if n, _ := strconv.Atoi(os.Getenv("NOFILE")); n > 0 {
			exhaust(uint64(n))
		}
		o.Report, err = w.Walk(Options{}, func(p *Process) { o.PIDs = append(o.PIDs, p.PID) })
	}
	errors.As(err, &o.Errno)
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		os.Exit(1)
	}
}

// exhaust leaves no descriptor to open.
func exhaust(limit uint64) {
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit})
	for {
		if _, err := unix.Dup(0); err != nil {
			return
		}
	}
}

func helper(what string, env ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(os.Environ(), helperVar+"="+what, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.Stderr = os.Stderr
	return cmd
}

func runWalk(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("the helper could not run: %v", err)
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return o
}

// hold starts a process that keeps the files as its descriptors 3, 4, ...
func hold(t *testing.T, files ...*os.File) int {
	t.Helper()
	cmd := helper("hold")
	cmd.ExtraFiles = files
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// socket opens a listener and gives its descriptor as a file, and its inode.
func socket(t testing.TB) (*os.File, uint32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, inodeOf(t, int(f.Fd()))
}

func inodeOf(t testing.TB, fd int) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Ino)
}

func open(t testing.TB) *Walker {
	t.Helper()
	w, err := Open("/proc")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func collect(t testing.TB, w *Walker, o Options) (map[int]Process, Report) {
	t.Helper()
	got := map[int]Process{}
	r, err := w.Walk(o, func(p *Process) {
		c := *p
		c.FDs = slices.Clone(p.FDs)
		got[p.PID] = c
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, r
}

func want(inodes ...uint32) *Set {
	s := new(Set)
	for _, i := range inodes {
		s.Add(i)
	}
	return s
}

func TestAllOwners(t *testing.T) {
	w := open(t)
	f1, i1 := socket(t)
	f2, i2 := socket(t)
	pid1, pid2 := hold(t, f1), hold(t, f1, f2)
	got, r := collect(t, w, Options{Want: want(i1, i2)})
	if len(got) != 3 {
		t.Errorf("%d owners: %+v", len(got), got)
	}
	self := []FD{{i1, int32(f1.Fd())}, {i2, int32(f2.Fd())}}
	for pid, fds := range map[int][]FD{os.Getpid(): self, pid1: {{i1, 3}}, pid2: {{i1, 3}, {i2, 4}}} {
		p := got[pid]
		if !slices.Equal(sortFDs(p.FDs), sortFDs(fds)) {
			t.Errorf("process %d has %v, want %v", pid, p.FDs, fds)
		}
		if p.Comm == "" || p.Start == 0 {
			t.Errorf("process %d is %+v", pid, p)
		}
	}
	if r.Processes < 3 || r.Left != 0 || r.Unchecked != 0 {
		t.Errorf("report %+v", r)
	}
}

func TestNothingWanted(t *testing.T) {
	w := open(t)
	got, r := collect(t, w, Options{Want: new(Set)})
	if len(got) != 0 || r != (Report{}) {
		t.Errorf("%v, %+v", got, r)
	}
}

func TestFirstOwner(t *testing.T) {
	w := open(t)
	f, inode := socket(t)
	for range 5 {
		hold(t, f)
	}
	got, r := collect(t, w, Options{Want: want(inode), FirstOwner: true, Workers: 1})
	if len(got) != 1 || r.Left == 0 || r.Complete() {
		t.Errorf("%d owners, report %+v", len(got), r)
	}
}

func TestEverySocket(t *testing.T) {
	w := open(t)
	_, inode := socket(t)
	got, r := collect(t, w, Options{})
	if !slices.ContainsFunc(got[os.Getpid()].FDs, func(fd FD) bool { return fd.Inode == inode }) {
		t.Errorf("our socket is missing from %v", got[os.Getpid()])
	}
	if r.Descriptors == 0 || r.Processes == 0 {
		t.Errorf("report %+v", r)
	}
}

// offFirst runs f on a thread of its own, which ends with it, and not on the first one: that cannot end, so that what is
// done to it would stay, and its descriptor table is what /proc shows of the process.
func offFirst(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		f() // and never unlock: the thread ends with the goroutine
		return
	}
	defer runtime.UnlockOSThread()
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

// apart opens sockets in a thread that has its own descriptor table, and keeps it until the test ends.
func apart(t *testing.T, n int) []uint32 {
	t.Helper()
	inodes, done := make(chan uint32, n), make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(inodes)
		offFirst(func() { ownTable(t, n, inodes, done) })
	})
	t.Cleanup(func() { close(done); wg.Wait() })
	var got []uint32
	for i := range inodes {
		if i == 0 {
			return got
		}
		got = append(got, i)
	}
	t.Skip("unshare of the descriptor table is refused")
	return nil
}

func ownTable(t *testing.T, n int, inodes chan<- uint32, done <-chan bool) {
	if unix.Unshare(unix.CLONE_FILES) != nil {
		return
	}
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return
		}
		defer unix.Close(fd)
		inodes <- inodeOf(t, fd)
	}
	inodes <- 0
	<-done
}

func TestThreadWithItsOwnTable(t *testing.T) {
	w := open(t)
	_, shared := socket(t)
	a, b := apart(t, 2), apart(t, 1)
	for name, self := range map[string]int{"kcmp": w.self, "without kcmp": -1} {
		w.self = self
		got, _ := collect(t, w, Options{Want: want(append(append(a, b...), shared)...)})
		var inodes []uint32
		for _, fd := range got[os.Getpid()].FDs {
			inodes = append(inodes, fd.Inode)
		}
		slices.Sort(inodes)
		all := slices.Sorted(slices.Values(append(append(a, b...), shared)))
		if !slices.Equal(inodes, all) {
			t.Errorf("%s: found %v, want %v", name, inodes, all)
		}
	}
}

func TestPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	cmd := helper("walk")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	o := runWalk(t, cmd)
	if o.Report.Denied == 0 || o.Report.Complete() || o.Errno != 0 {
		t.Errorf("%+v", o)
	}
	if slices.Contains(o.PIDs, os.Getpid()) {
		t.Error("a process of root was read")
	}
}

func TestDescriptorsExhausted(t *testing.T) {
	o := runWalk(t, helper("walk", "NOFILE=64"))
	if o.Errno != unix.EMFILE || o.Report.Left == 0 || o.Report.Complete() {
		t.Errorf("%+v", o)
	}
}

func TestHidden(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount /proc")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "walk")
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(exe, data, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups " + exe
	for _, tool := range []string{"unshare", "setpriv", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	// A pid namespace of its own has few processes: one of root, which must not be seen, is the shell's parent.
	cmd := exec.Command("unshare", "-m", "-p", "-f", "sh", "-c", "("+script+")")
	cmd.Env = append(os.Environ(), helperVar+"=walk")
	o := runWalk(t, cmd)
	if !o.Report.Hidden || o.Report.Complete() {
		t.Errorf("%+v", o)
	}
	if _, r := collect(t, open(t), Options{}); r.Hidden {
		t.Error("root's own /proc is said to hide processes")
	}
}

// Processes come and go during the walk: nothing but a count may come of it.
func TestChurn(t *testing.T) {
	w := open(t)
	f, inode := socket(t)
	pid := hold(t, f)
	stop := make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = exec.Command("true").Run()
			}
		}
	})
	for range 50 {
		got, _ := collect(t, w, Options{Want: want(inode)})
		if got[pid].PID == 0 || got[os.Getpid()].PID == 0 {
			t.Errorf("an owner is missing: %v", got)
		}
	}
	close(stop)
	wg.Wait()
}

func TestNoLeak(t *testing.T) {
	w := open(t)
	_, inode := socket(t)
	walk := func() {
		collect(t, w, Options{})
		collect(t, w, Options{Want: want(inode), FirstOwner: true})
	}
	walk()
	count := func() int {
		es, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(es)
	}
	before, routines := count(), runtime.NumGoroutine()
	for range 10 {
		walk()
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	for i := 0; i < 100 && runtime.NumGoroutine() > routines; i++ {
		time.Sleep(time.Millisecond) // a goroutine that is waited for has not quite ended yet
	}
	if n := runtime.NumGoroutine(); n > routines {
		t.Errorf("%d goroutines before, %d after", routines, n)
	}
}

func TestClosed(t *testing.T) {
	w := open(t)
	w.Close()
	w.Close()
	if _, err := w.Walk(Options{}, nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v", err)
	}
	if _, err := Open("/does/not/exist"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkWalk(b *testing.B) {
	w := open(b)
	var files []*os.File
	for range 500 {
		f, _ := socket(b)
		files = append(files, f)
	}
	_, none := socket(b)
	for _, workers := range []int{1, 2} {
		b.Run(strconv.Itoa(workers), func(b *testing.B) {
			b.ReportAllocs()
			fds := 0
			for b.Loop() {
				r, err := w.Walk(Options{Want: want(none), Workers: workers}, func(*Process) {})
				if err != nil {
					b.Fatal(err)
				}
				fds += r.Descriptors
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(fds), "ns/fd")
		})
	}
	runtime.KeepAlive(files)
}
