package view

import (
	"io"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

// manySockets is a busy server's table.
func manySockets(n int, v6 bool) []netstat.Socket {
	all := make([]netstat.Socket, n)
	for i := range all {
		local, remote := netip.AddrFrom4([4]byte{192, 168, 10, 20}), netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if v6 {
			local = netip.MustParseAddr("2001:db8::20")
			remote = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i), 14: byte(i >> 8), 9: 7})
		}
		all[i] = netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Local: netip.AddrPortFrom(local, 443),
			Remote: netip.AddrPortFrom(remote, uint16(1024+i%60000)), UID: 33, HasUID: true, HasQueues: true, Inode: uint64(100000 + i), Cookie: uint64(i + 1),
			NetNS: 4026531840, Owners: []netstat.Owner{{Process: nginx, FD: int32(i)}}}
	}
	return all
}

func benchmarkWriter(b *testing.B, opt Options, v6 bool) {
	opt.Names = sampleNames()
	sockets := manySockets(1000, v6)
	w := NewWriter(io.Discard, opt)
	for i := range sockets {
		w.Row(&sockets[i])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i == len(sockets) {
			i = 0
		}
		w.Row(&sockets[i])
	}
}

func BenchmarkTable(b *testing.B) {
	benchmarkWriter(b, Options{Columns: Columns(tanp...)}, false)
}

func BenchmarkTableIPv6(b *testing.B) {
	benchmarkWriter(b, Options{Columns: Columns(tanp...)}, true)
}

func BenchmarkTableUser(b *testing.B) {
	benchmarkWriter(b, Options{Columns: Columns("proto", "state", "recv_q", "send_q", "local", "remote", "user", "owners")}, false)
}

func BenchmarkJSON(b *testing.B) {
	benchmarkWriter(b, Options{Format: JSON, Columns: SchemaColumns(Needs{Owners: true})}, false)
}

func BenchmarkCSV(b *testing.B) {
	benchmarkWriter(b, Options{Format: CSV, Columns: FlatColumns(Needs{Owners: true})}, false)
}

func TestRowsDoNotAllocate(t *testing.T) {
	for _, f := range []Format{Table, JSON, JSONL, CSV} {
		w := NewWriter(io.Discard, Options{Format: f, Names: sampleNames(), Columns: Columns(ColumnNames()...)})
		sockets := manySockets(1200, false)
		for i := range sockets {
			w.Row(&sockets[i])
		}
		if n := testing.AllocsPerRun(1000, func() { w.Row(&sockets[0]) }); n != 0 {
			t.Errorf("format %d: %v allocations", f, n)
		}
	}
}
