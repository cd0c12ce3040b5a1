package netstat_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/truth"
	"github.com/sockeye-net/sockeye/netstat"
)

// nobodyID is the user and group of the unprivileged parts.
const nobodyID = 65534

// truthEnv names the file with what the makers hold, for the parts.
const truthEnv = "SOCKEYE_TEST_TRUTH"

// TestProofFaults takes away what the table is read with, one thing at a time, each in a process of its own: what comes
// is a partial answer that says so, never a wrong owner and never silence.
func TestProofFaults(t *testing.T) {
	if !isolated(t, 4*time.Minute) {
		return
	}
	env := startFaultMakers(t)
	for _, part := range []struct {
		name  string
		child testutil.Child
	}{
		{"TestPartUser", testutil.Child{UID: nobodyID}},
		{"TestPartHidePID", testutil.Child{MountNS: true}},
		{"TestPartNoBPF", testutil.Child{}},
		{"TestPartNoMoreBPF", testutil.Child{}},
		{"TestPartNoNetlink", testutil.Child{}},
		{"TestPartNoBPFNorNetlink", testutil.Child{}},
		{"TestPartNoProc", testutil.Child{MountNS: true}},
		{"TestPartNoFiles", testutil.Child{}},
	} {
		part.child.Env = append(part.child.Env, env)
		t.Run(part.name[len("TestPart"):], func(t *testing.T) { testutil.RunTest(t, part.name, part.child) })
	}
}

// faultKinds leave out the states that run out within the minutes this may take, but for TIME_WAIT rows' like.
var faultKinds = append([]string{"closing", "last-ack", "accept-queue"}, stableKinds...)

// startFaultMakers starts makers as root and as nobody, and writes what they hold where the parts find it.
func startFaultMakers(t *testing.T) (env string) {
	t.Helper()
	makers := testutil.BuildMakers(t)
	records := startKinds(t, makers, faultKinds, 2)
	records = append(records, startKinds(t, makers.As(nobodyID), []string{"listen4", "pair6", "udp4", "dup", "fork"}, 2)...)
	return writeTruth(t, records)
}

func writeTruth(t *testing.T, records []truth.Record) (env string) {
	t.Helper()
	b, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testutil.PublicDir(t), "truth.json")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return truthEnv + "=" + path
}

// part begins a part: it returns what the makers hold.
func part(t *testing.T, c testutil.Child) []truth.Record {
	t.Helper()
	testutil.IsPart(t, "TestProofFaults", c)
	blind() // before anything is taken away that it needs
	return readTruth(t)
}

// readTruth reads what writeTruth wrote.
func readTruth(t *testing.T) (records []truth.Record) {
	t.Helper()
	b, err := os.ReadFile(os.Getenv(truthEnv))
	if err == nil {
		err = json.Unmarshal(b, &records)
	}
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// asUser is the truth as an ordinary user may know it: the owners of the others' sockets are not told, but that nobody
// owns a socket without a file is.
func asUser(t *testing.T, rows []testutil.Row) []testutil.Row {
	t.Helper()
	rows = slices.Clone(rows)
	for i := range rows {
		if rows[i].Inode != 0 && !mine(t, rows[i].Owners) {
			rows[i].Owners, rows[i].Missing = nil, netstat.MissingPermission.String()
		}
	}
	return rows
}

// mine reports whether any owner is a process of this user.
func mine(t *testing.T, owners []string) bool {
	for _, o := range owners {
		var st unix.Stat_t
		pid, _, _ := strings.Cut(o, "/")
		if err := unix.Stat("/proc/"+pid, &st); err == nil && int(st.Uid) == os.Getuid() {
			return true
		}
	}
	return false
}

// TestPartUser: every socket is listed, one's own owners are found, and of the rest it is said why not.
func TestPartUser(t *testing.T) {
	records := part(t, testutil.Child{})
	if os.Geteuid() == 0 {
		t.Fatal("still root")
	}
	for _, m := range []netstat.Method{netstat.Auto, netstat.Proc, netstat.ProcNet} {
		t.Run(m.String(), func(t *testing.T) {
			s := readWith(t, m, everything)
			got := rowsOf(s)
			forgiveShort(got)
			same(t, got, asUser(t, truthFor(s.Method, records)))
		})
	}
	if _, err := netstat.Open(&netstat.Config{Method: netstat.Walker}); err == nil {
		t.Error("the BPF walker opens for an ordinary user")
	}
	checkUnknown(t, records)
}

// forgiveShort lets a row with owners say that there may be others: root may hold an ordinary user's socket too.
func forgiveShort(rows []testutil.Row) {
	for i := range rows {
		if len(rows[i].Owners) > 0 && rows[i].Missing == netstat.MissingPermission.String() {
			rows[i].Missing = ""
		}
	}
}

// checkUnknown asks for a port of root's: the third answer, could not find out.
func checkUnknown(t *testing.T, records []truth.Record) {
	t.Helper()
	i := slices.IndexFunc(records, func(r truth.Record) bool { return r.Kind == "listen4" })
	port := netip.MustParseAddrPort(records[i].Local).Port()
	if pids, err := netstat.FindPIDsByTCPPort(port); len(pids) > 0 || !errors.Is(err, netstat.ErrOwnerUnknown) {
		t.Errorf("port %d of root's: %v, %v", port, pids, err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if pids, err := netstat.FindPIDsByTCPPort(l.Addr().(*net.TCPAddr).AddrPort().Port()); err != nil && !errors.Is(err, netstat.ErrOwnerUnknown) || !slices.Equal(pids, []int{os.Getpid()}) {
		t.Errorf("one's own port: %v, %v", pids, err)
	}
}

// TestPartHidePID: root sees all as before, and an ordinary user still sees the sockets and one's own.
func TestPartHidePID(t *testing.T) {
	records := part(t, testutil.Child{MountNS: true})
	if err := unix.Mount("proc", "/proc", "proc", 0, "hidepid=2"); err != nil {
		t.Fatal(err)
	}
	same(t, rowsOf(readWith(t, netstat.Proc, everything)), truthFor(netstat.Proc, records))
	testutil.RunTest(t, "TestPartUser", testutil.Child{UID: nobodyID})
}

// TestPartNoBPF: where bpf(2) is refused the answer is as whole as before, by the next method.
func TestPartNoBPF(t *testing.T) {
	records := part(t, testutil.Child{})
	testutil.Refuse(t, unix.SYS_BPF, -1)
	s := readWith(t, netstat.Auto, everything)
	if s.Method != netstat.Proc {
		t.Errorf("read with %v", s.Method)
	}
	same(t, rowsOf(s), truthFor(netstat.Proc, records))
	for _, m := range []netstat.Method{netstat.Walker, netstat.TaskFile} {
		if _, err := netstat.Open(&netstat.Config{Method: m}); !errors.Is(err, unix.EPERM) {
			t.Errorf("%v without bpf(2): %v", m, err)
		}
	}
}

// TestPartNoMoreBPF: the same when it is refused to a table that has used it.
func TestPartNoMoreBPF(t *testing.T) {
	records := part(t, testutil.Child{})
	table := open(t, netstat.Auto)
	var s netstat.Snapshot
	if err := table.Read(everything, &s); err != nil {
		t.Fatal(err)
	}
	testutil.Refuse(t, unix.SYS_BPF, -1)
	for range 2 {
		if err := table.Read(everything, &s); err != nil {
			t.Fatal(err)
		}
		same(t, rowsOf(&s), truthFor(netstat.Proc, records))
	}
}

// TestPartNoNetlink: sock_diag is refused; what only it tells may be missing, and then that is said.
func TestPartNoNetlink(t *testing.T) {
	records := part(t, testutil.Child{})
	testutil.Refuse(t, unix.SYS_SOCKET, unix.AF_NETLINK)
	for _, m := range []netstat.Method{netstat.Auto, netstat.Walker, netstat.TaskFile, netstat.ProcNet} {
		t.Run(m.String(), func(t *testing.T) {
			s := new(netstat.Snapshot)
			table, err := netstat.Open(&netstat.Config{Method: m})
			if err != nil && m != netstat.Auto && m != netstat.ProcNet {
				return // it may need sock_diag, and says so
			} else if err != nil {
				t.Fatal(err)
			}
			defer table.Close()
			if err := table.Read(everything, s); err != nil {
				t.Fatal(err)
			}
			checkHonest(t, s, records)
			checkHolders(t, s, records)
		})
	}
	if _, err := netstat.Open(&netstat.Config{Method: netstat.Proc}); !errors.Is(err, unix.EPERM) {
		t.Errorf("%v without netlink: %v", netstat.Proc, err)
	}
}

// checkHolders: every TCP and UDP socket that a process holds is there, whatever else is not.
func checkHolders(t *testing.T, s *netstat.Snapshot, records []truth.Record) {
	t.Helper()
	have := map[string]bool{}
	for _, r := range rowsOf(s) {
		have[r.Key()] = true
	}
	for _, w := range truthFor(netstat.ProcNet, records) {
		if w.Proto != "unix" && len(w.Owners) > 0 && !have[w.Key()] {
			t.Errorf("lost %s (%s)", w.Key(), w.Kind)
		}
	}
}

// TestPartNoBPFNorNetlink: /proc/net and /proc alone.
func TestPartNoBPFNorNetlink(t *testing.T) {
	records := part(t, testutil.Child{})
	testutil.Refuse(t, unix.SYS_SOCKET, unix.AF_NETLINK)
	testutil.Refuse(t, unix.SYS_BPF, -1)
	s := readWith(t, netstat.Auto, everything)
	if s.Method != netstat.ProcNet {
		t.Errorf("read with %v", s.Method)
	}
	said := 0
	for _, p := range s.Partial {
		if strings.Contains(p.Error(), "sock_diag is refused") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("%d times it is said that sock_diag is refused: %v", said, s.Partial)
	}
	same(t, rowsOf(s), truthFor(netstat.ProcNet, records))
}

// TestPartNoProc: no /proc at all. Whatever still works is honest, and an error says what is not there.
func TestPartNoProc(t *testing.T) {
	records := part(t, testutil.Child{MountNS: true})
	if err := unix.Mount("none", "/proc", "tmpfs", 0, "size=4k"); err != nil {
		t.Fatal(err)
	}
	for _, m := range append([]netstat.Method{netstat.Auto}, methods...) {
		t.Run(m.String(), func(t *testing.T) {
			var s netstat.Snapshot
			table, err := netstat.Open(&netstat.Config{Method: m})
			if err == nil {
				defer table.Close()
				err = table.Read(everything, &s)
			}
			if err == nil {
				checkHonest(t, &s, records)
			} else if !strings.Contains(err.Error(), "/proc") {
				t.Errorf("without /proc: %v", err)
			}
		})
	}
}

// TestPartNoFiles lowers the limit of descriptors to just above what is open, for tables that are opened then and for
// one that was open before.
func TestPartNoFiles(t *testing.T) {
	records := part(t, testutil.Child{})
	for _, m := range append([]netstat.Method{netstat.Auto}, methods...) {
		t.Run(m.String(), func(t *testing.T) {
			early := open(t, m)
			var s netstat.Snapshot
			if err := early.Read(everything, &s); err != nil {
				t.Fatal(err)
			}
			for _, spare := range []uint64{0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32} {
				restore := limitFiles(t, spare)
				readHonestly(t, early, records)
				if late, err := netstat.Open(&netstat.Config{Method: m}); err == nil {
					readHonestly(t, late, records)
					late.Close()
				}
				restore()
			}
			if err := early.Read(everything, &s); err != nil {
				t.Error("after the exhaustion: ", err)
			}
			same(t, rowsOf(&s), truthFor(s.Method, records))
		})
	}
}

// limitFiles lets this process open only spare descriptors more. It returns what undoes that.
func limitFiles(t *testing.T, spare uint64) (restore func()) {
	t.Helper()
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	next, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) // the lowest free number
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(next) + spare, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	}
}

func readHonestly(t *testing.T, table *netstat.Table, records []truth.Record) {
	t.Helper()
	var s netstat.Snapshot
	if err := table.Read(everything, &s); err == nil {
		checkHonest(t, &s, records)
	}
}

// checkHonest: nothing is listed that is not, no owner is wrong, and where a row or an owner is missing it is said, for the
// row or for the whole. A row that says that nobody holds it must be right.
func checkHonest(t *testing.T, s *netstat.Snapshot, records []truth.Record) {
	t.Helper()
	want := map[string]testutil.Row{}
	for _, w := range truthFor(s.Method, records) {
		want[w.Key()] = w
	}
	listed := map[string]bool{}
	for i := range s.Sockets {
		r := rowOf(&s.Sockets[i])
		listed[r.Key()] = true
		w, ok := want[r.Key()]
		if !ok && r.State != "BOUND" {
			t.Errorf("extra %s: %s", r.Key(), r)
			continue
		}
		checkOwnersHonest(t, s, r, w)
	}
	for key, w := range want {
		if !listed[key] && len(s.Partial) == 0 {
			t.Errorf("lost %s (%s), and it is not said", key, w.Kind)
		}
	}
}

func checkOwnersHonest(t *testing.T, s *netstat.Snapshot, r, w testutil.Row) {
	t.Helper()
	for _, o := range r.Owners {
		if !slices.Contains(w.Owners, o) {
			t.Errorf("%s: wrong owner %s", r.Key(), o)
		}
	}
	hides := r.Missing == netstat.MissingUnknown.String() || r.Missing == netstat.MissingPermission.String()
	if len(r.Owners) < len(w.Owners) && !hides {
		t.Errorf("%s: %s, but the owners are %v (%s; partial %v)", r.Key(), r, w.Owners, w.Kind, s.Partial)
	}
}
