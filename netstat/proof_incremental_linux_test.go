package netstat_test

import (
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// TestProofIncremental reads a table again and again while sockets of every kind come and go, and holds that what is told
// after the steps of the search is what the processes say.
func TestProofIncremental(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	testutil.Veth(t, "v0", "v1")
	makers := testutil.BuildMakers(t)
	tables := map[netstat.Method]*netstat.Table{}
	for _, m := range methods {
		tables[m] = open(t, m)
	}
	q := everything
	q.Incremental = true
	records := startKinds(t, makers, testutil.AllKinds, 2)
	check := func(after string, readings int) {
		for m, table := range tables {
			var rows []testutil.Row
			for range readings {
				rows = readIncremental(t, table, q)
			}
			for _, d := range testutil.DiffRows(rows, truthFor(m, records)) {
				t.Errorf("%v, %s: %s", m, after, d)
			}
		}
	}
	check("at first", 1)
	check("at second", 1)
	for _, kind := range []string{"pair4", "fork", "thread", "pass", "udp6", "unix-pair", "dup"} {
		records = append(records, makers.Start(t, kind, 3).Records...)
		check(kind, 3)
	}
}

func readIncremental(t *testing.T, table *netstat.Table, q netstat.Query) []testutil.Row {
	t.Helper()
	var s netstat.Snapshot
	if err := table.Read(q, &s); err != nil {
		t.Fatal(err)
	}
	return rowsOf(&s)
}

// TestProofIncrementalHeld: a socket whose owner is not found yet is not left out of those that are held.
func TestProofIncrementalHeld(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	makers := testutil.BuildMakers(t)
	startKinds(t, makers, []string{"pair4", "finished"}, 3)
	table := open(t, netstat.Proc)
	q := netstat.Query{Protos: netstat.QueryTCP, Owner: netstat.OwnerPID, Held: true, Incremental: true}
	readIncremental(t, table, q)
	startKinds(t, makers, []string{"pair6", "accept-queue"}, 3)
	for range 3 {
		rows := readIncremental(t, table, q)
		whole := readWith(t, netstat.Proc, netstat.Query{Protos: netstat.QueryTCP, Owner: netstat.OwnerPID})
		whole.Sockets = slices.DeleteFunc(whole.Sockets, func(k netstat.Socket) bool { return len(k.Owners) == 0 })
		same(t, rows, rowsOf(whole))
	}
}
