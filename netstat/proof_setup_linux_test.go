package netstat_test

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/sockiter"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/truth"
	"github.com/sockeye-net/sockeye/netstat"
)

// TestProofPin pins the programs in a /run of the test's own: root reads as before, and an ordinary user sees every owner
// only where everyone was let in, and only until they are unpinned.
func TestProofPin(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	env := startFaultMakers(t)
	t.Setenv(truthEnv, env[len(truthEnv)+1:])
	for _, step := range []struct {
		name string
		do   func() error
		part string
	}{
		{"nothing to unpin", netstat.Unpin, "TestPartUser"},
		{"pinned", func() error { return netstat.Pin(netstat.PinConfig{}) }, "TestPartUser"},
		{"again, for everyone", func() error { return netstat.Pin(netstat.PinConfig{Everyone: true}) }, "TestPartPinned"},
		{"too small", func() error { return sockiter.Pin(16, true) }, "TestPartPinnedSmall"},
		{"unpinned", netstat.Unpin, "TestPartUser"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			checkRoot(t)
			testutil.RunTest(t, step.part, testutil.Child{UID: nobodyID})
		})
	}
	if _, err := os.Stat(pins); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("unpinning left %s (%v)", pins, err)
	}
}

func checkRoot(t *testing.T) {
	t.Helper()
	testutil.CheckLeaks(t)
	s := readWith(t, netstat.Auto, everything)
	same(t, rowsOf(s), truthFor(s.Method, readTruth(t)))
}

// TestPartPinned: an ordinary user sees what root does.
func TestPartPinned(t *testing.T) {
	records := part(t, testutil.Child{})
	s := readWith(t, netstat.Auto, everything)
	if s.Method != netstat.Walker && s.Method != netstat.TaskFile {
		t.Errorf("read with %v", s.Method)
	}
	same(t, rowsOf(s), truthFor(netstat.Walker, records))
}

// TestPartPinnedSmall: more sockets than there is room for. Whatever comes is honest.
func TestPartPinnedSmall(t *testing.T) {
	records := part(t, testutil.Child{})
	s := readWith(t, netstat.Auto, everything)
	for _, d := range testutil.DiffRows(rowsOf(s), truthFor(netstat.Walker, records)) {
		if d[:4] == "lost" || d[:5] == "extra" {
			t.Error(d)
		}
	}
	checkHonest(t, s, records)
}

// TestProofUnit has makers born in the cgroup of a unit: sockets and processes are told to be the unit's, by every method
// that knows, and the sockets to ordinary users too.
func TestProofUnit(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	makers := testutil.BuildMakers(t).In(t, "sockeye-proof.slice/"+unitName)
	records := startKinds(t, makers, []string{"listen4", "listen-go", "pair6", "udp4", "accept-queue"}, 2)
	t.Setenv(truthEnv, writeTruth(t, records)[len(truthEnv)+1:])
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) { checkUnit(t, m, m != netstat.ProcNet, true) })
	}
	t.Run("user", func(t *testing.T) { testutil.RunTest(t, "TestPartUnit", testutil.Child{UID: nobodyID}) })
}

const unitName = "sockeye-proof.service"

func TestPartUnit(t *testing.T) {
	part(t, testutil.Child{})
	checkUnit(t, netstat.Auto, true, false)
}

func checkUnit(t *testing.T, m netstat.Method, sockets, owners bool) {
	t.Helper()
	s := readWith(t, m, netstat.Query{Owner: netstat.OwnerModule})
	if len(s.Sockets) == 0 {
		t.Error("no sockets")
	}
	for i := range s.Sockets {
		k := &s.Sockets[i]
		if k.State == netstat.FinWait2 { // of the kind accept-queue: what is left of it has no cgroup
			continue
		}
		if sockets && k.Module != unitName {
			t.Errorf("%s: unit %q (cgroup %d), want %q", rowOf(k).Key(), k.Module, k.Cgroup, unitName)
		}
		for _, o := range k.Owners {
			if owners && o.Process.Module != unitName {
				t.Errorf("process %d: unit %q, want %q", o.Process.PID, o.Process.Module, unitName)
			}
		}
	}
}

// TestProofConcurrent reads one table from several goroutines, each into a snapshot of its own, and closes it meanwhile.
func TestProofConcurrent(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	records := startKinds(t, testutil.BuildMakers(t), []string{"pair4", "listen6", "udp4", "fork", "unix-pair"}, 5)
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) { readTogether(t, m, records) })
	}
}

func readTogether(t *testing.T, m netstat.Method, records []truth.Record) {
	testutil.CheckLeaks(t)
	table, want := open(t, m), truthFor(m, records)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			var s netstat.Snapshot
			for range 10 {
				if err := table.Read(everything, &s); errors.Is(err, netstat.ErrClosed) {
					return
				} else if err != nil {
					t.Error(err)
				}
				for _, d := range testutil.DiffRows(rowsOf(&s), want) {
					t.Error(d)
				}
			}
			if i == 0 {
				table.Close()
			}
		})
	}
	wg.Wait()
	var s netstat.Snapshot
	if err := errors.Join(table.Close(), table.Close()); err != nil {
		t.Error(err)
	}
	if err := table.Read(everything, &s); !errors.Is(err, netstat.ErrClosed) {
		t.Errorf("a closed table reads: %v", err)
	}
}

// TestProofSelf needs neither root nor tools: this process's own sockets are found by whatever works here.
func TestProofSelf(t *testing.T) {
	testutil.CheckLeaks(t)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	s, err := netstat.List(everything)
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fds[0], &st); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(s.Sockets, func(k netstat.Socket) bool { return k.Inode == st.Ino })
	if i < 0 || !slices.Contains(rowOf(&s.Sockets[i]).Owners, testutil.OwnerText(os.Getpid(), fds[0])) {
		t.Errorf("our socket %d is not found to be ours", st.Ino)
	}
}
