package testutil

import (
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil/truth"
)

// The comparison is what the proof rests on: it must see every kind of difference.
func TestDiffRows(t *testing.T) {
	want := TruthRows([]truth.Record{
		{PID: 1, FD: 3, Inode: 7, Proto: "tcp", State: "LISTEN", Local: "127.0.0.1:1", Remote: "0.0.0.0:0"},
		{PID: 2, FD: 4, Inode: 7, Proto: "tcp", State: "LISTEN", Local: "127.0.0.1:1", Remote: "0.0.0.0:0"},
		{FD: -1, Proto: "tcp", State: "TIME_WAIT", Local: "127.0.0.1:1", Remote: "127.0.0.1:2", Missing: "time_wait"},
		{PID: 1, Inode: 8, Proto: "udp", Absent: true},
	})
	if len(want) != 2 || len(want[0].Owners) != 2 {
		t.Fatalf("merged to %+v", want)
	}
	for name, change := range map[string]func(rows []Row) []Row{
		"":         func(rows []Row) []Row { return rows },
		"lost":     func(rows []Row) []Row { return rows[1:] },
		"extra":    func(rows []Row) []Row { return append(rows, Row{Proto: "udp", Inode: 9}) },
		"twice":    func(rows []Row) []Row { return append(rows, rows[0]) },
		"state":    func(rows []Row) []Row { rows[0].State = "BOUND"; return rows },
		"owner":    func(rows []Row) []Row { rows[0].Owners = []string{"1/3", "2/5"}; return rows },
		"fewer":    func(rows []Row) []Row { rows[0].Owners = rows[0].Owners[:1]; return rows },
		"missing":  func(rows []Row) []Row { rows[1].Missing = "orphan"; return rows },
		"address":  func(rows []Row) []Row { rows[1].Remote = "127.0.0.1:3"; return rows },
		"inode":    func(rows []Row) []Row { rows[0].Inode = 70; return rows },
		"unix row": func(rows []Row) []Row { rows[0].Proto = "unix"; return rows },
	} {
		got := change(append([]Row(nil), want...))
		if diff := DiffRows(got, want); (len(diff) == 0) != (name == "") {
			t.Errorf("%q: %q", name, diff)
		}
	}
}
