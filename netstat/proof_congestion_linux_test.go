package netstat_test

import (
	"net"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// TestProofCongestion cuts the line of a connection that has data to send, so that congestion avoidance takes it for lost,
// and holds what each method tells of it and of one that is well. What was sent in vain is not counted twice.
func TestProofCongestion(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	out, port := connected(t)
	if _, err := out.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	for _, m := range methods[:3] {
		if i := infoOf(t, m, port); i.Congestion != netstat.CongestionOpen || !i.HasPayload || i.PayloadSent != 1000 {
			t.Errorf("%v: %+v", m, i)
		}
	}
	testutil.Command(t, "ip", "link", "set", "lo", "down")
	if _, err := out.Write(make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(5 * time.Second); infoOf(t, netstat.Proc, port).Congestion != netstat.CongestionLoss; {
		if time.Now().After(late) {
			t.Fatalf("%+v", infoOf(t, netstat.Proc, port))
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, m := range methods[:3] {
		if i := infoOf(t, m, port); i.Congestion != netstat.CongestionLoss || i.PayloadSent > 1500 {
			t.Errorf("%v: %+v", m, i)
		}
	}
}

// connected is a connection, both ends of which are held until the test ends, and the local port of one.
func connected(t *testing.T) (net.Conn, uint16) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close(); in.Close() })
	return out, uint16(out.LocalAddr().(*net.TCPAddr).Port)
}

func infoOf(t *testing.T, m netstat.Method, port uint16) netstat.TCPInfo {
	t.Helper()
	s := readWith(t, m, netstat.Query{Protos: netstat.QueryTCP, LocalPorts: []uint16{port}, Info: true})
	if len(s.Sockets) != 1 {
		t.Fatalf("%v: %+v", m, s.Sockets)
	}
	return s.Sockets[0].Info
}
