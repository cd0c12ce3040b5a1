package netstat_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/truth"
	"github.com/sockeye-net/sockeye/netstat"
)

// methods are those that Linux has. Each must give the same answer.
var methods = []netstat.Method{netstat.Walker, netstat.TaskFile, netstat.Proc, netstat.ProcNet}

const allProtos = netstat.QueryTCP | netstat.QueryUDP | netstat.QueryUnix

// everything asks for all there is in the namespace, with owners.
var everything = netstat.Query{Protos: allProtos, Owner: netstat.OwnerPID, Info: true}

// TestProof opens several hundred sockets of every kind by real processes, in a namespace of its own, and compares what
// each method lists with what the processes say and with what ss says, row by row and owner by owner.
func TestProof(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	testutil.Veth(t, "v0", "v1")
	records := startKinds(t, testutil.BuildMakers(t), testutil.AllKinds, 8)
	t.Logf("%d sockets", len(testutil.TruthRows(records)))
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) {
			s := readWith(t, m, everything)
			same(t, rowsOf(s), truthFor(m, records))
			checkFields(t, m, s, records)
			checkSS(t, m, s)
		})
	}
	t.Run("alike", func(t *testing.T) { checkAlike(t) })
}

// pins is where setup pins.
const pins = "/run/sockeye-bpf"

// isolated runs a test in a network namespace of its own, and with a /run of its own, so that it neither finds what was
// pinned on this machine nor leaves something there, nor takes it away: a directory that is removed takes the mounts on
// it with it, in every namespace.
func isolated(t *testing.T, limit time.Duration) bool {
	t.Helper()
	if !testutil.Isolated(t, testutil.Child{NetNS: true, MountNS: true, Limit: limit}) {
		return false
	}
	if err := unix.Mount("none", filepath.Dir(pins), "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal("a /run of our own: ", err)
	}
	return true
}

// startKinds starts a maker of n for each kind and returns what they hold.
func startKinds(t *testing.T, m *testutil.Makers, kinds []string, n int) (records []truth.Record) {
	t.Helper()
	for _, kind := range kinds {
		records = append(records, m.Start(t, kind, n).Records...)
	}
	return records
}

func open(t testing.TB, m netstat.Method) *netstat.Table {
	t.Helper()
	table, err := netstat.Open(&netstat.Config{Method: m})
	if err != nil {
		testutil.Lack(t, err.Error())
	}
	t.Cleanup(func() { table.Close() })
	return table
}

func readWith(t testing.TB, m netstat.Method, q netstat.Query) *netstat.Snapshot {
	t.Helper()
	s := new(netstat.Snapshot)
	if err := open(t, m).Read(q, s); err != nil {
		t.Fatal(err)
	}
	if m != netstat.Auto && s.Method != m {
		t.Errorf("read with %v, not with %v", s.Method, m)
	}
	return s
}

// truthFor is the truth as far as a method can know it: /proc/net tells neither of sockets that are merely bound, nor of
// the other end of a Unix socket, nor of the scope of a link-local address.
func truthFor(m netstat.Method, records []truth.Record) []testutil.Row {
	rows := testutil.TruthRows(records)
	if m == netstat.Proc || m == netstat.ProcNet || os.Geteuid() == 0 {
		blindly(rows)
	}
	if m == netstat.ProcNet || m == netstat.Proc && !dumpsBound() {
		rows = slices.DeleteFunc(rows, func(r testutil.Row) bool { return r.State == "BOUND" })
	}
	if m != netstat.ProcNet {
		return rows
	}
	for i := range rows {
		rows[i].Peer = 0
		rows[i].Local = withoutZone(rows[i].Local)
	}
	return rows
}

// dumpsBound reports whether sock_diag tells of sockets that are merely bound: Linux 6.8 and later do.
var dumpsBound = sync.OnceValue(func() bool {
	var u unix.Utsname
	var major, minor int
	if unix.Uname(&u) == nil {
		fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	}
	return major > 6 || major == 6 && minor >= 8
})

// blindly turns "no descriptor refers to it" into "not permitted to know" where there is a process whose descriptors not
// even root may read: a walk over /proc cannot be sure then, nor one by BPF, which may not show it either. That is asked
// by root only; to others BPF shows what somebody pinned who might see all.
func blindly(rows []testutil.Row) {
	if !blind() {
		return
	}
	for i := range rows {
		if rows[i].Missing == netstat.MissingNoHolder.String() {
			rows[i].Missing = netstat.MissingPermission.String()
		}
	}
}

// blind looks into every process. Security modules and supervisors may protect some from root too.
var blind = sync.OnceValue(func() bool {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	return slices.ContainsFunc(dirs, protected)
})

// protected reports whether the first descriptor of a process may not be read. Its others are alike.
func protected(process string) bool {
	dir, err := os.Open(process + "/fd")
	if err != nil {
		return errors.Is(err, os.ErrPermission)
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(1)
	return slices.ContainsFunc(names, func(fd string) bool {
		_, err := os.Readlink(dir.Name() + "/" + fd)
		return errors.Is(err, os.ErrPermission)
	})
}

func withoutZone(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil {
		return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port()).String()
	}
	return addr
}

func same(t *testing.T, got, want []testutil.Row) {
	t.Helper()
	for _, d := range testutil.DiffRows(got, want) {
		t.Error(d)
	}
}

// rowsOf are the sockets of a snapshot in the words that all witnesses have in common.
func rowsOf(s *netstat.Snapshot) []testutil.Row {
	rows := make([]testutil.Row, len(s.Sockets))
	for i := range s.Sockets {
		rows[i] = rowOf(&s.Sockets[i])
	}
	return rows
}

func rowOf(s *netstat.Socket) testutil.Row {
	r := testutil.Row{Proto: s.Proto.String(), State: s.State.String(), Path: s.Path, Inode: s.Inode, Peer: s.Peer, Missing: s.Missing.String()}
	if s.Proto == netstat.Unix {
		r.Type = s.Type.String()
	} else {
		r.Local, r.Remote = addrText(s.Local), addrText(s.Remote)
	}
	for _, o := range s.Owners {
		r.Owners = append(r.Owners, testutil.OwnerText(o.Process.PID, int(o.FD)))
	}
	slices.Sort(r.Owners)
	return r
}

// addrText is an address with the name of its zone, which may be an index.
func addrText(a netip.AddrPort) string {
	if i, err := strconv.Atoi(a.Addr().Zone()); err == nil {
		if ifc, err := net.InterfaceByIndex(i); err == nil {
			a = netip.AddrPortFrom(a.Addr().WithZone(ifc.Name), a.Port())
		}
	}
	return a.String()
}

// checkFields compares what stands beside the row: cookie, interface, namespace, user.
func checkFields(t *testing.T, m netstat.Method, s *netstat.Snapshot, records []truth.Record) {
	t.Helper()
	byInode := map[uint64]*netstat.Socket{}
	for i := range s.Sockets {
		byInode[s.Sockets[i].Inode] = &s.Sockets[i]
	}
	ns := namespaceOf(t, "self")
	for _, r := range records {
		if k := byInode[r.Inode]; r.Inode != 0 && k != nil && !r.Absent {
			checkSocket(t, m, k, r, ns)
		}
	}
}

func checkSocket(t *testing.T, m netstat.Method, s *netstat.Socket, r truth.Record, ns uint64) {
	t.Helper()
	if s.NetNS != ns {
		t.Errorf("%s %d: namespace %d, want %d", r.Kind, r.Inode, s.NetNS, ns)
	}
	if r.Cookie != 0 && s.Cookie != 0 && s.Cookie != r.Cookie {
		t.Errorf("%s %d: cookie %d, want %d", r.Kind, r.Inode, s.Cookie, r.Cookie)
	}
	if m != netstat.ProcNet && r.Cookie != 0 && s.Cookie == 0 {
		t.Errorf("%s %d: no cookie", r.Kind, r.Inode)
	}
	checkTold(t, m, s)
	if m != netstat.ProcNet && s.Interface != r.Interface {
		t.Errorf("%s %d: interface %d, want %d", r.Kind, r.Inode, s.Interface, r.Interface)
	}
	if r.Proto != "unix" && (!s.HasUID || s.UID != 0) {
		t.Errorf("%s %d: user %d (%v), want 0", r.Kind, r.Inode, s.UID, s.HasUID)
	}
}

// checkTold: what a method cannot know is not told, rather than told to be 0.
func checkTold(t *testing.T, m netstat.Method, s *netstat.Socket) {
	t.Helper()
	text := m == netstat.ProcNet
	if queues := !text || s.Proto != netstat.Unix && s.State != netstat.Listen; s.HasQueues != queues {
		t.Errorf("%s: queues told: %v", rowOf(s).Key(), s.HasQueues)
	}
	if text && (s.Info.Known || s.Proto == netstat.Unix && s.HasUID) {
		t.Errorf("%s: counters %v or user %v of a text that has none", rowOf(s).Key(), s.Info.Known, s.HasUID)
	}
}

// namespaceOf is the inode of a process's network namespace.
func namespaceOf(t *testing.T, pid string) uint64 {
	t.Helper()
	link, err := os.Readlink("/proc/" + pid + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(strings.Trim(link, "net:[]"), 10, 64)
	if err != nil {
		t.Fatal(link, err)
	}
	return n
}

// checkSS compares a snapshot with ss: rows, owners, queues and users.
func checkSS(t *testing.T, m netstat.Method, s *netstat.Snapshot) {
	t.Helper()
	testutil.NeedTool(t, "ss")
	var list []testutil.SSRow
	for _, flags := range []string{"-tanupeOH", "-xanpeOH"} {
		rows, err := testutil.ParseSS(testutil.Command(t, "ss", flags))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rows...)
	}
	same(t, ssCanTell(rowsOf(s), list), ssAsTold(m, list))
	checkQueues(t, s, list)
}

// ssCanTell leaves out of our rows what ss does not tell, and only that (see testutil.SSLacks): that a socket is bound,
// why an owner is missing, and the owners who are not in the table of a process's leader thread.
func ssCanTell(ours []testutil.Row, list []testutil.SSRow) []testutil.Row {
	told := map[uint64][]string{}
	listsBound := false
	for _, r := range testutil.SSRows(list) {
		told[r.Inode] = r.Owners
		listsBound = listsBound || r.State == "BOUND"
	}
	var rows []testutil.Row
	for _, r := range ours {
		if r.State == "BOUND" && !listsBound {
			continue
		}
		r.Missing = ""
		if len(told[r.Inode]) == 0 {
			r.Owners = slices.DeleteFunc(r.Owners, outsideLeader)
		}
		rows = append(rows, r)
	}
	return rows
}

// outsideLeader reports whether an owner's descriptor is not in /proc/PID/fd, the only place where ss looks.
func outsideLeader(owner string) bool {
	pid, fd, _ := strings.Cut(owner, "/")
	_, err := os.Readlink("/proc/" + pid + "/fd/" + fd)
	return errors.Is(err, os.ErrNotExist)
}

// ssAsTold is ss's list without what /proc/net does not tell us.
func ssAsTold(m netstat.Method, list []testutil.SSRow) []testutil.Row {
	rows := testutil.SSRows(list)
	if m == netstat.ProcNet {
		for i := range rows {
			rows[i].Peer, rows[i].Local = 0, withoutZone(rows[i].Local)
		}
	}
	return rows
}

// checkQueues compares queue lengths and users by inode, where neither can have changed between the two readings.
func checkQueues(t *testing.T, s *netstat.Snapshot, list []testutil.SSRow) {
	t.Helper()
	want := map[uint64]testutil.SSRow{}
	for _, r := range list {
		want[r.Inode] = r
	}
	for i := range s.Sockets {
		k := &s.Sockets[i]
		w, ok := want[k.Inode]
		if k.Inode == 0 || !ok || s.Method == netstat.ProcNet && (k.Proto == netstat.Unix || k.State == netstat.Listen) {
			continue // /proc/net has no queues of Unix sockets, and no limit of a listener's
		}
		if k.RecvQ != w.RecvQ || k.SendQ != w.SendQ {
			t.Errorf("%s: queues %d %d, ss has %d %d", rowOf(k).Key(), k.RecvQ, k.SendQ, w.RecvQ, w.SendQ)
		}
		for _, o := range k.Owners {
			checkName(t, o, w.Owners)
		}
	}
}

func checkName(t *testing.T, o netstat.Owner, owners []testutil.SSOwner) {
	t.Helper()
	for _, w := range owners {
		if w.PID == o.Process.PID && w.Name != o.Process.Name {
			t.Errorf("process %d is %q, ss has %q", w.PID, o.Process.Name, w.Name)
		}
	}
}

// checkAlike compares every field of the methods' answers, but for what /proc/net does not tell.
func checkAlike(t *testing.T) {
	q := everything
	q.Owner = netstat.OwnerModule
	want := fullRows(readWith(t, netstat.Proc, q))
	for _, m := range []netstat.Method{netstat.Walker, netstat.TaskFile, netstat.Auto} {
		got := fullRows(readWith(t, m, q))
		for key, w := range want {
			if got[key] != w {
				t.Errorf("%s: %v has\n%s\n%v has\n%s", key, m, got[key], netstat.Proc, w)
			}
		}
		for key := range got {
			if want[key] == "" {
				t.Errorf("%s: only %v has it", key, m)
			}
		}
	}
}

func fullRows(s *netstat.Snapshot) map[string]string {
	rows := map[string]string{}
	for i := range s.Sockets {
		k := &s.Sockets[i]
		one := []testutil.Row{rowOf(k)}
		blindly(one)
		// The round-trip time may move between two readings, and a SYN that nobody answers is sent again.
		if k.State == netstat.SynSent {
			k.Info.Retrans = 0
		}
		rows[one[0].Key()] = fmt.Sprintf("%s uid %d %v netns %d if %d queues %d %d cgroup %d %q info %v sent %d received %d retrans %d",
			one[0], k.UID, k.HasUID, k.NetNS, k.Interface, k.RecvQ, k.SendQ, k.Cgroup, k.Module, k.Info.Known, k.Info.Sent, k.Info.Received, k.Info.Retrans)
	}
	return rows
}
