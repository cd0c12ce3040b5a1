package netstat

import (
	"fmt"
	"net"
	"slices"
	"testing"
)

// TestHeld compares a query for held sockets with what is left of the whole when those without an owner are taken out: a
// port with a listener, an accepted connection, one that waits to be accepted, and one in TIME_WAIT.
func TestHeld(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	dial := func() net.Conn {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	defer dial().Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	gone := dial()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	server.Close() // closes first, so TIME_WAIT stays at the port
	gone.Close()
	defer dial().Close() // never accepted
	for m := Auto; m <= IPHelper; m++ {
		table, err := Open(&Config{Method: m})
		if err != nil {
			continue // not on this system, or not for this user
		}
		defer table.Close()
		q := Query{Protos: QueryTCP, LocalPorts: []uint16{port}, Owner: OwnerPID}
		want := rowsOf(t, table, q)
		want = slices.DeleteFunc(want, func(s Socket) bool { return len(s.Owners) == 0 && !s.Missing.Hides() })
		q.Held = true
		if got := rowsOf(t, table, q); fmt.Sprint(brief(got)) != fmt.Sprint(brief(want)) {
			t.Errorf("%v:\n got %v\nwant %v", m, brief(got), brief(want))
		}
		if len(want) < 2 {
			t.Errorf("%v: of listener and connection there is only %v", m, brief(want))
		}
		q.Owner = OwnerNone
		all := rowsOf(t, table, q)
		q.Held = false
		if plain := rowsOf(t, table, q); len(all) != len(plain) {
			t.Errorf("%v: without owners Held must change nothing: %d rows, not %d", m, len(all), len(plain))
		}
	}
}

func rowsOf(t *testing.T, table *Table, q Query) []Socket {
	t.Helper()
	q.Ordered = true
	s := new(Snapshot)
	if err := table.Read(q, s); err != nil {
		t.Fatal(err)
	}
	return s.Sockets
}

func brief(sockets []Socket) (list []string) {
	for _, s := range sockets {
		list = append(list, fmt.Sprintf("%v %v %v %v %d", s.State, s.Local, s.Remote, s.Missing, len(s.Owners)))
	}
	return list
}
