package testutil

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil/truth"
)

// The makers are right only if another witness says so: ss, apart from what it does not see.
func TestMakersAgainstSS(t *testing.T) {
	NeedTool(t, "ss")
	if !Isolated(t, Child{NetNS: true}) {
		return
	}
	Veth(t, "v0", "v1")
	records := startAll(t, BuildMakers(t), 2)
	inet := onlyProto(TruthRows(records), false)
	compareSS(t, inet, "-tanupeOH")
	compareSS(t, onlyProto(TruthRows(records), true), "-xanpeOH")
}

func startAll(t *testing.T, m *Makers, n int) (records []truth.Record) {
	for _, kind := range AllKinds {
		records = append(records, m.Start(t, kind, n).Records...)
	}
	return records
}

func onlyProto(rows []Row, unixSockets bool) []Row {
	return slices.DeleteFunc(rows, func(r Row) bool { return (r.Proto == "unix") != unixSockets })
}

func compareSS(t *testing.T, want []Row, flags string) {
	t.Helper()
	list, err := ParseSS(Command(t, "ss", flags))
	if err != nil {
		t.Fatal(err)
	}
	want = SSLacks(want, list)
	for i := range want {
		want[i].Missing = ""
	}
	for _, d := range DiffRows(SSRows(list), want) {
		t.Error(d)
	}
}

func TestRefuse(t *testing.T) {
	if !Isolated(t, Child{}) {
		return
	}
	Refuse(t, unix.SYS_SOCKET, unix.AF_NETLINK)
	if _, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0); !errors.Is(err, unix.EPERM) {
		t.Error("netlink:", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Error("inet:", err)
	}
	unix.Close(fd)
}

func TestIsolatedUser(t *testing.T) {
	if !Isolated(t, Child{UID: 65534}) {
		return
	}
	if os.Geteuid() != 65534 {
		t.Error("user", os.Geteuid())
	}
}

func TestNewFiles(t *testing.T) {
	before := openFiles()
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if newFiles(before, openFiles()) == nil {
		t.Error("an open file was not seen")
	}
	f.Close()
	if err := newFiles(before, openFiles()); err != nil {
		t.Error(err)
	}
}
