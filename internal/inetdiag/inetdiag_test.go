package inetdiag

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the golden files are from a little-endian machine")
	}
	return b
}

func decodeAll(t *testing.T, b []byte, proto uint16) []rawsock.Record {
	t.Helper()
	r := Rows{Proto: proto, NetNS: 77}
	r.Begin()
	done, interrupted, err := r.Batch(b)
	if !done || interrupted || err != nil {
		t.Fatalf("done %v, interrupted %v, error %v", done, interrupted, err)
	}
	return r.Rows
}

func line(r *rawsock.Record) string {
	n := 4
	if r.Family == rawsock.AFInet6 {
		n = 16
	}
	local, _ := netip.AddrFromSlice(r.Local[:n])
	remote, _ := netip.AddrFromSlice(r.Remote[:n])
	return fmt.Sprintf("%d %s %s %d/%d", r.State, netip.AddrPortFrom(local, r.LocalPort), netip.AddrPortFrom(remote, r.RemotePort), r.RecvQ, r.SendQ)
}

func check(t *testing.T, rows []rawsock.Record, want ...string) {
	t.Helper()
	var got []string
	for i := range rows {
		got = append(got, line(&rows[i]))
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("%q is missing from %q", w, got)
		}
	}
}

func TestGoldenTCP(t *testing.T) {
	rows := decodeAll(t, golden(t, "tcp-both"), rawsock.ProtoTCP)
	check(t, rows,
		"10 127.0.0.1:8080 0.0.0.0:0 2/7", // two wait to be accepted
		"10 [::1]:8081 [::]:0 0/9",
		"10 [::]:8082 [::]:0 0/1",
		"13 127.0.0.1:8090 0.0.0.0:0 0/0",
	)
	var states [16]int
	for i := range rows {
		r := &rows[i]
		states[r.State]++
		if r.NetNS != 77 || r.Proto != rawsock.ProtoTCP || r.Cookie == 0 {
			t.Errorf("record %+v", *r)
		}
		if r.State == rawsock.TimeWait && r.Inode != 0 {
			t.Errorf("TIME_WAIT with an inode: %+v", *r)
		}
		if r.LocalPort == 8080 && r.RecvQ == 600 && (r.Received != 1000 || r.RTT == 0 || r.Cwnd == 0 || r.Cgroup == 0) {
			t.Errorf("info is missing: %+v", *r)
		}
	}
	if states != [16]int{rawsock.Established: 8, rawsock.TimeWait: 1, rawsock.Listen: 3, rawsock.BoundInactive: 1} {
		t.Errorf("states %v", states)
	}
}

func TestGoldenMapped(t *testing.T) {
	for _, r := range decodeAll(t, golden(t, "tcp-both"), rawsock.ProtoTCP) {
		if r.State == rawsock.Established && r.Family == rawsock.AFInet6 {
			if a := netip.AddrFrom16(r.Local); !a.Is4In6() || r.LocalPort != 8082 {
				t.Errorf("local address %v, port %d", a, r.LocalPort)
			}
			return
		}
	}
	t.Error("no IPv6 connection")
}

func TestGoldenUDP(t *testing.T) {
	check(t, decodeAll(t, golden(t, "udp4"), rawsock.ProtoUDP),
		"7 127.0.0.1:5353 0.0.0.0:0 832/0", "1 127.0.0.1:5354 127.0.0.1:5353 0/0")
	check(t, decodeAll(t, golden(t, "udp6"), rawsock.ProtoUDP), "7 [::1]:5355 [::]:0 0/0")
}

func TestGoldenUnix(t *testing.T) {
	r := new(UnixRows)
	r.Begin()
	if done, _, err := r.Batch(golden(t, "unix")); !done || err != nil {
		t.Fatal(done, err)
	}
	var got []string
	peers := map[uint32]uint32{}
	for _, u := range r.Rows {
		got = append(got, fmt.Sprintf("%d %d %q %d/%d", u.Type, u.State, u.Name, u.RecvQ, u.SendQ))
		peers[u.Inode] = u.Peer
	}
	for _, want := range []string{
		`1 10 "@abstract@name" 0/3`, `1 10 "/tmp/golden.sock" 1/4`, `2 7 "" 0/0`, `1 1 "" 0/768`, `5 1 "" 0/0`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing from %v", want, got)
		}
	}
	for _, u := range r.Rows {
		if u.Type == 5 && (u.Peer == 0 || peers[u.Peer] != u.Inode) {
			t.Errorf("the pair is not a pair: %+v, %v", u, peers)
		}
	}
}

func TestGoldenError(t *testing.T) {
	var d Decoder
	done, _, err := d.Decode(golden(t, "bad-proto"), nil)
	var e *Error
	if !done || !errors.As(err, &e) || e.Errno != 2 || !errors.Is(err, syscall.Errno(2)) {
		t.Errorf("done %v, error %v", done, err)
	}
}

// message builds one message around a body.
func msg(typ, flags uint16, body []byte) []byte {
	b := appendHeader(nil, typ)
	binary.NativeEndian.PutUint16(b[6:], flags)
	b = append(b, body...)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func row(family byte, attrs ...byte) []byte {
	return append(append([]byte{family, 1}, make([]byte, sizeMsg-2)...), attrs...)
}

func TestControl(t *testing.T) {
	errno := func(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
	for name, c := range map[string]struct {
		batch             []byte
		done, interrupted bool
		rows              int
		errno             syscall.Errno
		fails             bool
	}{
		"nothing":           {},
		"done":              {batch: msg(typeDone, 0, errno(0)), done: true},
		"done of old":       {batch: msg(typeDone, 0, nil), done: true},
		"done with error":   {batch: msg(typeDone, 0, errno(-12)), done: true, errno: 12, fails: true},
		"done interrupted":  {batch: msg(typeDone, flagInterrupted, errno(0)), done: true, interrupted: true},
		"row interrupted":   {batch: msg(typeFamily, flagInterrupted, row(2)), rows: 1, interrupted: true},
		"error":             {batch: msg(typeError, 0, errno(-1)), done: true, errno: 1, fails: true},
		"acknowledgement":   {batch: msg(typeError, 0, errno(0)), done: true},
		"error cut":         {batch: msg(typeError, 0, nil), done: true, fails: true},
		"lost":              {batch: msg(typeOverrun, 0, nil), done: true, fails: true},
		"noop and a row":    {batch: append(msg(typeNoop, 0, nil), msg(typeGetSock, 0, row(10))...), rows: 1},
		"row after done":    {batch: append(msg(typeDone, 0, nil), msg(typeFamily, 0, row(10))...), done: true},
		"row cut":           {batch: msg(typeFamily, 0, row(2)[:sizeMsg-1]), fails: true},
		"strange family":    {batch: msg(typeFamily, 0, row(7)), fails: true},
		"header cut":        {batch: make([]byte, 15), fails: true},
		"length 0":          {batch: make([]byte, 16), fails: true},
		"attribute":         {batch: msg(typeFamily, 0, row(2, 12, 0, attrCgroupID, 0, 1, 2, 3, 4, 5, 6, 7, 8)), rows: 1},
		"attribute cut":     {batch: msg(typeFamily, 0, row(2, 13, 0, attrCgroupID, 0, 1, 2, 3, 4, 5, 6, 7, 8)), fails: true},
		"attribute short":   {batch: msg(typeFamily, 0, row(2, 8, 0, attrCgroupID, 0, 1, 2, 3, 4)), fails: true},
		"attribute header":  {batch: msg(typeFamily, 0, row(2, 12, 0)), fails: true},
		"attribute of none": {batch: msg(typeFamily, 0, row(2, 0, 0, 0, 0)), fails: true},
		"info of old":       {batch: msg(typeFamily, 0, row(2, 8, 0, attrInfo, 0, 1, 2, 3, 4)), rows: 1},
	} {
		var d Decoder
		n := 0
		done, interrupted, err := d.Decode(c.batch, func(*rawsock.Record) bool { n++; return true })
		if done != c.done || interrupted != c.interrupted || n != c.rows || (err != nil) != c.fails {
			t.Errorf("%s: done %v, interrupted %v, %d rows, error %v", name, done, interrupted, n, err)
		}
		if c.errno != 0 && !errors.Is(err, c.errno) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestErrorQuotesInput(t *testing.T) {
	var d Decoder
	_, _, err := d.Decode([]byte{0xde, 0xad, 0xbe, 0xef}, nil)
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("de ad be ef")) {
		t.Errorf("error %v", err)
	}
}

func TestNoCookie(t *testing.T) {
	b := row(2)
	copy(b[44:], bytes.Repeat([]byte{0xff}, 8))
	var r rawsock.Record
	if err := decodeRow(b, 6, &r); err != nil || r.Cookie != 0 {
		t.Errorf("cookie %#x, error %v", r.Cookie, err)
	}
}

func TestInfoOfTCPOnly(t *testing.T) {
	info := append([]byte{140, 0, attrInfo, 0}, bytes.Repeat([]byte{1}, 136)...)
	for proto, want := range map[uint16]uint32{rawsock.ProtoTCP: 0x01010101, rawsock.ProtoMPTCP: 0} {
		var r rawsock.Record
		if err := decodeRow(row(2, info...), proto, &r); err != nil || r.RTT != want || r.Retrans != want {
			t.Errorf("protocol %d: %+v, %v", proto, r, err)
		}
	}
}

func TestStop(t *testing.T) {
	d, n := Decoder{Proto: 6}, 0
	done, _, err := d.Decode(golden(t, "tcp-both"), func(*rawsock.Record) bool { n++; return n < 3 })
	if done || n != 3 || !errors.Is(err, ErrStopped) {
		t.Errorf("done %v after %d rows, error %v", done, n, err)
	}
}

func TestRowsRetry(t *testing.T) {
	b, r := golden(t, "udp4"), Rows{Proto: 17}
	for range 2 {
		r.Begin()
		r.Batch(b)
	}
	r.Retry()
	r.Batch(b)
	if len(r.Rows) != 4 {
		t.Errorf("%d rows", len(r.Rows))
	}
}

func TestRequestBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes are those of a little-endian machine")
	}
	const id = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		req  Request
		want string
	}{
		"both": {Request{Proto: 6}, "4c000000" + "1200" + "0103" + "0000000000000000" + "00000000" + id + "fe3f0000" + "00000000"},
		"udp6": {Request{Proto: 17, Family: 10, States: 1 << 7, Info: true}, "48000000" + "1400" + "0103" + "0000000000000000" + "0a110200" + "80000000" + id},
		"mptcp": {Request{Proto: 262, Family: 2}, "50000000" + "1400" + "0103" + "0000000000000000" + "02060000" + "fe3f0000" + id +
			"08000300" + "06010000"},
		"port": {Request{Proto: 6, Family: 2, Ports: []Range{{443, 443}}}, "5c000000" + "1400" + "0103" + "0000000000000000" + "02060000" + "fe3f0000" +
			"01bb" + id[4:] + "14000100" + "02081400" + "0000bb01" + "03080c00" + "0000bb01"},
	} {
		b, err := c.req.Append([]byte("before"))
		if got := hex.EncodeToString(b[len("before"):]); err != nil || got != c.want {
			t.Errorf("%s:\n got %s\nwant %s (%v)", name, got, c.want, err)
		}
	}
}

func TestRequestErrors(t *testing.T) {
	for _, r := range []Request{{Proto: 17}, {Proto: 6, Ports: make([]Range, MaxRanges+1)}} {
		if b, err := r.Append(nil); err == nil || len(b) != 0 {
			t.Errorf("%+v: %x, %v", r, b, err)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		ports []uint16
		want  []Range
	}{
		{nil, nil},
		{[]uint16{80}, []Range{{80, 80}}},
		{[]uint16{82, 80, 81, 80, 443}, []Range{{80, 82}, {443, 443}}},
		{[]uint16{65535, 0, 65534}, []Range{{0, 0}, {65534, 65535}}},
	} {
		if got := Ranges(c.ports); !slices.Equal(got, c.want) {
			t.Errorf("Ranges(%v) = %v", c.ports, got)
		}
	}
}

// run is the kernel's interpreter (inet_diag_bc_run), for the operations that are used here.
func run(prog []byte, port uint16) bool {
	left := len(prog)
	for left > 0 {
		op := prog[len(prog)-left:]
		yes, no := int(op[1]), int(binary.NativeEndian.Uint16(op[2:]))
		holds := false
		switch op[0] {
		case opLocalFrom:
			holds = port >= binary.NativeEndian.Uint16(op[6:])
		case opLocalTo:
			holds = port <= binary.NativeEndian.Uint16(op[6:])
		}
		if holds {
			left -= yes
		} else {
			left -= no
		}
	}
	return left == 0
}

func TestBytecode(t *testing.T) {
	for _, ports := range [][]uint16{{1}, {1, 2, 3}, {5, 9}, {5, 9, 10, 4000, 65535}, {0, 65535}} {
		prog := appendBytecode(nil, Ranges(ports))
		for p := range 1 << 16 {
			if got := run(prog, uint16(p)); got != slices.Contains(ports, uint16(p)) {
				t.Fatalf("%v: port %d is let through: %v", ports, p, got)
			}
		}
	}
}

func TestSeq(t *testing.T) {
	b := new(UnixRequest).Append(nil)
	SetSeq(b, 99)
	if seq, ok := Seq(b); seq != 99 || !ok {
		t.Errorf("sequence %d, %v", seq, ok)
	}
	SetSeq(b[:15], 1)
	if _, ok := Seq(b[:15]); ok {
		t.Error("half a header has a sequence number")
	}
}

func seeds(f *testing.F) {
	for _, name := range []string{"tcp-both", "udp4", "udp6", "unix", "bad-proto"} {
		f.Add(golden(f, name))
	}
}

func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := Decoder{Proto: 6}
		d.Decode(b, func(r *rawsock.Record) bool {
			if r.Family != 2 && r.Family != 10 {
				t.Errorf("family %d", r.Family)
			}
			return true
		})
	})
}

func FuzzDecodeUnix(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var d UnixDecoder
		d.Decode(b, func(r *rawsock.Unix) bool {
			if bytes.IndexByte([]byte(r.Name), 0) >= 0 {
				t.Errorf("name %q", r.Name)
			}
			return true
		})
	})
}

func FuzzRanges(f *testing.F) {
	f.Add([]byte{0, 80, 0, 81, 1, 187})
	f.Fuzz(func(t *testing.T, b []byte) {
		var ports []uint16
		for ; len(b) >= 2 && len(ports) < MaxRanges; b = b[2:] {
			ports = append(ports, binary.BigEndian.Uint16(b))
		}
		if len(ports) == 0 {
			return
		}
		prog := appendBytecode(nil, Ranges(ports))
		for _, p := range ports {
			for _, q := range []uint16{p - 1, p, p + 1} {
				if run(prog, q) != slices.Contains(ports, q) {
					t.Fatalf("%v: port %d", ports, q)
				}
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	batch, d := golden(b, "tcp-both"), Decoder{Proto: 6}
	n := 0
	emit := func(*rawsock.Record) bool { n++; return true }
	b.ReportAllocs()
	for b.Loop() {
		d.Decode(batch, emit)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/socket")
}
