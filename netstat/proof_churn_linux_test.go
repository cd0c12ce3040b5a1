package netstat_test

import (
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/truth"
	"github.com/sockeye-net/sockeye/netstat"
)

// stableKinds stay as they are for as long as their makers live: no state of theirs runs out.
var stableKinds = []string{
	"listen4", "listen-dual", "listen-go", "pair4", "pair6", "pair-mapped", "pair-mptcp", "bound", "reuseport", "dup", "fork", "pass",
	"in-flight", "thread", "leader-gone", "close-wait", "udp4", "udp6", "udp-connected", "unix-stream", "unix-pair",
}

// churnNet is where the churners' sockets are (maker/churn_linux.go).
var churnNet = netip.MustParsePrefix("127.9.0.0/16")

// churnLimit is the time for the runs of one method one way.
const churnLimit = 60 * time.Second

// TestProofChurn reads the table a hundred times while other processes open and close connections, and start and end, at
// full speed: no stable row is lost, none has a wrong owner, and nothing leaks.
func TestProofChurn(t *testing.T) {
	if !isolated(t, 9*time.Minute) {
		return
	}
	makers := testutil.BuildMakers(t)
	records := startKinds(t, makers, stableKinds, 6)
	boundTimeWait(t)
	makers.Start(t, "churn", 50)
	makers.Start(t, "churn", 3)
	makers.Start(t, "churn-processes", 2)
	for _, m := range methods {
		t.Run(m.String()+"/again", func(t *testing.T) { churnAgain(t, m, records) })
		t.Run(m.String()+"/fresh", func(t *testing.T) { churnFresh(t, m, records) })
	}
}

// boundTimeWait keeps the churners from filling the namespace with TIME_WAIT rows, where the kernel allows that.
func boundTimeWait(t *testing.T) {
	t.Helper()
	if testutil.HasSysctl("net.ipv4.tcp_max_tw_buckets") {
		testutil.Sysctl(t, "net.ipv4.tcp_max_tw_buckets", "1000")
	}
}

func churnAgain(t *testing.T, m netstat.Method, records []truth.Record) {
	testutil.CheckLeaks(t)
	table := open(t, m)
	var s netstat.Snapshot
	stable := stableRows{method: m, records: records}
	runs(t, func() {
		if err := table.Read(everything, &s); err != nil {
			t.Fatal(err)
		}
		stable.check(t, &s)
	})
}

func churnFresh(t *testing.T, m netstat.Method, records []truth.Record) {
	testutil.CheckLeaks(t)
	stable := stableRows{method: m, records: records}
	runs(t, func() {
		table, err := netstat.Open(&netstat.Config{Method: m})
		if err != nil {
			testutil.Lack(t, err.Error())
		}
		var s netstat.Snapshot
		if err := table.Read(everything, &s); err != nil {
			t.Fatal(err)
		}
		stable.check(t, &s)
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
}

// runs calls f churnRuns times, or fewer where the time is up or the test has failed.
func runs(t *testing.T, f func()) {
	t.Helper()
	start, n := time.Now(), 0
	for ; n < churnRuns && !t.Failed() && time.Since(start) < churnLimit; n++ {
		f()
	}
	t.Logf("%d runs in %v", n, time.Since(start).Round(time.Millisecond))
	if n < churnRuns && !t.Failed() {
		t.Errorf("only %d of %d runs in %v", n, churnRuns, churnLimit)
	}
}

// stableRows compares what is not the churners' in one reading after the other.
type stableRows struct {
	method  netstat.Method
	records []truth.Record
	before  []string // lost in the last reading
	lost    int
}

// maxLost is how many rows the hundred readings of sock_diag may lose.
const maxLost = 2

func (r *stableRows) check(t *testing.T, s *netstat.Snapshot) {
	t.Helper()
	var lost []string
	for _, d := range testutil.DiffRows(r.rows(t, s), truthFor(r.method, r.records)) {
		if !strings.HasPrefix(d, "lost") || !r.paged() || slices.Contains(r.before, d) {
			t.Error(d)
		}
		lost = append(lost, d)
	}
	r.before, r.lost = lost, r.lost+len(lost)
	if r.method == netstat.Proc && r.lost > maxLost {
		t.Errorf("%d rows were lost", r.lost)
	}
}

// paged reports whether the kernel gives the table in pages and finds its place again by counting: where a socket before
// that place has gone meanwhile, one is passed over, until the next reading. Here that is a row in some ten thousand readings.
func (r *stableRows) paged() bool { return r.method == netstat.Proc || r.method == netstat.ProcNet }

// rows are those of the stable processes, to which nothing of the churners belongs.
func (r *stableRows) rows(t *testing.T, s *netstat.Snapshot) (rows []testutil.Row) {
	t.Helper()
	ours := map[int]bool{}
	for _, rec := range r.records {
		ours[rec.PID] = true
	}
	for i := range s.Sockets {
		k := &s.Sockets[i]
		if !churning(k) {
			rows = append(rows, rowOf(k))
			continue
		}
		for _, o := range k.Owners {
			if ours[o.Process.PID] {
				t.Errorf("%s is not a socket of process %d", rowOf(k).Key(), o.Process.PID)
			}
		}
	}
	return rows
}

func churning(k *netstat.Socket) bool {
	return churnNet.Contains(k.Local.Addr()) || churnNet.Contains(k.Remote.Addr())
}

// TestProofAllocations holds that reading again costs no allocation per socket, by any method: with 4,000 sockets more
// there are less than 200 allocations more, which is room for a buffer that is filled in steps.
func TestProofAllocations(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	makers := testutil.BuildMakers(t)
	makers.Start(t, "many", 50)
	few := map[netstat.Method]float64{}
	for _, m := range methods {
		few[m] = allocations(t, m)
	}
	makers.Start(t, "many", 2000)
	for _, m := range methods {
		many := allocations(t, m)
		t.Logf("%v: %v allocations for 101 sockets, %v for 4102", m, few[m], many)
		if many > few[m]+200 {
			t.Errorf("%v allocates %v times for 101 sockets and %v times for 4102", m, few[m], many)
		}
	}
}

// allocations counts those of one read of a table that was read before.
func allocations(t *testing.T, m netstat.Method) float64 {
	t.Helper()
	table := open(t, m)
	defer table.Close()
	q := netstat.Query{Owner: netstat.OwnerPID, Info: m != netstat.ProcNet}
	var s netstat.Snapshot
	return testing.AllocsPerRun(10, func() {
		if err := table.Read(q, &s); err != nil {
			t.Fatal(err)
		}
	})
}

// TestProofReuse holds what the documentation says of a snapshot that is read into again: processes stay, and their
// memory does not grow.
func TestProofReuse(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	records := testutil.BuildMakers(t).Start(t, "many", 500).Records
	for _, m := range methods {
		t.Run(m.String(), func(t *testing.T) { checkReuse(t, m, records) })
	}
}

func checkReuse(t *testing.T, m netstat.Method, records []truth.Record) {
	table := open(t, m)
	var s netstat.Snapshot
	var first *netstat.Process
	heap := make([]uint64, 0, 50)
	for range cap(heap) {
		if err := table.Read(everything, &s); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = slices.MaxFunc(s.Sockets, func(a, b netstat.Socket) int { return len(a.Owners) - len(b.Owners) }).Owners[0].Process
		}
		runtime.GC()
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		heap = append(heap, mem.HeapAlloc)
	}
	if first.PID != records[0].PID || first.Name == "" {
		t.Errorf("a process kept from the first read is %+v now", first)
	}
	if grown := int64(heap[len(heap)-1]) - int64(heap[5]); grown > 256<<10 {
		t.Errorf("the heap grew by %d bytes in %d reads", grown, len(heap)-5)
	}
}
