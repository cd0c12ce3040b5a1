package miblayout

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// TestDelete reads what is written for the system with the decoder of what the system writes.
func TestDelete(t *testing.T) {
	local, remote := netip.MustParseAddrPort("10.1.2.3:8080"), netip.MustParseAddrPort("192.0.2.7:443")
	row := DeleteTCP4(local, remote)
	table, err := Parse(TCP4Basic, append([]byte{1, 0, 0, 0}, row[:]...))
	if err != nil {
		t.Fatal(err)
	}
	if r := table.Row(0); r.Local != local || r.Remote != remote || r.State != DeleteTCB {
		t.Errorf("%+v", r)
	}
	key := TCP6Key(netip.MustParseAddrPort("[fe80::1%7]:8080"), netip.MustParseAddrPort("[2001:db8::2]:443"))
	for i, want := range []struct {
		addr  string
		port  uint16
		scope uint32
	}{{"fe80::1", 8080, 7}, {"2001:db8::2", 443, 0}} {
		b := key[28*i:]
		if binary.LittleEndian.Uint16(b) != 23 || binary.BigEndian.Uint16(b[2:]) != want.port || binary.LittleEndian.Uint32(b[24:]) != want.scope ||
			!bytes.Equal(b[8:24], netip.MustParseAddr(want.addr).AsSlice()) {
			t.Errorf("%s: % x", want.addr, b[:28])
		}
	}
}
